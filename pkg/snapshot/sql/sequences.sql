-- Kind, name, and a member a column; never where the sequence stands. $1: owners and privileges too.
select 'sequence', format('%I.%I', s.nspname, c.relname),
       format_type(q.seqtypid, null) as type, q.seqstart as start, q.seqincrement as increment,
       q.seqmin as min, q.seqmax as max, q.seqcache as cache, q.seqcycle as cycle,
       c.relpersistence = 'u' as unlogged, o.deptype = 'i' as identity,
       (select format('%I.%I.%I', n.nspname, r.relname, a.attname)
          from pg_class r join pg_namespace n on n.oid = r.relnamespace join pg_attribute a on a.attrelid = r.oid
         where r.oid = o.refobjid and a.attnum = o.refobjsubid) as owned_by,
       case when $1::boolean then pg_get_userbyid(c.relowner) end as owner,
       case when $1::boolean then to_json(array(select g::text from unnest(c.relacl) g order by 1)) end as privileges,
       obj_description(c.oid, 'pg_class') as comment
  from pg_sequence q
  join pg_class c on c.oid = q.seqrelid
  join pg_namespace s on s.oid = c.relnamespace
  left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid and o.objsubid = 0
                       and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i')
 where c.relkind = 'S'
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
