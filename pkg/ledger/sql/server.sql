-- For records that go to a file: where the WAL stands (the restore point), and who writes.
select pg_catalog.pg_current_wal_lsn()::text, current_user::text
