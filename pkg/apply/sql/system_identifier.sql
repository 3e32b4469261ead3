-- The cluster's number, made by initdb.
select system_identifier::text from pg_catalog.pg_control_system()
