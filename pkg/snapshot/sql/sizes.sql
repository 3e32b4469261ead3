-- Size, estimates, use and vacuum age of every relation as one JSON document. A relation that
-- somebody holds exclusively now has a null size instead of making us wait.
with held as materialized (
    select relation from pg_locks
     where locktype = 'relation' and mode = 'AccessExclusiveLock' and granted
       and database = (select oid from pg_database where datname = current_database())
), relations as materialized (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name, c.relkind, c.reltuples, c.relpages, c.reltoastrelid as toast,
           case when c.relkind in ('r', 'm', 't') then age(c.relfrozenxid) end as xid_age,
           h.relation is null as free
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      left join (select distinct relation from held) h on h.relation = c.oid
     where c.relkind in ('r', 'm', 'i') and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'headgate')
-- All that belongs to a table, its main fork only: counting the free space maps and the like
-- too would ask the file system four times as often.
), parts as (
    select r.oid, r.oid as part from relations r
    union all
    select r.oid, r.toast from relations r where r.toast <> 0
    union all
    select r.oid, i.indexrelid from relations r join pg_index i on i.indrelid = r.oid
    union all
    select r.oid, i.indexrelid from relations r join pg_index i on i.indrelid = r.toast and r.toast <> 0
), bytes as (
    select p.oid, sum(pg_relation_size(p.part)) as total
      from parts p join relations r on r.oid = p.oid
     where r.free and r.relkind in ('r', 'm')
     group by p.oid
)
select json_build_object(
    'database', (select json_build_object('bytes', pg_database_size(d.oid), 'xid_age', age(d.datfrozenxid))
                   from pg_database d where d.datname = current_database()
                    and has_database_privilege(d.oid, 'connect')),
    'tables', coalesce((select json_object_agg(r.name, json_build_object(
                  'bytes', b.total,
                  'rows', nullif(r.reltuples, -1), 'pages', r.relpages, 'xid_age', r.xid_age,
                  'live', s.n_live_tup, 'dead', s.n_dead_tup, 'changed', s.n_mod_since_analyze,
                  'sequential_scans', s.seq_scan, 'index_scans', s.idx_scan,
                  'vacuumed', greatest(s.last_vacuum, s.last_autovacuum),
                  'analyzed', greatest(s.last_analyze, s.last_autoanalyze)) order by r.name)
                from relations r left join bytes b on b.oid = r.oid
                left join pg_stat_user_tables s on s.relid = r.oid
               where r.relkind in ('r', 'm')), '{}'),
    'indexes', coalesce((select json_object_agg(r.name, json_build_object(
                  'bytes', case when r.free then pg_relation_size(r.oid) end,
                  'scans', s.idx_scan) order by r.name)
                from relations r left join pg_stat_user_indexes s on s.indexrelid = r.oid
               where r.relkind = 'i'), '{}'))::text
