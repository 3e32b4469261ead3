-- What is known of every object: the newest row of each; with it the version table of the run that wrote it,
-- where that is another than $1 and still there (nobody speaks for one that is gone), and whether that run
-- ended after the newest of $1.
with others as (
    select r.version_table, pg_catalog.max(r.finished_at) as newest
      from headgate.runs r
     where r.version_table <> $1::text
     group by r.version_table
    having exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                    where n.nspname || '.' || c.relname = r.version_table)
), own as (
    select pg_catalog.max(r.finished_at) as newest from headgate.runs r where r.version_table = $1::text
)
select o.kind, o.name, o.digest, o.made::text, pg_catalog.to_json(o)->>'definition', others.version_table,
       (others.version_table is not null and o.finished_at > own.newest)::text
  from headgate.objects o cross join own left join others on others.version_table = o.version_table
