-- Schemas, types, extensions, and what a migration seldom touches; of the last kinds only that they
-- exist. Kind, name, and a JSON object of members. $1: owners and privileges too.
with schemas as materialized (
    select * from pg_namespace
     where nspname !~ '^pg_' and nspname not in ('information_schema', 'headgate')
), extension_owned as materialized (
    select x.classid, x.objid from pg_extension e, lateral (
        select d.classid, d.objid from pg_depend d
         where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e' offset 0) x
), types as materialized (
    select t.*, format('%I.%I', s.nspname, t.typname) as name,
           jsonb_build_object(
               'owner', case when $1::boolean then pg_get_userbyid(t.typowner) end,
               'privileges', case when $1::boolean then (select array_agg(g::text order by g::text)
                                                               from unnest(t.typacl) g) end,
               'comment', obj_description(t.oid, 'pg_type')) as common
      from pg_type t
      join schemas s on s.oid = t.typnamespace
      left join extension_owned x on x.classid = 'pg_type'::regclass and x.objid = t.oid
     where x.objid is null
       -- Arrays and the rows of tables come with what they are made of.
       and not (t.typtype = 'b' and t.typcategory = 'A')
       and (t.typtype <> 'c' or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
)
select 'schema', format('%I', s.nspname), jsonb_build_object(
           'owner', case when $1::boolean then pg_get_userbyid(s.nspowner) end,
           'privileges', case when $1::boolean then (select array_agg(g::text order by g::text)
                                                           from unnest(s.nspacl) g) end,
           'comment', obj_description(s.oid, 'pg_namespace')) as members
  from schemas s
  left join extension_owned x on x.classid = 'pg_namespace'::regclass and x.objid = s.oid
 where x.objid is null
union all
select 'statistics', format('%I.%I', s.nspname, e.stxname), jsonb_build_object(
           'definition', pg_get_statisticsobjdef(e.oid), 'comment', obj_description(e.oid, 'pg_statistic_ext'))
  from pg_statistic_ext e join schemas s on s.oid = e.stxnamespace
union all
select 'extension', format('%I', e.extname), jsonb_build_object(
           'version', e.extversion, 'schema', n.nspname)
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace
union all
select 'type', t.name, (t.common || jsonb_build_object('enum',
           (select jsonb_agg(l.enumlabel order by l.enumsortorder) from pg_enum l
             where l.enumtypid = t.oid)))
  from types t where t.typtype = 'e'
union all
select 'type', t.name, (t.common || jsonb_build_object('domain',
           format_type(t.typbasetype, t.typtypmod), 'not_null', nullif(t.typnotnull, false),
           'default', t.typdefault,
           'collation', case when t.typcollation <> b.typcollation
                             then (select l.collname from pg_collation l where l.oid = t.typcollation) end,
           'checks', (select jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid)) from pg_constraint k
                       where k.contypid = t.oid and k.contype = 'c')))
  from types t join pg_type b on b.oid = t.typbasetype where t.typtype = 'd'
union all
select 'type', t.name, (t.common || jsonb_build_object('composite',
           (select coalesce(jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod))
                                      order by a.attnum), '[]')
              from pg_attribute a where a.attrelid = c.oid and not a.attisdropped)))
  from types t join pg_class c on c.oid = t.typrelid and c.relkind = 'c' where t.typtype = 'c'
union all
select 'type', t.name, (t.common || jsonb_build_object('range',
           format_type(r.rngsubtype, null),
           'operator_class', (select o.opcname from pg_opclass o where o.oid = r.rngsubopc),
           'collation', (select l.collname from pg_collation l where l.oid = r.rngcollation),
           'canonical', nullif(r.rngcanonical::text, '-'),
           'difference', nullif(r.rngsubdiff::text, '-')))
  from types t join pg_range r on r.rngtypid = t.oid
union all
select 'type', t.name, (t.common || jsonb_build_object('base', true, 'input', t.typinput::text))
  from types t where t.typtype = 'b' and t.typcategory <> 'A'
union all
select 'event trigger', format('%I', e.evtname), jsonb_build_object(
           'event', e.evtevent, 'function', e.evtfoid::regprocedure::text, 'tags', e.evttags,
           'enabled', case e.evtenabled when 'D' then 'no' when 'R' then 'replica'
                                        when 'A' then 'always' end)
  from pg_event_trigger e
  left join extension_owned x on x.classid = 'pg_event_trigger'::regclass and x.objid = e.oid
 where x.objid is null
union all
select 'publication', format('%I', p.pubname), jsonb_build_object(
           'all_tables', nullif(p.puballtables, false), 'insert', p.pubinsert, 'update', p.pubupdate,
           'delete', p.pubdelete, 'truncate', p.pubtruncate, 'via_root', nullif(p.pubviaroot, false),
           'tables', (select array_agg(format('%I.%I', n.nspname, c.relname) order by n.nspname, c.relname)
                        from pg_publication_rel r join pg_class c on c.oid = r.prrelid
                        join pg_namespace n on n.oid = c.relnamespace
                       where r.prpubid = p.oid))
  from pg_publication p
union all
select 'foreign server', format('%I', s.srvname), jsonb_build_object(
           'wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion)
  from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
  left join extension_owned x on x.classid = 'pg_foreign_server'::regclass and x.objid = s.oid
 where x.objid is null
union all
select 'default privileges', format('%s in %s for %s', pg_get_userbyid(d.defaclrole),
                                    coalesce(s.nspname, 'every schema'), d.defaclobjtype),
       jsonb_build_object('privileges', d.defaclacl::text[])
  from pg_default_acl d left join schemas s on s.oid = d.defaclnamespace
 where $1::boolean
union all
select i.type, i.identity, '{}'
  from (select 'pg_collation'::regclass as classid, oid, collnamespace as namespace from pg_collation
        union all select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
        union all select 'pg_opclass'::regclass, oid, opcnamespace from pg_opclass
        union all select 'pg_opfamily'::regclass, oid, opfnamespace from pg_opfamily
        union all select 'pg_conversion'::regclass, oid, connamespace from pg_conversion
        union all select 'pg_ts_config'::regclass, oid, cfgnamespace from pg_ts_config
        union all select 'pg_ts_dict'::regclass, oid, dictnamespace from pg_ts_dict
        union all select 'pg_ts_parser'::regclass, oid, prsnamespace from pg_ts_parser
        union all select 'pg_ts_template'::regclass, oid, tmplnamespace from pg_ts_template) o
  join schemas s on s.oid = o.namespace
  left join extension_owned x on x.classid = o.classid and x.objid = o.oid,
  lateral pg_identify_object(o.classid, o.oid, 0) i
 where x.objid is null
union all
-- Those that live in no schema: all that initdb did not make (its objects are below 16384).
select i.type, i.identity, '{}'
  from (select 'pg_cast'::regclass as classid, oid from pg_cast
        union all select 'pg_language'::regclass, oid from pg_language
        union all select 'pg_transform'::regclass, oid from pg_transform
        union all select 'pg_foreign_data_wrapper'::regclass, oid from pg_foreign_data_wrapper
        union all select 'pg_am'::regclass, oid from pg_am) o
  left join extension_owned x on x.classid = o.classid and x.objid = o.oid,
  lateral pg_identify_object(o.classid, o.oid, 0) i
 where x.objid is null and o.oid >= 16384
