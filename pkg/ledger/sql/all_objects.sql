-- What each run found changed, an object a row.
select pg_catalog.to_jsonb(o) || pg_catalog.jsonb_build_object('run', c.run)
  from headgate.change c,
       headgate.changed(c.objects) with ordinality as o (kind, name, digest, definition, made, position)
 order by c.seq, o.position
