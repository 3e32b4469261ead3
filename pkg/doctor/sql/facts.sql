-- What apply needs, by asking only: nothing is tried. $1 schema of the version table (null: where the
-- search_path would create it), $2 its name. The catalogs are read by hand because has_*_privilege
-- raises an error for a name that does not exist.
with place as (
    select n.oid, n.nspname
      from pg_catalog.pg_namespace n
     where n.nspname = coalesce($1::text, pg_catalog.current_schema())
), version_table as (
    select c.oid
      from pg_catalog.pg_class c join place p on p.oid = c.relnamespace
     where c.relname = $2::text and c.relkind in ('r', 'p')
), ledger as (
    select n.oid from pg_catalog.pg_namespace n where n.nspname = 'headgate'
), foreign_tables as (
    select c.oid, n.nspname || '.' || c.relname as name, pg_catalog.pg_get_userbyid(c.relowner) as owner
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'headgate')
       and not pg_catalog.pg_has_role(c.relowner, 'USAGE')
       and not exists (select from pg_catalog.pg_depend d
                        where d.classid = 1259 and d.objid = c.oid and d.deptype = 'e')
)
select current_user::text,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::text,
       (select true from ledger)::text,
       (select pg_catalog.bool_and(pg_catalog.has_schema_privilege(l.oid, 'USAGE')
               and pg_catalog.has_table_privilege(c.oid, 'INSERT'))
          from ledger l join pg_catalog.pg_class c
            on c.relnamespace = l.oid and c.relkind = 'r'
           and c.relname in ('label', 'run', 'step', 'held'))::text,
       (pg_catalog.has_function_privilege('pg_catalog.pg_try_advisory_lock(integer,integer)', 'EXECUTE')
        and pg_catalog.has_function_privilege('pg_catalog.pg_try_advisory_lock_shared(integer,integer)',
                                              'EXECUTE'))::text,
       pg_catalog.has_function_privilege('pg_catalog.pg_cancel_backend(integer)', 'EXECUTE')::text,
       pg_catalog.has_function_privilege(coalesce(
           pg_catalog.to_regprocedure('pg_catalog.pg_terminate_backend(integer,bigint)'),
           pg_catalog.to_regprocedure('pg_catalog.pg_terminate_backend(integer)'))::oid, 'EXECUTE')::text,
       (select p.nspname from place p)::text,
       (select pg_catalog.has_schema_privilege(p.oid, 'CREATE') from place p)::text,
       (select true from version_table)::text,
       (select pg_catalog.has_table_privilege(v.oid, 'INSERT')
               and pg_catalog.has_table_privilege(v.oid, 'UPDATE')
               and pg_catalog.has_table_privilege(v.oid, 'DELETE') from version_table v)::text,
       (select pg_catalog.count(*) from foreign_tables)::text,
       (select pg_catalog.min(name) from foreign_tables)::text,
       (select f.owner from foreign_tables f order by name limit 1)::text,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::text
