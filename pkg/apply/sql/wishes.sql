-- A backend whose runner is gone is to notice it while its statement runs.
select pg_catalog.set_config(name, '1s', false)
  from pg_catalog.pg_settings
 where name = 'client_connection_check_interval'
