-- $1 milliseconds: the session's lock_timeout, unless it brings a shorter one.
select pg_catalog.set_config(name, $1::text || 'ms', false)
  from pg_catalog.pg_settings
 where name = 'lock_timeout' and (setting::bigint = 0 or setting::bigint > $1::bigint)
