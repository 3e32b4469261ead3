-- $1 pids, $2 class and $3 key of the migrator lock: ends the sessions that hold it.
select pg_catalog.count(*) filter (where pg_catalog.pg_terminate_backend(l.pid))::text
  from (select distinct pid from pg_catalog.pg_locks
         where pid = any ($1::integer[]) and locktype = 'advisory' and granted and objsubid = 2
           and classid::bigint = $2::bigint & 4294967295 and objid::bigint = $3::bigint & 4294967295) l
