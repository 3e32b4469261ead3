-- Triggers and policies: kind, name, and a member a column.
with members as materialized (
    select x.objid from pg_extension e, lateral (
        select d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
           and d.classid = 'pg_class'::regclass and d.deptype = 'e' offset 0) x
)
select 'trigger', format('%I.%I.%I', s.nspname, c.relname, g.tgname),
       format('%I.%I', s.nspname, c.relname) as table, pg_get_triggerdef(g.oid) as definition,
       case g.tgenabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end as enabled,
       obj_description(g.oid, 'pg_trigger') as comment, null::json as members
  from pg_trigger g
  join pg_class c on c.oid = g.tgrelid
  join pg_namespace s on s.oid = c.relnamespace
 where not g.tgisinternal
   and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and c.oid not in (select objid from members)
union all
select 'policy', format('%I.%I.%I', s.nspname, c.relname, p.polname),
       format('%I.%I', s.nspname, c.relname), null, null, obj_description(p.oid, 'pg_policy'),
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
 where s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'headgate')
   and c.oid not in (select objid from members)
