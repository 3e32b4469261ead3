-- $1 class, $2 key: is no migrator's session left? Taken and given back at once.
select case when pg_catalog.pg_try_advisory_lock($1::integer, $2::integer)
            then pg_catalog.pg_advisory_unlock($1::integer, $2::integer)
            else false end::text
