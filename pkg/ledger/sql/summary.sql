-- $1 version table ("schema.table"): what the ledger says about it, at most one row.
select target, protected::text, last_revision,
       pg_catalog.to_char(last_finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       last_by, last_outcome, pg_catalog.to_json(last_rows)::text, open_run,
       pg_catalog.to_char(open_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       open_by, open_host, open_pid::text, open_direction,
       pg_catalog.to_json(open_from)::text, pg_catalog.to_json(open_to)::text,
       pg_catalog.to_json(held)::text
  from headgate.summary
 where version_table = $1::text or version_table is null
 limit 1
