-- Sizes, estimates, use and vacuum age of tables and indexes. A size that is asked of the file system makes
-- the server open the relation, so only those of the largest tables, and of some that were never counted,
-- are (of all where $1, or where they are few); the others are what the last vacuum or analyze saw. A
-- relation that somebody holds exclusively is not asked, instead of making us wait.
with relations as materialized (
    select c.oid, c.relkind, c.relname, c.relnamespace, c.relpages, c.reltuples, c.reltoastrelid, c.relfrozenxid
      from pg_class c
     where c.relkind in ('r', 'm', 'i')
       and c.relnamespace in (select oid from pg_namespace
                               where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate'))
), count as materialized (
    select case when $1::boolean or count(*) <= 300 then null else 10 end as most from relations
), measured as materialized (
    select oid from (
        (select oid from relations where relkind <> 'i' and (relpages > 0 or (select most is null from count))
          order by relpages desc limit (select most from count))
        union
        (select oid from relations where reltoastrelid in (
            select t.oid from pg_class t where t.relkind = 't' and t.relpages > 0
             order by t.relpages desc limit (select most from count)))
        union
        (select oid from relations where relkind <> 'i' and reltuples < 0 limit (select most from count))) m
     where oid not in (select relation from pg_locks
                        where locktype = 'relation' and mode = 'AccessExclusiveLock' and granted
                          and database = (select oid from pg_database where datname = current_database()))
)
select r.oid, r.relkind, nullif(r.reltoastrelid, 0) as ".toast",
       r.relpages * current_setting('block_size')::bigint as ".estimate",
       case when r.oid in (select oid from measured)
            then pg_relation_size(r.oid)
                 + coalesce(case when r.reltoastrelid <> 0 then
                       (select sum(pg_relation_size(x.part))
                          from (select r.reltoastrelid as part
                                union all
                                select indexrelid from pg_index where indrelid = r.reltoastrelid) x) end, 0)
            when r.relkind = 'i' and r.oid in (select indexrelid from pg_index
                                                where indrelid in (select oid from measured))
            then pg_relation_size(r.oid)
       end::bigint as ".bytes",
       r.relpages as pages,
       case when r.relkind <> 'i' then nullif(r.reltuples, -1)::bigint end as rows,
       case when r.relkind <> 'i' then age(r.relfrozenxid) end as xid_age,
       pg_stat_get_numscans(r.oid) as ".scans",
       case when r.relkind <> 'i' then pg_stat_get_live_tuples(r.oid) end as live,
       case when r.relkind <> 'i' then pg_stat_get_dead_tuples(r.oid) end as dead,
       case when r.relkind <> 'i' then pg_stat_get_mod_since_analyze(r.oid) end as changed,
       case when r.relkind <> 'i' then to_json(greatest(pg_stat_get_last_vacuum_time(r.oid),
                                                        pg_stat_get_last_autovacuum_time(r.oid))) end as vacuumed,
       case when r.relkind <> 'i' then to_json(greatest(pg_stat_get_last_analyze_time(r.oid),
                                                        pg_stat_get_last_autoanalyze_time(r.oid))) end as analyzed
  from relations r
