-- The replica that lags most, by what it has replayed; no row: none is connected, or none lags.
select application_name, coalesce(client_hostname, pg_catalog.host(client_addr), 'local'),
       extract(epoch from replay_lag)::numeric(12, 1)::text
  from pg_catalog.pg_stat_replication
 where state <> 'backup' and replay_lag is not null
 order by replay_lag desc
 limit 1
