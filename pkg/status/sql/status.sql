-- Everything status has to know, in one statement that reads only, waits for nobody and cannot fail
-- on a missing table or privilege (an error here would be a line in the server's log at every poll).
-- $1 schema of the version table, null: wherever the role's search_path finds it; $2 its name;
-- $3 ask for the system identifier; $4, $5 first keys of the apply and the migrator lock.
--
-- Tables are read through query_to_xml, because a name that may not exist cannot stand in a
-- statement; what it returns is hex, so that no character of a value can break the XML.
-- Catalogs instead of to_regclass('schema.table'): that one raises an error when the role may not
-- use the schema.
with wanted as materialized (
    select c.oid, n.nspname, c.relname,
           case when $1::text is null then pg_catalog.pg_table_is_visible(c.oid)
                else n.nspname = $1::text end as expected,
           coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                    and pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
                    and not pg_catalog.row_security_active(c.oid), false) as readable
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a
        on a.attrelid = c.oid and a.attname = 'version_num' and a.attnum > 0 and not a.attisdropped
     where c.relname = $2::text and c.relkind in ('r', 'p', 'v', 'm')
       and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
     order by 4 desc, n.nspname
     limit 100
), tables as (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
               'schema', w.nspname, 'expected', w.expected, 'readable', w.readable,
               'rows', case when w.readable then pg_catalog.substring(
                   pg_catalog.query_to_xml(pg_catalog.format(
                       'select pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(v)::text, ''[]''), ''UTF8''), ''hex'') as j'
                       ' from (select version_num::text as v from %I.%I limit 1001) s',
                       w.nspname, w.relname), true, true, '')::text, '<j>([0-9a-f]*)</j>') end)) as found
      from wanted w
), ledger as materialized (
    select c.oid,
           coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                    and pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) as readable
      from pg_catalog.pg_namespace n
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'summary' and c.relkind = 'v'
     where n.nspname = 'headgate'
), summary as (
    select case when l.readable then pg_catalog.substring(pg_catalog.query_to_xml(
               'select pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(s)::text, ''[]''), ''UTF8''), ''hex'') as j from ('
               'select target, protected, version_table, last_revision, last_by, last_outcome, last_rows,'
               ' pg_catalog.to_char(last_finished_at at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'') as last_finished_at,'
               ' open_run, open_by, open_host, open_direction, open_to,'
               ' pg_catalog.to_char(open_since at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'') as open_since, held'
               ' from headgate.summary limit 200) s', true, true, '')::text, '<j>([0-9a-f]*)</j>') end as found,
           l.readable
      from ledger l
), held as (
    select l.pid, l.classid, l.objid, s.application_name, s.usesysid, s.client_addr, s.client_hostname,
           s.backend_start, s.xact_start, s.query_start, s.state
      from pg_catalog.pg_locks l
      left join lateral pg_catalog.pg_stat_get_activity(l.pid) s on true
     where l.locktype = 'advisory' and l.granted and l.objsubid = 2
       and l.database = (select d.oid from pg_catalog.pg_database d
                          where d.datname = pg_catalog.current_database())
       and l.classid in ($4::text::oid, $5::text::oid)
     limit 100
), holders as (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
               'pid', h.pid, 'migrator', h.classid = $5::text::oid, 'key', h.objid::text,
               'application', h.application_name,
               'user', pg_catalog.pg_get_userbyid(h.usesysid),
               'host', coalesce(h.client_hostname, pg_catalog.host(h.client_addr)),
               'since', pg_catalog.to_char(h.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
               'state', h.state,
               'blocked_by', case when h.classid = $5::text::oid
                                  then pg_catalog.to_json(pg_catalog.pg_blocking_pids(h.pid)) end)
               order by h.backend_start) as found
      from held h
)
select pg_catalog.pg_backend_pid()::text,
       pg_catalog.current_setting('server_version_num'),
       pg_catalog.current_database()::text,
       current_user::text,
       pg_catalog.pg_is_in_recovery()::text,
       pg_catalog.current_setting('transaction_read_only'),
       case when $3::text = 'true'
                 and pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
            then (select s.system_identifier::text from pg_catalog.pg_control_system() s) end,
       (select d.oid::text from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()),
       pg_catalog.current_schema()::text,
       (select found::text from tables),
       exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'headgate' and c.relname in ('meta', 'summary'))::text,
       (select readable::text from summary),
       (select found from summary),
       exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p') and c.relname <> $2::text and n.nspname <> 'headgate'
                  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
                  and not exists (select from pg_catalog.pg_depend d
                                   where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                     and d.objid = c.oid and d.deptype = 'e'))::text,
       (select found::text from holders)
