-- Is there a ledger, and what may this role do with it?
select pg_catalog.to_regclass('headgate.meta') is not null as present,
       case when pg_catalog.to_regclass('headgate.run') is not null
            then pg_catalog.has_table_privilege(pg_catalog.to_regclass('headgate.run'), 'INSERT') end as may_write,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') as may_create,
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
           order by place limit 1), false) as shadows
