-- What the statements beside this one need to be understood: words that are quoted, schemas, parents of
-- indexes, the default operator classes of B-trees by type, pages of what lies beside tables, comments; as
-- kind, two oids, number and text.
select 'word' as kind, null::oid as a, null::oid as b, null::int as number, word as text
  from pg_get_keywords() where catcode <> 'U'
union all
select 'schema', oid, null, null, nspname from pg_namespace
union all
select 'operator class', oid, opcintype, null, null from pg_opclass where opcmethod = 403 and opcdefault
union all
select 'parent', inhrelid, inhparent, null, null from pg_inherits where inhseqno = 1
union all
select 'toast', oid, null, relpages, null from pg_class where relkind = 't' and relpages > 0
union all
select 'comment', classoid, objoid, objsubid, description
  from pg_description
 where classoid in ('pg_class'::regclass, 'pg_constraint'::regclass) and objoid >= 16384
