-- $1 class, $2 key: the migrator lock, for as long as this session lives.
select pg_catalog.pg_try_advisory_lock_shared($1::integer, $2::integer)::text
