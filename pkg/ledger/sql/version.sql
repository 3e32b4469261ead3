-- The version of the ledger; null: the table is empty.
select pg_catalog.max(version)::text from headgate.meta
