-- What of the ledger may this role read? By the catalog: looking a name up in a schema that may not be used is an
-- error.
select 'headgate.' || c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'headgate' and c.relkind in ('r', 'v')
   and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   and pg_catalog.has_table_privilege(c.oid, 'SELECT')
