-- The label of this database.
select target, protected::text from headgate.label
