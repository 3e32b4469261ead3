-- Views without their text, which is asked for apart (deparsed.sql): oid, schema, name, and a member a
-- column. $1: owners and privileges too.
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
)
select c.oid, c.relnamespace, c.relname as ".name", c.relkind = 'm' as ".materialized",
       case when c.reloptions is not null
            then to_json((select array_agg(o order by o) from unnest(c.reloptions) o)) end as options,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when $1::boolean and c.relacl is not null
            then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       case when c.reltablespace <> 0
            then (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) end as tablespace,
       not c.relispopulated as unpopulated
  from pg_class c
 where c.relkind in ('v', 'm') and c.oid not in (select objid from members)
   and c.relnamespace in (select oid from pg_namespace
                              where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate'))
