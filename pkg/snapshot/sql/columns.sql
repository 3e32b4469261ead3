-- The columns of tables and views: relation, number, type, collation, and a member a column. $1: privileges
-- too. `newer` has what a server of this version may not have in pg_attribute; the rules of name
-- resolution take it from there only then. Options that begin with pg_ are the server's own counters
-- (15.20 and its like keep one that every ALTER moves). Defaults and
-- generated values come apart (defaults.sql).
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
)
select a.attrelid, a.attnum, a.atttypid, a.attcollation, nullif(a.attgenerated, '') as ".generated",
       case when a.attcollation <> 0 and a.attcollation <> t.typcollation
            then (select format('%I.%I', n.nspname, l.collname)
                    from pg_collation l join pg_namespace n on n.oid = l.collnamespace
                   where l.oid = a.attcollation) end as collation,
       nullif(a.compression, '') as compression,
       case when a.attfdwoptions is not null then to_json(a.attfdwoptions) end as foreign_options,
       case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
       case when a.attinhcount > 0 and not a.attislocal then true end as inherited,
       a.attname as name,
       nullif(a.attnotnull, false) as not_null,
       case when a.attoptions[1] not like 'pg\_%' or a.attoptions[2] is not null
            then to_json((select array_agg(o order by o) from unnest(a.attoptions) o
                           where o not like 'pg\_%')) end as options,
       case when $1::boolean and a.attacl is not null
            then to_json(array(select g::text from unnest(a.attacl) g order by 1)) end as privileges,
       nullif(a.attstattarget, -1) as statistics,
       case when a.attstorage <> t.typstorage then a.attstorage end as storage,
       format_type(a.atttypid, a.atttypmod) as type,
       case when a.attgenerated = 'v' then true end as virtual
  from (select null::"char" as attcompression) as newer,
       lateral (select b.*, attcompression::text as compression from pg_attribute b) a
  join pg_type t on t.oid = a.atttypid
 where a.attnum > 0 and not a.attisdropped
   and a.attrelid in (select c.oid from pg_class c
                       where c.relkind in ('r', 'p', 'f', 'v', 'm')
                         and c.oid not in (select objid from members)
                         and c.relnamespace in (select oid from pg_namespace
                              where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate')))
