-- What is known of every object: the newest row of each; with it the version table of the run that wrote it,
-- where that is another than $1 and still there (nobody speaks for one that is gone), whether that run
-- ended after the newest of $1, and whether it is that newest one, which did not succeed: what it left is half of
-- a revision where none of its revisions is in, and an index may be one that was left invalid.
with others as (
    select r.version_table, pg_catalog.max(r.finished_at) as newest
      from headgate.runs r
     where r.version_table <> $1::text
     group by r.version_table
    having exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                    where n.nspname || '.' || c.relname = r.version_table)
), own as (
    select r.id, r.finished_at as newest, r.outcome not in ('applied', 'recorded') as failed,
           r.from_rows @> r.rows_after and r.from_rows <@ r.rows_after as unmoved
      from headgate.runs r
     where r.version_table = $1::text and r.finished_at is not null
     order by r.finished_at desc, r.seq desc
     limit 1
)
select o.kind, o.name, o.digest, o.made::text, pg_catalog.to_json(o)->>'definition', others.version_table,
       (others.version_table is not null and o.finished_at > own.newest)::text,
       (o.run = own.id and own.failed and (own.unmoved or o.kind = 'index'))::text
  from headgate.objects o left join own on true left join others on others.version_table = o.version_table
