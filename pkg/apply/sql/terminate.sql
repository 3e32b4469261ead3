-- $1 pids: ends the sessions.
select pg_catalog.count(*) filter (where pg_catalog.pg_terminate_backend(pid))::text
  from pg_catalog.pg_stat_activity where pid = any ($1::integer[])
