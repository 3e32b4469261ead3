-- Can this role do what the migration does, and is there room for it? $1: tables that only their owner may
-- touch so, as quoted names; $2: schemas in which something is made ("": the first of the search path);
-- $3: the version table, as a quoted name; $4: all tables that are touched. A role that may become the one
-- it takes (SET ROLE) lacks nothing.
with mine as materialized (
    select oid, rolname from pg_catalog.pg_roles where pg_catalog.pg_has_role(oid, 'member')
), owned as (
    select distinct c.oid, c.relowner, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.unnest($1::text[]) as t(name)
      join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t.name)::oid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
), sizes as (
    select pg_catalog.sum(c.relpages::bigint) * pg_catalog.current_setting('block_size')::bigint as bytes
      from pg_catalog.pg_class c
     where c.oid in (select pg_catalog.to_regclass(name)::oid from pg_catalog.unnest($4::text[]) as t(name)
                     union all
                     select i.indexrelid from pg_catalog.unnest($4::text[]) as t(name)
                       join pg_catalog.pg_index i on i.indrelid = pg_catalog.to_regclass(t.name)::oid
                     union all
                     select k.reltoastrelid from pg_catalog.unnest($4::text[]) as t(name)
                       join pg_catalog.pg_class k on k.oid = pg_catalog.to_regclass(t.name)::oid)
)
select pg_catalog.json_build_object(
    'role', current_user,
    'not_owned', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                         'table', o.name, 'owner', pg_catalog.pg_get_userbyid(o.relowner)) order by o.name)
                    from owned o where o.relowner not in (select oid from mine)),
    'closed', (select pg_catalog.json_agg(pg_catalog.format('%I', s.name) order by s.name)
                 from (select distinct case when u.name = '' then pg_catalog.current_schema()::text
                                            else u.name end as name
                         from pg_catalog.unnest($2::text[]) as u(name)) s
                 join pg_catalog.pg_namespace n on n.nspname = s.name
                where not exists (select from mine m
                                   where pg_catalog.has_schema_privilege(m.oid, n.oid, 'create'))),
    'version_table', (select pg_catalog.json_agg(p.privilege order by p.privilege)
                        from pg_catalog.unnest(array['DELETE', 'INSERT', 'UPDATE']) as p(privilege)
                       where pg_catalog.to_regclass($3) is not null
                         and not exists (select from mine m where pg_catalog.has_table_privilege(
                                             m.oid, pg_catalog.to_regclass($3)::oid, p.privilege))),
    'bytes', (select bytes from sizes),
    'data_directory', (select setting from pg_catalog.pg_settings where name = 'data_directory'),
    'pid', pg_catalog.pg_backend_pid(), 'port', pg_catalog.inet_client_port())::text
