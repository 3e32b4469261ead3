-- $1 version table: the newest record of every revision that ever ran.
select revision, direction, pg_catalog.to_json(down_revisions)::text, message, path, digest, commit_id,
       applied_by, host, target,
       pg_catalog.to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       pg_catalog.to_json(depends_on)::text
  from headgate.applied
 where version_table = $1::text
 order by seq
