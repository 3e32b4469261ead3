-- Who does what now, without a word of what they ask: open transactions, lock waits, replication,
-- connections, and the settings that matter. $1: the queries' text too.
with sessions as materialized (
    select * from pg_stat_activity
     where pid <> pg_backend_pid() and (datname = current_database() or datname is null)
)
select json_build_object(
    'readable', pg_has_role('pg_read_all_stats', 'usage'),
    'transactions', coalesce((select json_agg(json_build_object(
            'pid', a.pid, 'application', a.application_name, 'user', a.usename, 'state', a.state,
            'seconds', round(extract(epoch from now() - a.xact_start)::numeric, 1),
            'waits_for', a.wait_event_type, 'xmin_age', age(a.backend_xmin),
            'query', case when $1::boolean then a.query end) order by a.xact_start, a.pid)
          from sessions a
         where a.backend_type = 'client backend' and a.xact_start < now() - interval '1 second'), '[]'),
    'lock_waits', coalesce((select json_agg(json_build_object(
            'pid', l.pid, 'mode', l.mode, 'object', case when l.relation is not null
                then (select format('%I.%I', n.nspname, c.relname) from pg_class c
                        join pg_namespace n on n.oid = c.relnamespace where c.oid = l.relation)
                else l.locktype end,
            'blocked_by', pg_blocking_pids(l.pid)) order by l.pid)
          from pg_locks l where not l.granted
           and (l.database is null or l.database = (select oid from pg_database
                                                     where datname = current_database()))), '[]'),
    'replication', coalesce((select json_agg(json_build_object(
            'application', r.application_name, 'state', r.state, 'sync', r.sync_state,
            'replay_lag_bytes', case when not pg_is_in_recovery()
                then pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) end,
            'replay_lag_seconds', extract(epoch from r.replay_lag)) order by r.application_name, r.pid)
          from pg_stat_replication r), '[]'),
    'slots', coalesce((select json_agg(json_build_object(
            'name', s.slot_name, 'active', s.active,
            'kept_bytes', case when not pg_is_in_recovery()
                then pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) end) order by s.slot_name)
          from pg_replication_slots s), '[]'),
    'connections', coalesce((select json_agg(json_build_object(
            'application', c.application_name, 'state', c.state, 'count', c.count)
            order by c.application_name, c.state)
          from (select application_name, state, count(*) from sessions
                 where backend_type = 'client backend' group by 1, 2) c), '[]'),
    'settings', (select json_object_agg(s.name, s.reset_val order by s.name)
                   from pg_settings s
                  where s.name in ('server_version', 'server_encoding', 'max_connections',
                       'superuser_reserved_connections', 'max_locks_per_transaction', 'lock_timeout',
                       'statement_timeout', 'idle_in_transaction_session_timeout', 'wal_level',
                       'synchronous_commit', 'synchronous_standby_names', 'maintenance_work_mem',
                       'max_parallel_maintenance_workers', 'autovacuum', 'default_transaction_isolation',
                       'default_transaction_read_only', 'default_tablespace', 'shared_preload_libraries',
                       'session_replication_role', 'jit')))::text
