-- Every run, for who may not read the table.
select pg_catalog.to_jsonb(r) from headgate.runs r order by r.seq
