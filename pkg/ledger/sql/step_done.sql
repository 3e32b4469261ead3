-- Run $1 is open; its revision $2 is in, begun at $3 and committed at $4.
update headgate.step s
   set outcome = 'done', started_at = $3::timestamptz, committed_at = $4::timestamptz
  from headgate.run r
 where r.seq = s.run and r.id = $1::text and r.finished_at is null and s.revision = $2::text
