-- What only the server can print: objects of indexes and constraints by oid. $1, $2, $3: indexes; CHECKs and
-- a table each whose columns bear the names; other constraints.
select 'index' as kind, c.oid, pg_get_indexdef(c.oid) as definition, format('%I.%I', n.nspname, t.relname) as table
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
 where i.indexrelid = any ($1::oid[])
union all
select 'check', k.oid, 'CHECK (' || pg_get_expr(k.conbin, w.relation) || ')'
                       || case when k.connoinherit then ' NO INHERIT' else '' end
                       || case when k.convalidated then '' else ' NOT VALID' end, null
  from unnest($2::oid[], $3::oid[]) w(oid, relation) join pg_constraint k on k.oid = w.oid
union all
select 'constraint', k.oid, pg_get_constraintdef(k.oid), null
  from pg_constraint k where k.oid = any ($4::oid[])
