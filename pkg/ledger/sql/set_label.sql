-- $1 target, $2 protected, $3 who
insert into headgate.label (target, protected, set_by) values ($1::text, $2::boolean, $3::text)
on conflict (only_one) do update
   set target = excluded.target, protected = excluded.protected,
       set_at = pg_catalog.now(), set_by = excluded.set_by
