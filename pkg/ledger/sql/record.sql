-- The run that finished last, of any version table: whether it knew the objects, and when it was.
select id, version_table, fingerprint, server_version::text,
       pg_catalog.to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       pg_catalog.to_json(r)->>'database_oid'
  from headgate.runs r
 where finished_at is not null
 order by finished_at desc, seq desc
 limit 1
