/* SPDX-License-Identifier: Apache-2.0 */
/* May this role do what apply does? Told by sql/facts.sql, never tried. */
#include "internal.h"

#include "ledger/ledger.h"

/* The columns of sql/facts.sql. */
enum { ROLE, CREATE_SCHEMA, LEDGER, LEDGER_WRITE, LOCK, CANCEL, TERMINATE, PLACE, PLACE_CREATE, TABLE,
       TABLE_WRITE, FOREIGN_COUNT, FOREIGN_NAME, FOREIGN_OWNER };

static bool yes(const struct hg_exam *x, int column)
{
    return hg_streq(hg_pg_get(x->facts, 0, column), "true");
}

static const char *text_of(const struct hg_exam *x, int column)
{
    const char *text = hg_pg_get(x->facts, 0, column);
    return text ? text : "?";
}

bool hg_doctor_has_ledger(const struct hg_exam *x)
{
    enum hg_ledger_mode mode = x->target.t->ledger;
    return mode != HG_LEDGER_OFF && mode != HG_LEDGER_FILE;
}

enum hg_check_status hg_doctor_ledger(struct hg_exam *x, struct hg_check *c)
{
    enum hg_ledger_mode mode = x->target.t->ledger;
    if (yes(x, LEDGER_WRITE))
        return hg_check_say(c, HG_CHECK_OK, "may write the schema headgate");
    if (!yes(x, LEDGER) && yes(x, CREATE_SCHEMA))
        return hg_check_say(c, HG_CHECK_OK, "may create the schema headgate; the first apply does");
    HG_AUTO(hg_freep) char *sql = hg_ledger_admin_sql(text_of(x, ROLE));
    hg_check_say(c, mode == HG_LEDGER_REQUIRED ? HG_CHECK_FAIL : HG_CHECK_WARNING,
                 "role %s may not %s the schema headgate", text_of(x, ROLE),
                 yes(x, LEDGER) ? "write" : "create");
    hg_check_lines(c, sql);
    hg_check_rule(c, "HG507");
    return c->status;
}

enum hg_check_status hg_doctor_locks(struct hg_exam *x, struct hg_check *c)
{
    if (yes(x, LOCK))
        return hg_check_say(c, HG_CHECK_OK, "may take advisory locks");
    hg_check_hint(c, "grant execute on function pg_catalog.pg_try_advisory_lock(integer, integer), "
                     "pg_catalog.pg_try_advisory_lock_shared(integer, integer) to \"%s\";",
                  text_of(x, ROLE));
    return hg_check_say(c, HG_CHECK_FAIL, "role %s may not take advisory locks", text_of(x, ROLE));
}

enum hg_check_status hg_doctor_cancel(struct hg_exam *x, struct hg_check *c)
{
    if (yes(x, CANCEL) && yes(x, TERMINATE))
        return hg_check_say(c, HG_CHECK_OK, "may cancel and end its own sessions");
    hg_check_hint(c, "grant execute on function pg_catalog.pg_cancel_backend(integer) to \"%s\"; and the "
                     "same for pg_terminate_backend", text_of(x, ROLE));
    return hg_check_say(c, HG_CHECK_WARNING, "role %s may not %s its own sessions", text_of(x, ROLE),
                        yes(x, CANCEL) ? "end" : "cancel");
}

enum hg_check_status hg_doctor_rows(struct hg_exam *x, struct hg_check *c)
{
    const char *role = text_of(x, ROLE), *place = text_of(x, PLACE);
    const char *table = x->status.vt_name ? x->status.vt_name : "alembic_version";
    if (yes(x, TABLE) ? yes(x, TABLE_WRITE) : yes(x, PLACE_CREATE))
        return hg_check_say(c, HG_CHECK_OK, "may %s %s.%s", yes(x, TABLE) ? "write" : "create", place, table);
    HG_AUTO(hg_freep) char *quoted = hg_pg_quote_ident(role);
    if (yes(x, TABLE))
        hg_check_hint(c, "grant select, insert, update, delete on %s.%s to %s;", place, table, quoted);
    else if (hg_pg_get(x->facts, 0, PLACE))
        hg_check_hint(c, "grant create on schema %s to %s;", place, quoted);
    else
        hg_check_hint(c, "create schema %s authorization %s;",
                      x->status.vt_schema ? x->status.vt_schema : "public", quoted);
    return hg_check_say(c, HG_CHECK_FAIL, "role %s may not %s %s.%s", role,
                        yes(x, TABLE) ? "write" : "create", place, table);
}

/* ALTER TABLE and DROP TABLE are the owner's. */
enum hg_check_status hg_doctor_ownership(struct hg_exam *x, struct hg_check *c)
{
    const char *count = text_of(x, FOREIGN_COUNT);
    if (hg_streq(count, "0"))
        return hg_check_say(c, HG_CHECK_OK, "role %s may alter every table", text_of(x, ROLE));
    HG_AUTO(hg_freep) char *owner = hg_pg_quote_ident(text_of(x, FOREIGN_OWNER));
    HG_AUTO(hg_freep) char *role = hg_pg_quote_ident(text_of(x, ROLE));
    hg_check_hint(c, "migrate as the owner, or: grant %s to %s;", owner, role);
    return hg_check_say(c, HG_CHECK_WARNING, "role %s may not alter %s table%s of other owners, such as "
                        "%s of %s", text_of(x, ROLE), count, hg_streq(count, "1") ? "" : "s",
                        text_of(x, FOREIGN_NAME), text_of(x, FOREIGN_OWNER));
}
