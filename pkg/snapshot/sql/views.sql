-- Views without their text, which is asked for apart (deparsed.sql). Kind, name, and a member a
-- column. $1: owners and privileges too.
select case c.relkind when 'v' then 'view' else 'materialized view' end, format('%I.%I', s.nspname, c.relname),
       to_json((select array_agg(o order by o) from unnest(c.reloptions) o)) as options,
       not c.relispopulated as unpopulated,
       (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when $1::boolean then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       obj_description(c.oid, 'pg_class') as comment
  from pg_class c
  join pg_namespace s on s.oid = c.relnamespace
 where c.relkind in ('v', 'm')
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
