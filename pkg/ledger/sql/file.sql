-- The newest file of revision $2 of version table $1 that ran upwards or was found applied.
select s.revision, pg_catalog.to_json(s.down_revisions)::text, s.path, s.digest,
       pg_catalog.to_json(s)->>'hmac', r.commit_id, pg_catalog.encode(s.file, 'hex'),
       pg_catalog.to_json(s.depends_on)::text,
       r.started_by, pg_catalog.to_char(r.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  from headgate.step s join headgate.run r on r.seq = s.run
 where r.version_table = $1::text and s.revision = $2::text and s.outcome = 'done'
   and s.direction <> 'down' and s.file is not null
 order by s.seq desc
 limit 1
