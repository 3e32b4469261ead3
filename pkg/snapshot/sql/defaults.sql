-- Defaults and generated values: relation, number, text. Only what names columns (a Var) has to be told of
-- its relation, which the server then opens.
select adrelid, adnum,
       pg_get_expr(adbin, case when adbin::text like '%{VAR %' then adrelid else 0 end)
  from pg_attrdef
