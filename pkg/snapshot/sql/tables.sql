-- Kind, name, and a member a column (hg_snapshot_read_catalog). $1: owners and privileges too.
select 'table', format('%I.%I', s.nspname, c.relname),
       c.relkind = 'f' as foreign, c.relpersistence = 'u' as unlogged,
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_by,
       case when c.relispartition then p.names[1] end as partition_of,
       case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as bound,
       case when not c.relispartition then to_json(p.names) end as inherits,
       case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
       (select m.amname from pg_am m where m.oid = c.relam and m.amname <> 'heap') as access_method,
       (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
       to_json((select array_agg(o order by o) from unnest(c.reloptions) o)) as options,
       to_json((select t.reloptions from pg_class t where t.oid = c.reltoastrelid)) as toast_options,
       (select f.srvname from pg_foreign_table o join pg_foreign_server f on f.oid = o.ftserver
         where o.ftrelid = c.oid) as server,
       case when c.relforcerowsecurity then 'forced' when c.relrowsecurity then 'on' end as row_security,
       case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index' end
           as replica_identity,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when $1::boolean then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       obj_description(c.oid, 'pg_class') as comment
  from pg_class c
  join pg_namespace s on s.oid = c.relnamespace
  left join (select i.inhrelid, array_agg(format('%I.%I', n.nspname, r.relname) order by i.inhseqno) as names
               from pg_inherits i
               join pg_class r on r.oid = i.inhparent
               join pg_namespace n on n.oid = r.relnamespace
              group by i.inhrelid) p on p.inhrelid = c.oid
 where c.relkind in ('r', 'p', 'f')
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
