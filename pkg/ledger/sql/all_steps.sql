-- Every step, with its file if $1.
select pg_catalog.to_jsonb(s) - 'file' || pg_catalog.jsonb_build_object(
           'file', case when $1::boolean
                        then pg_catalog.replace(pg_catalog.encode(s.file, 'base64'), E'\n', '') end)
  from headgate.step s
 order by s.run, s.position
