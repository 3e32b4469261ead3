-- The columns of tables and views, in their order: the relation's kind and name, and a member a column.
-- $1: privileges too. `newer` has what a server of this version may not have in pg_attribute; the
-- rules of name resolution take it from there only then. Options that begin with pg_ are the server's
-- own counters (15.20 and its like keep one that every ALTER moves).
select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
       format('%I.%I', s.nspname, c.relname),
       a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null,
       case when a.attgenerated = '' then a.expression end as default,
       case when a.attgenerated <> '' then a.expression end as generated,
       a.attgenerated = 'v' as virtual,
       case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
       case when a.attcollation <> t.typcollation
            then (select format('%I.%I', n.nspname, l.collname)
                    from pg_collation l join pg_namespace n on n.oid = l.collnamespace
                   where l.oid = a.attcollation) end as collation,
       case when a.attstorage <> t.typstorage then a.attstorage end as storage,
       nullif(a.compression, '') as compression,
       nullif(a.attstattarget, -1) as statistics,
       case when a.attoptions is not null
            then to_json((select array_agg(o order by o) from unnest(a.attoptions) o where o !~ '^pg_')) end as options,
       to_json(a.attfdwoptions) as foreign_options,
       a.attinhcount > 0 and not a.attislocal as inherited,
       case when $1::boolean and a.attacl is not null then to_json(array(select g::text from unnest(a.attacl) g order by 1)) end as privileges,
       a.comment
  from (select null::"char" as attcompression) as newer,
       lateral (select b.*, attcompression::text as compression, d.description as comment,
                       pg_get_expr(f.adbin, f.adrelid) as expression
                  from pg_attribute b
                  left join pg_attrdef f on f.adrelid = b.attrelid and f.adnum = b.attnum
                  left join pg_description d on d.classoid = 'pg_class'::regclass
                                            and d.objoid = b.attrelid and d.objsubid = b.attnum
                 where b.attnum > 0 and not b.attisdropped) a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace s on s.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
 where c.relkind in ('r', 'p', 'f', 'v', 'm')
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
 order by a.attrelid, a.attnum
