-- What each run found changed, in a ledger of version 2 or 3.
select pg_catalog.to_jsonb(o) from headgate.object o order by o.seq
