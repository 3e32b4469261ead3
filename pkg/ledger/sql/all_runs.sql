-- Every run, whatever columns this version of the ledger has.
select pg_catalog.to_jsonb(r) from headgate.run r order by r.seq
