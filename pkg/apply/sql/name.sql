-- $1 what the lock session calls itself from now on.
select pg_catalog.set_config('application_name', $1::text, false)
