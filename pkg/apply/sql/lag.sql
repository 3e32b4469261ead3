-- Where this server writes, and the replica that lags most: by the delay it reports, or, because one that
-- has fallen silent reports none, by the $2 seconds for which it has not come to position $1. One that has
-- replayed everything lags no more, although the delay it had is shown for some seconds.
select pg_catalog.pg_current_wal_lsn()::text, r.application_name, r.host, r.seconds::numeric(12, 1)::text,
       r.behind
  from (select 1) one
  left join lateral (
        select s.application_name, s.behind,
               coalesce(s.client_hostname, pg_catalog.host(s.client_addr), 'local') as host,
               case when s.replay_lsn < pg_catalog.pg_current_wal_lsn()
                    then greatest(extract(epoch from s.replay_lag), case when s.behind then $2::numeric end)
               end as seconds
          from (select *, replay_lsn < $1::pg_lsn as behind from pg_catalog.pg_stat_replication) s
         where s.state <> 'backup'
         order by 4 desc nulls last
         limit 1) r on r.seconds is not null
