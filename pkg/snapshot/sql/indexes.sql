-- Indexes: oid, schema, name, what a plain one is defined by, and a member a column. ".plain" is null
-- where only the server can print the definition.
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
)
select c.oid, c.relnamespace, c.relname as ".name", i.indrelid as ".table",
       case when c.relkind = 'i' and c.relam = 403 and i.indexprs is null and i.indpred is null
             and c.reloptions is null and not coalesce(i.equal_nulls, false) then true end as ".plain",
       i.indkey as ".columns", i.indclass as ".classes", i.indcollation as ".collations",
       i.indoption as ".orders", i.indnkeyatts as ".keys", i.indisunique as ".unique",
       nullif(i.indisclustered, false) as clustered,
       case when not i.indisvalid then true end as invalid,
       case when not i.indisready then true end as not_ready,
       nullif(i.indisreplident, false) as replica_identity,
       case when c.reltablespace <> 0
            then (select e.spcname from pg_tablespace e where e.oid = c.reltablespace) end as tablespace
  from (select null::boolean as indnullsnotdistinct) as newer,
       lateral (select b.*, indnullsnotdistinct as equal_nulls from pg_index b) i
  join pg_class c on c.oid = i.indexrelid
 where c.relkind in ('i', 'I') and c.oid not in (select objid from members)
   and c.relnamespace in (select oid from pg_namespace
                              where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate'))
