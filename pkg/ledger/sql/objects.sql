-- What is known of every object: the newest row of each.
select kind, name, digest, made::text, pg_catalog.to_json(o)->>'definition' from headgate.objects o
