-- $1 version table: revisions whose newest stored file does not have the digest recorded with it. None
-- where the role may not read the files. (has_table_privilege is asked first: case keeps the order.)
select f.revision
  from (select pg_catalog.has_table_privilege('headgate.step', 'SELECT')
               and pg_catalog.has_table_privilege('headgate.run', 'SELECT') as may) as right_to,
       lateral (select distinct on (s.revision) s.revision, s.digest, s.file
                  from headgate.step s join headgate.run r on r.seq = s.run
                 where right_to.may and r.version_table = $1::text and s.outcome = 'done'
                 order by s.revision, s.seq desc) as f
 where f.digest is not null and f.file is not null
   and pg_catalog.encode(pg_catalog.sha256(f.file), 'hex') <> f.digest
