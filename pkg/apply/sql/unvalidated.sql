-- Constraints that were never validated: table, name. Partitions say again what their parent says.
select pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I', k.conname)
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not k.convalidated and k.contype in ('c', 'f', 'n') and k.conparentid = 0 and k.coninhcount = 0
   and n.nspname not in ('information_schema', 'headgate') and n.nspname !~ '^pg_'
 order by 1, 2
