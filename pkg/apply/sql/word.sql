-- $1 class, $2 number: the word that a revision may begin; $3 the word before, which is taken back, or 0.
select pg_catalog.pg_try_advisory_lock_shared($1::integer, $2::integer)::text,
       case when $3::integer > 0
            then pg_catalog.pg_advisory_unlock_shared($1::integer, $3::integer)::text end
