-- Was there ever an outcome, and is there no run? Objects are numbered by a sequence, and written only
-- after a run was committed. Null where the sequence may not be read.
select q.last_value is not null and not exists (select from headgate.summary where version_table is not null)
  from pg_catalog.pg_sequences q
 where q.schemaname = 'headgate' and q.sequencename = 'object_seq_seq'
