-- $1: a table, as a quoted name; $2: a column of it, or null. Its name, and about how many rows and values it
-- has, of its partitions too; no row where there is none.
with recursive parts as (
    select pg_catalog.to_regclass($1)::oid as oid
    union all
    select i.inhrelid from parts p join pg_catalog.pg_inherits i on i.inhparent = p.oid
), leaves as (
    select c.oid, n.nspname, c.relname, c.reltuples
      from parts p
      join pg_catalog.pg_class c on c.oid = p.oid and c.relkind in ('r', 'm', 'f')
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)
select pg_catalog.format('%I.%I', n.nspname, c.relname),
       case when not exists (select from leaves where reltuples < 0)
            then (select pg_catalog.sum(reltuples)::bigint::text from leaves) end,
       case when not exists (select from leaves where reltuples < 0)
            then (select pg_catalog.sum(l.reltuples * (1 - s.null_frac))::bigint::text
                    from leaves l
                    left join pg_catalog.pg_stats s on s.schemaname = l.nspname and s.tablename = l.relname
                                                   and s.attname = $2 and not s.inherited) end
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = pg_catalog.to_regclass($1)::oid
   and ($2::text is null or exists (select from pg_catalog.pg_attribute a
                                     where a.attrelid = c.oid and a.attname = $2 and not a.attisdropped))
