-- $1 pids of the migrator's sessions: what each is doing, who stands in its way.
select a.pid::text, a.state, a.wait_event_type, a.wait_event, pg_catalog.left(a.query, 200),
       extract(epoch from pg_catalog.clock_timestamp() - a.query_start)::bigint::text,
       b.pid::text, b.usename::text, b.application_name, b.state,
       extract(epoch from pg_catalog.clock_timestamp() - b.xact_start)::bigint::text,
       p.phase, p.blocks_done::text, p.blocks_total::text
  from pg_catalog.pg_stat_activity a
  left join lateral (select pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) as pid limit 1) w on true
  left join pg_catalog.pg_stat_activity b on b.pid = w.pid
  left join pg_catalog.pg_stat_progress_create_index p on p.pid = a.pid
 where a.pid = any ($1::integer[])
 order by w.pid is null, a.pid
