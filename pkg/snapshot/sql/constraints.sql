-- Constraints of tables: oid, table, name, what a plain one is defined by, and a member a column. ".plain" is
-- null where only the server can print the definition. A NOT NULL that says no more than its column (a
-- constraint from PostgreSQL 18 on) is left to the column. Which tables are ours is known already.
select k.oid, k.conrelid, k.conname as ".name", k.contype as ".type",
       case when k.set_columns is null and not coalesce(k.period, false) and coalesce(k.enforced, true)
            then true end as ".plain",
       k.conkey as ".columns", nullif(k.conindid, 0) as ".index", nullif(k.confrelid, 0) as ".other",
       k.confkey as ".other_columns",
       case when k.contype = 'f'
            then k.confupdtype::text || k.confdeltype::text || k.confmatchtype::text end as ".actions",
       nullif(k.condeferrable, false) as ".deferrable", nullif(k.condeferred, false) as ".deferred",
       nullif(k.connoinherit, false) as ".no_inherit",
       case when k.coninhcount > 0 and not k.conislocal then true end as inherited,
       case when not k.convalidated then true end as not_valid
  from (select null::int2[] as confdelsetcols, null::boolean as conperiod, null::boolean as conenforced) as newer,
       lateral (select b.*, confdelsetcols as set_columns, conperiod as period, conenforced as enforced
                  from pg_constraint b) k
 where k.conrelid <> 0
   and (k.contype in ('c', 'f', 'p', 'u', 'x') or k.contype = 'n' and (not k.convalidated or k.connoinherit))
