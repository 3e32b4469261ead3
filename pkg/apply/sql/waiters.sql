-- $1 pids of the migrator's sessions, $2 headgate's lock session: who waits for the migrator ("behind"),
-- also in the queue behind its own waiting request, and whom it waits for itself ("ahead", another session of
-- its own too); longest wait first. One look at the locks; pg_blocking_pids, which stops everybody for a
-- moment, is asked only where somebody waits for the very thing that the migrator has or wants. Whoever asks
-- for SHARE UPDATE EXCLUSIVE is maintenance (VACUUM, an index build), which may wait.
with locks as materialized (
    select * from pg_catalog.pg_locks
), waiting as materialized (
    select l.pid, l.mode, l.locktype, l.relation, l.database,
           (pg_catalog.to_jsonb(l) ->> 'waitstart')::timestamptz as since,
           (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid,
            l.objid, l.objsubid)::text as tag
      from locks l
     where not l.granted
), tags as (
    select distinct (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid,
                     l.classid, l.objid, l.objsubid)::text as tag
      from locks l
     where l.pid = any ($1::integer[]) and exists (select from waiting)
), suspects as (
    select w.*
      from waiting w join tags using (tag)
     where w.pid <> all ($1::integer[]) and w.pid not in ($2::integer, pg_catalog.pg_backend_pid())
       and w.mode <> 'ShareUpdateExclusiveLock'
     order by w.since
     limit 8
), pairs as (
    select 'behind' as side, s.pid, s.mode, s.locktype, s.relation, s.database, s.since
      from suspects s
     where pg_catalog.pg_blocking_pids(s.pid) && $1::integer[]
    union all
    select 'ahead', b.pid, w.mode, w.locktype, w.relation, w.database, w.since
      from waiting w, pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) as b (pid)
     where w.pid = any ($1::integer[])
)
select p.side, p.pid::text, a.usename::text, a.application_name,
       coalesce(a.client_hostname, pg_catalog.host(a.client_addr), 'local'), a.state,
       extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::numeric(12, 1)::text,
       case when p.database = (select oid from pg_catalog.pg_database
                                where datname = pg_catalog.current_database())
            then p.relation::regclass::text end,
       p.locktype, p.mode,
       extract(epoch from pg_catalog.clock_timestamp() - p.since)::numeric(12, 1)::text,
       pg_catalog.left(a.query, 200)
  from pairs p join pg_catalog.pg_stat_activity a on a.pid = p.pid
 where a.backend_type = 'client backend'
   and (p.side = 'ahead' or coalesce(a.application_name, '') not like 'headgate %')
 order by p.side, p.since
 limit 16
