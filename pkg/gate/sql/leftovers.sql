-- What an interrupted migration leaves: invalid indexes that nobody is building, and constraints that
-- were never validated. Kind, name, table, name alone. Partitions say again what their parent says.
select 'index', pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.format('%I.%I', tn.nspname, t.relname), pg_catalog.format('%I', c.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class t on t.oid = i.indrelid
  join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
 where not i.indisvalid and c.relkind = 'i'
   and n.nspname not in ('information_schema', 'headgate') and n.nspname !~ '^pg_'
   and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
union all
select 'constraint', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, k.conname),
       pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I', k.conname)
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not k.convalidated and k.contype in ('c', 'f', 'n') and k.conparentid = 0 and k.coninhcount = 0
   and n.nspname not in ('information_schema', 'headgate') and n.nspname !~ '^pg_'
   and not exists (select from pg_catalog.pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and x.objid = c.oid)
 order by 1 desc, 2
