-- The database as a whole: a JSON object. Its exact size takes a look at every file; of a large catalog it is
-- taken only when asked for ($1), and is else what the last vacuum or analyze saw.
select json_build_object(
    'bytes', case when e.exact then pg_database_size(d.oid)
                  else (select sum(relpages::bigint) from pg_class) * current_setting('block_size')::bigint end,
    'estimated', case when not e.exact then true end,
    'xid_age', age(d.datfrozenxid))
  from pg_database d, (select $1::boolean or pg_relation_size('pg_class') < 300000 as exact) e
 where d.datname = current_database() and has_database_privilege(d.oid, 'connect')
