-- The lock session waits in silence for as long as a migration takes.
select pg_catalog.set_config(name, '0', false)
  from pg_catalog.pg_settings
 where name in ('idle_session_timeout', 'statement_timeout', 'lock_timeout')
