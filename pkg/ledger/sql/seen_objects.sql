-- What is known of every object.
select pg_catalog.to_jsonb(o) from headgate.objects o order by o.kind collate "C", o.name collate "C"
