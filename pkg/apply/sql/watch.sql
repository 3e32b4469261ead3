-- $1 pids of the migrator's sessions: what each is doing, who stands in its way, how far it is. A
-- server tells that of index builds, rewrites (CLUSTER, VACUUM FULL), VACUUM, ANALYZE and, from 14 on,
-- COPY, whose view older ones lack (so its numbers are read as that view reads them).
select a.pid::text, a.state, a.wait_event_type, a.wait_event, pg_catalog.left(a.query, 200),
       extract(epoch from pg_catalog.clock_timestamp() - a.query_start)::bigint::text,
       b.pid::text, b.usename::text, b.application_name, b.state,
       extract(epoch from pg_catalog.clock_timestamp() - b.xact_start)::bigint::text,
       p.phase, p.done::text, p.total::text, p.unit
  from pg_catalog.pg_stat_activity a
  left join lateral (select pg_catalog.unnest(case when a.wait_event_type = 'Lock'
                                                   then pg_catalog.pg_blocking_pids(a.pid) end) as pid
                      limit 1) w on true
  left join pg_catalog.pg_stat_activity b on b.pid = w.pid
  left join (
       select i.pid, i.phase,
              case when i.phase like 'waiting%' then i.lockers_done
                   when i.blocks_total > 0 then i.blocks_done else i.tuples_done end as done,
              case when i.phase like 'waiting%' then i.lockers_total
                   when i.blocks_total > 0 then i.blocks_total else i.tuples_total end as total,
              case when i.phase like 'waiting%' then 'transactions'
                   when i.blocks_total > 0 then 'blocks' else 'tuples' end as unit
         from pg_catalog.pg_stat_progress_create_index i
       union all
       select c.pid, pg_catalog.lower(c.command) || ': ' || c.phase, c.heap_blks_scanned,
              c.heap_blks_total, 'blocks'
         from pg_catalog.pg_stat_progress_cluster c
       union all
       select v.pid, 'vacuum: ' || v.phase, v.heap_blks_scanned, v.heap_blks_total, 'blocks'
         from pg_catalog.pg_stat_progress_vacuum v
       union all
       select n.pid, 'analyze: ' || n.phase, n.sample_blks_scanned, n.sample_blks_total, 'blocks'
         from pg_catalog.pg_stat_progress_analyze n
       union all
       select y.pid, case y.param5 when 2 then 'copy to' else 'copy from' end,
              case when y.param2 > 0 then y.param1 else y.param3 end, y.param2,
              case when y.param2 > 0 then 'bytes' else 'tuples' end
         from pg_catalog.pg_stat_get_progress_info(
                  case when pg_catalog.current_setting('server_version_num')::integer < 140000
                       then 'ANALYZE' else 'COPY' end) y
        where pg_catalog.current_setting('server_version_num')::integer >= 140000
       ) p on p.pid = a.pid
 where a.pid = any ($1::integer[])
 order by w.pid is null, p.pid is null, a.pid
