-- How long revisions took when they last ran: $1 revisions, $2 direction. In one transaction all are
-- committed at its end: then a revision took until the next one began.
select distinct on (s.revision, s.digest) s.revision, s.digest,
       pg_catalog.round(extract(epoch from least(s.committed_at, s.next_at) - s.started_at)::numeric, 3)::text
  from (select t.*, pg_catalog.lead(t.started_at) over (partition by t.run order by t.position) as next_at
          from headgate.step t) s
 where s.revision = any ($1::text[]) and s.direction = $2::text and s.outcome = 'done'
   and s.started_at is not null and s.committed_at is not null
 order by s.revision, s.digest, s.seq desc
