-- Everything status has to know, in one statement that reads only, waits for nobody and cannot fail
-- on a missing table or privilege (an error here would be a line in the server's log at every poll).
-- $1 schema of the version table, null: wherever the role's search_path finds it; $2 its name;
-- $3 ask for the system identifier. One row a table of that name, at least one row.
--
-- A new session has empty caches, so every catalog and function named here costs; what is needed
-- rarely therefore stands in the text of a query_to_xml, which is planned only when it is reached.
-- That function also reads tables whose name cannot stand in a statement because they may not exist.
-- Its values are XML-escaped text, or hex where they are JSON. Catalogs instead of
-- to_regclass('schema.table'): that raises an error where the role may not use the schema. And
-- pg_identify_object_as_address instead of joins with pg_namespace and pg_attribute: it names schema,
-- table and first column, which is Alembic's only one, for a third of the time.
with server as materialized (
    select pg_catalog.pg_backend_pid() as pid,
           pg_catalog.current_database() as database,
           current_user as role,
           pg_catalog.pg_is_in_recovery() as in_recovery,
           pg_catalog.current_setting('transaction_read_only') as read_only,
           case when $3::boolean
                     and pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
                then (select s.system_identifier from pg_catalog.pg_control_system() s) end as system_identifier,
           (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) as oid,
           pg_catalog.current_schema() as schema,
           pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('headgate')::oid, 'USAGE') as ledger_usage,
           case when pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('headgate')::oid, 'USAGE')
                then pg_catalog.has_table_privilege(pg_catalog.to_regclass('headgate.summary')::oid, 'SELECT')
                end as ledger_readable,
           exists (select from pg_catalog.pg_lock_status() l
                    where l.locktype = 'advisory' and l.classid in (1751605616, 1751608679)) as locks
)
select s.pid, s.database, s.role, s.in_recovery, s.read_only, s.system_identifier, s.oid, s.schema,
       s.ledger_usage, s.ledger_readable,
       case when s.ledger_readable then pg_catalog.query_to_xml(
           'select pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(s)::text, ''[]''), ''UTF8''), ''hex'') as v from ('
           'select target, protected, version_table, last_revision, last_by, last_outcome, last_direction, last_rows,'
           ' pg_catalog.to_char(last_finished_at at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'') as last_finished_at,'
           ' open_run, open_by, open_host, open_direction, open_to,'
           ' pg_catalog.to_char(open_since at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'') as open_since, held'
           ' from headgate.summary limit 200) s', false, true, '') end,
       case when s.locks then pg_catalog.query_to_xml(
           'select pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('
           '''pid'', l.pid, ''migrator'', l.classid = 1751608679, ''key'', l.objid::text,'
           ' ''application'', a.application_name, ''user'', pg_catalog.pg_get_userbyid(a.usesysid),'
           ' ''host'', coalesce(a.client_hostname, pg_catalog.host(a.client_addr)), ''state'', a.state,'
           ' ''since'', pg_catalog.to_char(a.backend_start at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.MS"Z"''),'
           ' ''blocked_by'', case when l.classid = 1751608679 then pg_catalog.to_json(pg_catalog.pg_blocking_pids(l.pid)) end)'
           ' order by a.backend_start)::text, ''[]''), ''UTF8''), ''hex'') as v'
           ' from pg_catalog.pg_locks l left join lateral pg_catalog.pg_stat_get_activity(l.pid) a on true'
           ' where l.locktype = ''advisory'' and l.granted and l.objsubid = 2 and l.classid in (1751605616, 1751608679)'
           ' and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())',
           false, true, '') end,
       w.nspname, w.expected, w.readable, w.rows,
       case when w.rows is null or pg_catalog.strpos(w.rows, '<v>') = 0 then pg_catalog.query_to_xml(
           'select ''t'' as v from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace'
           ' where c.relkind in (''r'', ''p'') and n.nspname <> ''headgate'' and n.nspname <> ''information_schema'''
           ' and n.nspname !~ ''^pg_'' and not exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid'
           ' and a.attname = ''version_num'' and a.attnum = 1)'
           ' and not exists (select from pg_catalog.pg_depend d where d.classid = 1259 and d.objid = c.oid and d.deptype = ''e'')'
           ' limit 1', false, true, '') end
  from server s
  left join (
    select t.nspname, t.expected, t.readable,
           case when t.readable then pg_catalog.query_to_xml(pg_catalog.format(
               'select version_num::text as v from %I.%I limit 1001', t.nspname, $2::text), false, true, '')::text
               end as rows
      from (
        select n.nspname,
               case when $1::text is null then pg_catalog.pg_table_is_visible(c.oid)
                    else n.nspname = $1::text end as expected,
               coalesce(pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
                        and pg_catalog.has_column_privilege(c.oid, n.attnum, 'SELECT')
                        and not (c.relrowsecurity and pg_catalog.row_security_active(c.oid)), false) as readable
          from pg_catalog.pg_class c,
               lateral (
                 select a.object_names[1] as nspname,
                        case when a.object_names[3] = 'version_num' then 1::int2
                             else pg_catalog.substring(pg_catalog.query_to_xml(pg_catalog.format(
                                 'select attnum as v from pg_catalog.pg_attribute where attrelid = %s'
                                 ' and attname = ''version_num'' and attnum > 0', c.oid),
                                 false, true, '')::text, '<v>([0-9]+)</v>')::int2 end as attnum
                   from (select (pg_catalog.pg_identify_object_as_address(
                             1259, c.oid, case when c.relnatts > 0 then 1 else 0 end)).object_names) a
                 offset 0) n
         where c.relname = $2::text and c.relkind in ('r', 'p', 'v', 'm')
           and n.nspname <> 'information_schema' and pg_catalog.left(n.nspname, 3) <> 'pg_'
           and n.attnum is not null
         order by n.nspname
         limit 100) t
    offset 0) w on true
