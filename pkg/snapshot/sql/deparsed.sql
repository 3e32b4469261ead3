-- What the server can only print after locking (ACCESS SHARE, to the end of the transaction or of the
-- savepoint around this) every relation that is mentioned: views, rules, function bodies in SQL.
-- Kind, name, and a JSON object of members. $1: owners and privileges too.
with schemas as materialized (
    select oid, nspname from pg_namespace
     where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate')
), extension_owned as materialized (
    select x.classid, x.objid from pg_extension e, lateral (
        select d.classid, d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e' offset 0) x
)
select case c.relkind when 'v' then 'view' else 'materialized view' end,
       format('%I.%I', s.nspname, c.relname), json_build_object('definition', pg_get_viewdef(c.oid)) as members
  from pg_class c
  join schemas s on s.oid = c.relnamespace
  left join extension_owned x on x.classid = 'pg_class'::regclass and x.objid = c.oid
 where c.relkind in ('v', 'm') and x.objid is null
union all
select 'rule', format('%I.%I.%I', s.nspname, c.relname, r.rulename), json_build_object(
           'table', format('%I.%I', s.nspname, c.relname),
           'definition', pg_get_ruledef(r.oid),
           'enabled', case r.ev_enabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end,
           'comment', obj_description(r.oid, 'pg_rewrite'))
  from pg_rewrite r
  join pg_class c on c.oid = r.ev_class
  join schemas s on s.oid = c.relnamespace
  left join extension_owned x on x.classid = 'pg_class'::regclass and x.objid = c.oid
 where r.rulename <> '_RETURN' and x.objid is null
union all
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       json_build_object(
           'definition', case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end,
           'returns', case when p.prokind = 'a' then pg_get_function_result(p.oid) end,
           'aggregate', (select json_build_object(
                                    'kind', a.aggkind, 'direct_arguments', nullif(a.aggnumdirectargs, 0),
                                    'step', a.aggtransfn::text, 'final', nullif(a.aggfinalfn::text, '-'),
                                    'combine', nullif(a.aggcombinefn::text, '-'),
                                    'state', format_type(a.aggtranstype, null), 'initial', a.agginitval,
                                    'moving_step', nullif(a.aggmtransfn::text, '-'),
                                    'moving_inverse', nullif(a.aggminvtransfn::text, '-'),
                                    'moving_final', nullif(a.aggmfinalfn::text, '-'),
                                    'moving_state', case when a.aggmtranstype <> 0
                                                         then format_type(a.aggmtranstype, null) end,
                                    'moving_initial', a.aggminitval,
                                    'sort', nullif(a.aggsortop::regoperator::text, '0'),
                                    'parallel', p.proparallel)
                           from pg_aggregate a where a.aggfnoid = p.oid),
           'owner', case when $1::boolean then pg_get_userbyid(p.proowner) end,
           'privileges', case when $1::boolean then (select array_agg(g::text order by g::text)
                                                           from unnest(p.proacl) g) end,
           'comment', obj_description(p.oid, 'pg_proc'))
  from pg_proc p
  join schemas s on s.oid = p.pronamespace
  left join extension_owned x on x.classid = 'pg_proc'::regclass and x.objid = p.oid
 where x.objid is null
