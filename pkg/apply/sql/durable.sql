-- What is recorded must outlive a crash of the server, whatever the role's default is.
select pg_catalog.set_config('synchronous_commit', 'on', false)
 where pg_catalog.current_setting('synchronous_commit') = 'off'
