-- The intent of a run, committed before the migrator starts. $1 version table, $2 direction,
-- $3 target, $4 goal, $5 from rows, $6 to rows, $7 who, $8 host, $9 pid, $10 commit, $11 tool,
-- $12 overrides, $13 steps: a JSON array of {revision, down, depends, message, path, digest, hmac,
-- plan_digest, file (base64)}, read as a whole: one by one, each member would cost another reading of the
-- file beside it. Gives the id of the run.
with run as (
    insert into headgate.run (version_table, direction, target, goal, from_rows, to_rows, started_by,
                              host, pid, commit_id, tool, overrides, wal_before, server_version,
                              database_oid)
    values ($1::text, $2::text, $3::text, $4::text, $5::text[], $6::text[], $7::text, $8::text,
            $9::bigint, $10::text, $11::text, $12::text[], pg_catalog.pg_current_wal_lsn(),
            pg_catalog.current_setting('server_version_num')::integer,
            (select d.oid::bigint from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
    returning seq, id, direction
), steps as (
    insert into headgate.step (run, position, revision, down_revisions, depends_on, direction,
                               message, path, digest, hmac, plan_digest, file)
    select run.seq, item.position::integer, item.revision, item.down, item.depends, run.direction,
           item.message, item.path, item.digest, item.hmac, item.plan_digest,
           pg_catalog.decode(item.file, 'base64')
      from run, rows from (pg_catalog.json_to_recordset($13::json) as
                           (revision text, down text[], depends text[], message text, path text, digest text,
                            hmac text, plan_digest text, file text))
           with ordinality as item (revision, down, depends, message, path, digest, hmac, plan_digest, file,
                                    position)
)
select id, seq::text from run
