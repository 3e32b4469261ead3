-- The outcome of run $1, after the version table was read again: $2 outcome, $3 rows after,
-- $4 error, $5 sqlstate, $6 revisions that are done, $7 JSON object revision -> {started, committed}.
with run as (
    update headgate.run
       set finished_at = pg_catalog.clock_timestamp(), outcome = $2::text, rows_after = $3::text[],
           error = $4::text, sqlstate = $5::text
     where id = $1::text and finished_at is null
    returning seq
)
update headgate.step s
   set outcome = case when s.revision = any ($6::text[]) then 'done' else 'not-done' end,
       started_at = ($7::json->s.revision->>'started')::timestamptz,
       committed_at = ($7::json->s.revision->>'committed')::timestamptz
  from run
 where s.run = run.seq
