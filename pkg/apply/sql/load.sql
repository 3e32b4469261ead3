-- What the server is busy with that stands in the way of a migration, without a word of what anybody asks.
-- $1: the tables that it touches, as quoted names (an index leads to its table); $2: these are all of them,
-- else any user table counts; $3: seconds from which a transaction is long; $4: every older snapshot is
-- waited for. Sizes come from the planner's figures: asking for the real ones would wait for locks.
with recursive named as (
    select coalesce(i.indrelid, o.oid) as oid
      from (select pg_catalog.to_regclass(name)::oid as oid from pg_catalog.unnest($1::text[]) as n(name)) o
      left join pg_catalog.pg_index i on i.indexrelid = o.oid
     where o.oid is not null
), touched as (
    select oid from named
    union
    select i.inhrelid from touched t join pg_catalog.pg_inherits i on i.inhparent = t.oid
), tables as materialized (
    select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'm')
       and (not $2::boolean or c.oid in (select oid from touched))
       and n.nspname not in ('information_schema', 'headgate') and n.nspname !~ '^pg_'
), all_locks as materialized (
    select l.pid, l.virtualtransaction, l.granted, l.relation, l.mode, l.transactionid
      from pg_catalog.pg_locks l
     where l.pid is distinct from pg_catalog.pg_backend_pid()
       and case l.locktype
           when 'relation' then l.database = (select oid from pg_catalog.pg_database
                                               where datname = pg_catalog.current_database())
           when 'transactionid' then l.pid is null -- a prepared one's own
           else false end
), locks as materialized (
    select l.pid, l.virtualtransaction, l.granted, t.oid, t.name, l.mode as raw,
           pg_catalog.upper(pg_catalog.regexp_replace(pg_catalog.replace(l.mode, 'Lock', ''),
                                                      '([a-z])([A-Z])', '\1 \2', 'g')) as mode
      from all_locks l
      join tables t on t.oid = l.relation
), readers as materialized (
    select l.pid, pg_catalog.count(*) as count
      from all_locks l
      join pg_catalog.pg_class c on c.oid = l.relation and c.relkind = 'r' and c.oid >= 16384
     where l.mode = 'AccessShareLock' and l.granted
     group by l.pid
), vacuums as materialized (
    select pid from pg_catalog.pg_stat_progress_vacuum where datname = pg_catalog.current_database()
), sessions as materialized (
    select a.pid, a.application_name, a.usename::text as usename, a.state, a.backend_type, a.backend_xmin,
           coalesce(a.client_hostname, pg_catalog.host(a.client_addr), 'local') as host,
           extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::bigint as seconds,
           a.query like 'autovacuum:%(to prevent wraparound)%' as wraparound,
           a.application_name in ('pg_dump', 'pg_dumpall') or coalesce(d.count >= 5 and d.count >=
               (select pg_catalog.count(*) from pg_catalog.pg_class c
                 where c.relkind = 'r' and c.oid >= 16384 and c.relpersistence <> 't'), false) as dump
      from pg_catalog.pg_stat_activity a
      left join readers d on d.pid = a.pid
     where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
), held as (
    select pid, virtualtransaction, pg_catalog.count(*) as count,
           (pg_catalog.array_agg(mode || ' on ' || name order by name, mode))[1:3] as some
      from locks where granted group by pid, virtualtransaction
)
select pg_catalog.json_build_object(
    'transactions', (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'pid', s.pid, 'application', s.application_name, 'user', s.usename, 'host', s.host,
            'state', s.state, 'seconds', s.seconds, 'dump', s.dump, 'held', h.some, 'count', h.count)
            order by s.seconds desc, s.pid)
          from sessions s
          left join held h on h.pid = s.pid
         where s.backend_type = 'client backend' and s.pid not in (select pid from vacuums)
           and (s.seconds >= $3::float8 or s.application_name in ('pg_dump', 'pg_dumpall'))
           and (h.pid is not null or ($4::boolean and s.backend_xmin is not null))),
    'prepared', (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'gid', p.gid, 'user', p.owner,
            'seconds', extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::bigint,
            'held', h.some, 'count', h.count) order by p.prepared)
          from pg_catalog.pg_prepared_xacts p
          join all_locks x on x.transactionid = p.transaction
          join held h on h.pid is null and h.virtualtransaction = x.virtualtransaction
         where p.database = pg_catalog.current_database()
           and p.prepared < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $3::float8)),
    'queues', (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'table', q.name, 'waiting', q.waiting, 'mode', q.mode, 'pid', b.pid,
            'application', s.application_name, 'user', s.usename, 'host', s.host, 'state', s.state,
            'seconds', s.seconds, 'holds', (select pg_catalog.min(l.mode) from locks l
                                             where l.pid = b.pid and l.oid = q.oid and l.granted))
            order by q.waiting desc, q.name)
          from (select oid, name, pg_catalog.count(distinct pid) as waiting, pg_catalog.min(mode) as mode,
                       (pg_catalog.array_agg(pid order by pid))[1:10] as pids
                  from locks where not granted group by oid, name) q
          left join lateral (
                select w.pid from pg_catalog.unnest(q.pids) as p(pid),
                       pg_catalog.unnest(pg_catalog.pg_blocking_pids(p.pid)) as w(pid)
                 order by w.pid in (select pid from locks where not granted), w.pid = 0, w.pid limit 1) b on true
          left join sessions s on s.pid = b.pid),
    'replicas', (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'application', r.application_name, 'pid', r.pid, 'user', r.usename::text, 'host',
            coalesce(r.client_hostname, pg_catalog.host(r.client_addr), 'local'), 'state', r.state,
            'sync', r.sync_state, 'bytes', r.bytes, 'seconds', r.seconds) order by r.bytes desc)
          from (select *, extract(epoch from replay_lag)::bigint as seconds,
                       case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_wal_lsn_diff(
                           pg_catalog.pg_current_wal_lsn(), replay_lsn)::bigint end as bytes
                  from pg_catalog.pg_stat_replication where state <> 'backup') r
         where r.bytes > 0),
    'vacuums', (select pg_catalog.json_agg(pg_catalog.json_build_object(
            'pid', l.pid, 'table', l.name, 'application', s.application_name, 'user', s.usename,
            'seconds', s.seconds, 'wraparound', s.wraparound) order by l.name)
          from locks l
          join sessions s on s.pid = l.pid
         where l.granted and l.raw = 'ShareUpdateExclusiveLock' and l.pid in (select pid from vacuums)
           and (s.usename is not null or s.wraparound)),
    'connections', (select pg_catalog.json_build_object(
            'role', current_user, 'database', d.datname,
            'server', pg_catalog.current_setting('max_connections')::integer
                - case when u.rolsuper then 0
                       else pg_catalog.current_setting('superuser_reserved_connections')::integer
                            + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::integer
                  end - c.used,
            'of_role', case when u.rolconnlimit >= 0 and not u.rolsuper then u.rolconnlimit - c.of_role end,
            'of_database', case when d.datconnlimit >= 0 and not u.rolsuper
                                then d.datconnlimit - c.of_database end)
          from pg_catalog.pg_database d, pg_catalog.pg_roles u,
               (select pg_catalog.count(*) as used,
                       pg_catalog.count(*) filter (where a.usename = session_user) as of_role,
                       pg_catalog.count(*) filter (where a.datname = pg_catalog.current_database())
                           as of_database
                  from pg_catalog.pg_stat_activity a
                 where a.usesysid is not null
                   and coalesce(a.backend_type, 'client backend') = 'client backend') c
         where d.datname = pg_catalog.current_database() and u.rolname = session_user))::text
