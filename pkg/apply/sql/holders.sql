-- $1 class, $2 key: who holds this advisory lock, other than this session.
select l.pid::text, a.application_name, a.usename::text,
       coalesce(a.client_hostname, pg_catalog.host(a.client_addr), 'local'),
       pg_catalog.to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       a.state, a.wait_event_type, a.wait_event, pg_catalog.left(a.query, 200),
       pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(l.pid), ',')
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.objsubid = 2
   and l.classid::bigint = $1::bigint & 4294967295 and l.objid::bigint = $2::bigint & 4294967295
   and l.database = (select oid from pg_catalog.pg_database
                      where datname = pg_catalog.current_database())
   and l.pid <> pg_catalog.pg_backend_pid()
 order by a.backend_start
