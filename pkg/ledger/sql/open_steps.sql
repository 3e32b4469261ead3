-- The revisions of run $1, in order.
select s.revision
  from headgate.step s join headgate.run r on r.seq = s.run
 where r.id = $1::text
 order by s.position
