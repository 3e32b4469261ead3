-- Holds revisions $2 of version table $1 for run $3, by $4.
insert into headgate.held (version_table, revision, run, held_by)
select $1::text, held.revision, (select r.seq from headgate.run r where r.id = $3::text), $4::text
  from pg_catalog.unnest($2::text[]) as held (revision)
on conflict (version_table, revision) do nothing
