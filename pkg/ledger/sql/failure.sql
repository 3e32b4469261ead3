-- Where the newest finished run upwards of version table $1 failed: the last step that had begun and is not
-- done; with it, of all steps up to there that are not done, revision and digest. No row: it did not
-- fail, or failed before a revision began.
select s.revision,
       (select pg_catalog.string_agg(u.revision || ' ' || coalesce(u.digest, '?'), ',' order by u.position)
          from headgate.step u
         where u.run = s.run and u.outcome = 'not-done' and u.position <= s.position),
       r.error, r.sqlstate,
       pg_catalog.to_char(r.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  from (select * from headgate.run
         where version_table = $1::text and direction = 'up' and finished_at is not null
         order by seq desc limit 1) r
  join headgate.step s on s.run = r.seq
 where r.outcome = 'failed' and s.outcome = 'not-done' and s.started_at is not null
 order by s.position desc
 limit 1
