-- What stands on tables beside indexes: constraints, triggers, policies. Kind, name, and a member a column. A
-- NOT NULL that says no more than its column (a constraint from PostgreSQL 18 on) is left to the column.
select 'constraint', format('%I.%I.%I', s.nspname, c.relname, k.conname),
       format('%I.%I', s.nspname, c.relname) as table, pg_get_constraintdef(k.oid) as definition,
       not k.convalidated as not_valid, k.coninhcount > 0 and not k.conislocal as inherited,
       null as enabled, obj_description(k.oid, 'pg_constraint') as comment, null::json as members
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_namespace s on s.oid = c.relnamespace
 where (k.contype in ('c', 'f', 'p', 'u', 'x') or k.contype = 'n' and (not k.convalidated or k.connoinherit))
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
union all
select 'trigger', format('%I.%I.%I', s.nspname, c.relname, g.tgname),
       format('%I.%I', s.nspname, c.relname), pg_get_triggerdef(g.oid), null, null,
       case g.tgenabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end,
       obj_description(g.oid, 'pg_trigger'), null
  from pg_trigger g
  join pg_class c on c.oid = g.tgrelid
  join pg_namespace s on s.oid = c.relnamespace
 where not g.tgisinternal
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
union all
select 'policy', format('%I.%I.%I', s.nspname, c.relname, p.polname),
       format('%I.%I', s.nspname, c.relname), null, null, null, null, obj_description(p.oid, 'pg_policy'),
       json_build_object(
           'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                    when 'd' then 'delete' else 'all' end,
           'restrictive', nullif(not p.polpermissive, false),
           'roles', array(select case r when 0 then 'public' else pg_get_userbyid(r)::text end
                            from unnest(p.polroles) r order by 1),
           'using', pg_get_expr(p.polqual, p.polrelid),
           'with_check', pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
  join pg_namespace s on s.oid = c.relnamespace
 where true
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
