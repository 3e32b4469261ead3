-- Is there a ledger, and what may this role do with it?
select pg_catalog.to_regclass('headgate.meta') is not null as present,
       case when pg_catalog.to_regclass('headgate.run') is not null
            then pg_catalog.has_table_privilege(pg_catalog.to_regclass('headgate.run'), 'INSERT') end as may_write,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') as may_create,
       current_user::text as role
