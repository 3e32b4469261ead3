-- What is held, for who may not read the table.
select pg_catalog.jsonb_build_object('version_table', s.version_table, 'revision', h.revision)
  from headgate.summary s, pg_catalog.unnest(s.held) as h (revision)
 order by s.version_table, h.revision
