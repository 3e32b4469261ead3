-- SPDX-License-Identifier: Apache-2.0
-- What every table and sequence holds, as one digest each: exact, and with times and UUIDs masked, because
-- the database makes those anew for each row. Rows are compared as a set.
select c.oid::pg_catalog.regclass::text as name,
       (pg_catalog.xpath('/row/exact/text()', x))[1]::text as exact,
       (pg_catalog.xpath('/row/masked/text()', x))[1]::text as masked
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral pg_catalog.query_to_xml(pg_catalog.format(
    $q$select pg_catalog.md5(coalesce(pg_catalog.string_agg(t, E'\n' order by t collate "C"), '')) as exact,
              pg_catalog.md5(coalesce(pg_catalog.string_agg(m, E'\n' order by m collate "C"), '')) as masked
       from (select r::text as t, pg_catalog.regexp_replace(pg_catalog.regexp_replace(r::text,
                 '[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}', 'UUID', 'gi'),
                 '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+([+-][0-9:]+)?)?', 'TIME', 'g') as m
             from %s r) rows$q$, case c.relkind when 'S'
        then pg_catalog.format('(select last_value, is_called from %s)', c.oid::pg_catalog.regclass)
        else c.oid::pg_catalog.regclass::text end), false, false, '') x
where c.relkind in ('r', 'S', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)' and (c.relkind <> 'm' or c.relispopulated)
order by 1
