-- $1 the version table as the migrations name it: what is this session like, and where is that table?
select pg_catalog.current_setting('client_encoding'),
       pg_catalog.current_setting('standard_conforming_strings'),
       (select n.nspname::text
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.oid = pg_catalog.to_regclass($1))
