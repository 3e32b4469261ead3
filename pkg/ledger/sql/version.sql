select pg_catalog.max(version)::text from headgate.meta
