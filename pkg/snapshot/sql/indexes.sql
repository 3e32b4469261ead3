-- Kind, name, and a member a column.
select 'index', format('%I.%I', s.nspname, c.relname),
       format('%I.%I', n.nspname, t.relname) as table,
       pg_get_indexdef(c.oid) as definition,
       not i.indisvalid as invalid, not i.indisready as not_ready,
       (select format('%I', k.conname) from pg_constraint k
         where k.conindid = c.oid and k.contype in ('p', 'u', 'x') and k.conrelid = i.indrelid) as constraint,
       (select format('%I.%I', m.nspname, r.relname)
          from pg_inherits h join pg_class r on r.oid = h.inhparent join pg_namespace m on m.oid = r.relnamespace
         where h.inhrelid = c.oid) as index_of,
       i.indisclustered as clustered, i.indisreplident as replica_identity,
       (select e.spcname from pg_tablespace e where e.oid = c.reltablespace) as tablespace,
       obj_description(c.oid, 'pg_class') as comment
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace s on s.oid = c.relnamespace
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
 where c.relkind in ('i', 'I')
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
