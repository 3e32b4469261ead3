-- Indexes that a CREATE INDEX CONCURRENTLY left behind, without those still being built.
select i.indexrelid::regclass::text
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relkind = 'i'
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
   and not exists (select from pg_catalog.pg_stat_progress_create_index p
                    where p.index_relid = i.indexrelid)
 order by 1
