-- The newest record of each revision, for who may not read the table; `run` is the run's id.
select pg_catalog.to_jsonb(a) from headgate.applied a order by a.seq
