-- Which database is this session in, and is it one that can be migrated? The system identifier is
-- asked for by a statement of its own, because a managed server may refuse it.
select pg_catalog.current_database()::text,
       (select oid::text from pg_catalog.pg_database where datname = pg_catalog.current_database()),
       pg_catalog.pg_backend_pid()::text,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::text,
       pg_catalog.pg_is_in_recovery()::text,
       pg_catalog.current_setting('transaction_read_only'),
       current_user::text
