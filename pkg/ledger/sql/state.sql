-- Is there a ledger, is all of it there, and what may this role do with it? By the catalog, because
-- looking a name up is refused to a role that may not use the schema.
with place as (
    select n.oid, pg_catalog.has_schema_privilege(n.oid, 'USAGE') as usage
      from pg_catalog.pg_namespace n where n.nspname = 'headgate'
), need (name, since, privileges) as (
    values ('meta', 1, '{SELECT}'::text[]), ('label', 1, '{SELECT,INSERT,UPDATE}'),
           ('run', 1, '{SELECT,INSERT,UPDATE}'), ('step', 1, '{SELECT,INSERT,UPDATE}'),
           ('held', 1, '{SELECT,INSERT,DELETE}'), ('change', 4, '{SELECT,INSERT}'),
           ('applied', 1, '{SELECT}'), ('summary', 1, '{SELECT}'), ('runs', 2, '{SELECT}'),
           ('objects', 2, '{SELECT}')
), have as (
    select need.*, c.oid, c.relowner,
           (select pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, p))
              from pg_catalog.unnest(need.privileges) as p) as allowed
      from need join place on true
      left join pg_catalog.pg_class c on c.relnamespace = place.oid and c.relname = need.name
)
select exists (select from have where oid is not null) as present,
       (select pg_catalog.bool_and(allowed) from have) and (select usage from place) as may_write,
       (select pg_catalog.bool_and(pg_catalog.pg_has_role(relowner, 'USAGE')) from have
         where oid is not null) as may_change,
       (select pg_catalog.string_agg('headgate.' || name, ', ' order by name) from have
         where oid is null and since = 1) as missing_1,
       (select pg_catalog.string_agg('headgate.' || name, ', ' order by name) from have
         where oid is null) as missing,
       (select oid is not null and allowed from have where name = 'meta')
           and (select usage from place) as may_ask,
       current_user::text as role,
       -- Would a schema `headgate` be where this role's unqualified tables go ("$user", or by name)?
       coalesce((
           select name = 'headgate'
           from (select case entry when '$user' then current_user::text else entry end as name, place
                 from (select pg_catalog.btrim(part, ' "') as entry, place
                       from pg_catalog.unnest(pg_catalog.string_to_array(
                                pg_catalog.current_setting('search_path'), ',')) with ordinality
                            as parts (part, place)) as entries) as names
           where name = 'headgate' or pg_catalog.to_regnamespace(pg_catalog.quote_ident(name)) is not null
           order by place limit 1), false) as shadows,
       coalesce((select usage from place), false) as usable
