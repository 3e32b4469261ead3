-- $1: tables, as quoted names; $2: of each a column, or ''. In this order, of those that are there: the number (from 1),
-- the name, about how many rows and values it has, of its partitions too, and whether counting them is quick: little to
-- read, and nobody has locked it.
with recursive wanted as materialized (
    select w.n, pg_catalog.to_regclass(w.name)::oid as oid, nullif(w.attname, '') as attname
      from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) with ordinality
           as w(name, attname, n)
), parts as (
    select n, oid, attname from wanted
    union all
    select p.n, i.inhrelid, p.attname from parts p join pg_catalog.pg_inherits i on i.inhparent = p.oid
), locked as materialized (
    select relation from pg_catalog.pg_locks
     where locktype = 'relation' and mode = 'AccessExclusiveLock'
       and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
), sums as (
    select p.n,
           case when pg_catalog.min(c.reltuples) >= 0 then pg_catalog.sum(c.reltuples)::bigint::text end as tuples,
           case when pg_catalog.min(c.reltuples) >= 0
                then pg_catalog.sum(c.reltuples * (1 - s.null_frac))::bigint::text end as filled,
           pg_catalog.sum(c.relpages) <= 4096 and pg_catalog.bool_and(c.relkind <> 'f')
               and pg_catalog.bool_and(l.relation is null) as quick
      from parts p
      join pg_catalog.pg_class c on c.oid = p.oid and c.relkind in ('r', 'm', 'f')
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join (select distinct relation from locked) l on l.relation = c.oid
      left join pg_catalog.pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname
                                     and s.attname = p.attname and not s.inherited
     group by p.n
)
select w.n, pg_catalog.format('%I.%I', n.nspname, c.relname), s.tuples, s.filled, coalesce(s.quick, false)
  from wanted w
  join pg_catalog.pg_class c on c.oid = w.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join sums s on s.n = w.n
 where w.attname is null or exists (select from pg_catalog.pg_attribute a
                                     where a.attrelid = c.oid and a.attname = w.attname and not a.attisdropped)
 order by w.n
