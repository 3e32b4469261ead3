-- For this transaction: nothing waits long, and what the server prints depends on no setting of role
-- or database; names are all qualified because nothing is on the path. Compiling
-- our statements (jit) would take longer than running them.
select set_config('search_path', '', true), set_config('lock_timeout', '2s', true), set_config('jit', 'off', true),
       set_config('quote_all_identifiers', 'off', true), set_config('datestyle', 'ISO, YMD', true),
       set_config('intervalstyle', 'postgres', true), set_config('timezone', 'UTC', true),
       set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)
