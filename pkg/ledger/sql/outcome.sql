-- The outcome of run $1, after the version table was read again: $2 outcome, $3 rows after,
-- $4 error, $5 sqlstate, $6 revisions that are done, $7 JSON object revision -> {started, committed},
-- $8 fingerprint, $9 objects: a JSON array of {kind, name, digest, definition, made}; null: none.
with run as (
    update headgate.run
       set finished_at = pg_catalog.clock_timestamp(), outcome = $2::text, rows_after = $3::text[],
           error = $4::text, sqlstate = $5::text, fingerprint = $8::text,
           server_version = pg_catalog.current_setting('server_version_num')::integer
     where id = $1::text and finished_at is null
    returning seq
), objects as (
    insert into headgate.change (run, objects) select run.seq, $9::text from run where $9::text is not null
)
update headgate.step s
   set outcome = case when s.revision = any ($6::text[]) then 'done' else 'not-done' end,
       started_at = (t.value->>'started')::timestamptz,
       committed_at = (t.value->>'committed')::timestamptz
  from run
  join headgate.step o on o.run = run.seq
  left join pg_catalog.json_each($7::json) as t on t.key = o.revision
 where s.seq = o.seq
