-- The version tables that the ledger has runs of.
select distinct version_table from headgate.runs
