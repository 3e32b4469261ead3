-- Releases what is held of version table $1.
delete from headgate.held where version_table = $1::text
returning revision
