-- What is known of every object: the newest row of each.
select kind, name, digest, made::text from headgate.objects
