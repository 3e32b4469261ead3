-- Sequences: oid, schema, name, and a member a column; never where the sequence stands. Whose column it
-- belongs to is asked for only where its table is an extension's. $1: owners and privileges too.
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
)
select c.oid, c.relnamespace, c.relname as ".name", o.refobjid as ".table", o.refobjsubid as ".column",
       q.seqcache as cache, nullif(q.seqcycle, false) as cycle,
       case when o.deptype = 'i' then true end as identity, q.seqincrement as increment,
       q.seqmax as max, q.seqmin as min,
       case when o.refobjid in (select objid from members)
            then (select format('%I.%I.%I', n.nspname, r.relname, a.attname)
                    from pg_class r join pg_namespace n on n.oid = r.relnamespace
                    join pg_attribute a on a.attrelid = r.oid
                   where r.oid = o.refobjid and a.attnum = o.refobjsubid) end as owned_by,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when $1::boolean and c.relacl is not null
            then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       q.seqstart as start,
       case q.seqtypid when 20 then 'bigint' when 23 then 'integer' else 'smallint' end as type,
       case when c.relpersistence = 'u' then true end as unlogged
  from pg_sequence q
  join pg_class c on c.oid = q.seqrelid
  left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid and o.objsubid = 0
                       and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i')
 where c.oid not in (select objid from members)
   and c.relnamespace in (select oid from pg_namespace
                              where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate'))
