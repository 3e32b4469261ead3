-- What is held.
select pg_catalog.to_jsonb(h) from headgate.held h order by h.version_table, h.revision
