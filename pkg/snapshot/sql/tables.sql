-- Tables: oid, schema, name, and a member a column. $1: owners and privileges too. What an extension made
-- is found from the extension, by an index.
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
), parents as materialized (
    select i.inhrelid, array_agg(format('%I.%I', n.nspname, r.relname) order by i.inhseqno) as names
      from pg_inherits i
      join pg_class r on r.oid = i.inhparent
      join pg_namespace n on n.oid = r.relnamespace
     group by i.inhrelid
)
select c.oid, c.relnamespace, c.relname as ".name",
       case when c.relam not in (0, 2) then (select m.amname from pg_am m where m.oid = c.relam) end
           as access_method,
       case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as bound,
       c.relkind = 'f' as foreign,
       case when not c.relispartition then to_json(p.names) end as inherits,
       case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
       case when c.reloptions is not null
            then to_json((select array_agg(o order by o) from unnest(c.reloptions) o)) end as options,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_by,
       case when c.relispartition then p.names[1] end as partition_of,
       case when $1::boolean and c.relacl is not null
            then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index' end
           as replica_identity,
       case when c.relforcerowsecurity then 'forced' when c.relrowsecurity then 'on' end as row_security,
       case when c.relkind = 'f' then (select f.srvname from pg_foreign_table o
                                         join pg_foreign_server f on f.oid = o.ftserver
                                        where o.ftrelid = c.oid) end as server,
       case when c.reltablespace <> 0
            then (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) end as tablespace,
       to_json(o.reloptions) as toast_options,
       c.relpersistence = 'u' as unlogged
  from pg_class c
  left join parents p on p.inhrelid = c.oid
  left join pg_class o on o.oid = c.reltoastrelid and o.reloptions is not null
 where c.relkind in ('r', 'p', 'f') and c.oid not in (select objid from members)
   and c.relnamespace in (select oid from pg_namespace
                              where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate'))
