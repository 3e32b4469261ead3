-- $1 class, $2 key: the apply lock, without waiting (a waiting statement would hold a snapshot).
select pg_catalog.pg_try_advisory_lock($1::integer, $2::integer)::text
