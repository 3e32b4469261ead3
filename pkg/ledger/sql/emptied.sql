-- Was there ever an outcome, and is there no run? What a run changed is numbered by a sequence (in a ledger of
-- version 2 or 3, object by object), and written only after the run was committed. Null where there is none.
select pg_catalog.bool_or(q.last_value is not null)
           and not exists (select from headgate.summary where version_table is not null)
  from pg_catalog.pg_sequences q
 where q.schemaname = 'headgate' and q.sequencename in ('change_seq_seq', 'object_seq_seq')
