-- $1 version table: the run that is open by the ledger, which is the one of whoever holds the lock.
select commit_id, started_by,
       pg_catalog.to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       pg_catalog.array_to_string(to_rows, ', '), pg_catalog.to_json(to_rows)::text
  from headgate.runs
 where version_table = $1::text and finished_at is null
 order by seq desc
 limit 1
