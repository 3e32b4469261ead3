-- $1 version table: what the ledger knows of every revision that ever ran, as one JSON array in hex.
select pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(s)::text, '[]'), 'UTF8'), 'hex')
  from (select revision, down_revisions || depends_on as down, message, path, direction, commit_id, applied_by,
               pg_catalog.to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as finished_at
          from headgate.applied
         where version_table = $1::text
         limit 20000) s
