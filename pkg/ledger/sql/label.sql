-- The label of this database.
select pg_catalog.to_jsonb(l) from headgate.label l
