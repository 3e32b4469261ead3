-- What each run found changed.
select pg_catalog.to_jsonb(o) from headgate.object o order by o.seq
