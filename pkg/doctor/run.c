/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks, and how it is gone through. */
#include "internal.h"

#define NEEDS_MAX 4

/* In the order in which a person would look. A check whose needs are not fine is skipped. */
static const struct {
    const char *id;
    hg_check_concerns concerns; /* NULL: every target */
    hg_check_run run;
    const char *needs[NEEDS_MAX + 1];
} CHECKS[] = {
    { "tools.python", hg_doctor_runs_here, hg_doctor_python, { NULL } },
    { "tools.alembic", hg_doctor_runs_here, hg_doctor_packages, { "tools.python", NULL } },
    { "tools.git", NULL, hg_doctor_git, { NULL } },
    { "tools.psql", NULL, hg_doctor_psql, { NULL } },
    { "tools.pg_dump", NULL, hg_doctor_pg_dump, { NULL } },
    { "config.valid", NULL, hg_doctor_config, { NULL } },
    { "config.alembic", NULL, hg_doctor_alembic, { NULL } },
    { "config.revisions", NULL, hg_doctor_graph, { "config.alembic", NULL } },
    { "railway.token", hg_doctor_has_railway, hg_doctor_token, { "config.valid", NULL } },
    { "railway.api", hg_doctor_has_railway, hg_doctor_railway,
      { "config.valid", "railway.token", NULL } },
    { "container.running", hg_doctor_has_container, hg_doctor_container, { "config.valid", NULL } },
    { "environment.sources", NULL, hg_doctor_sources, { "config.valid", "railway.api", NULL } },
    { "environment.dotenv", hg_doctor_has_dotenv, hg_doctor_dotenv, { "config.valid", NULL } },
    { "environment.secrets", hg_doctor_has_dotenv, hg_doctor_secrets,
      { "environment.dotenv", NULL } },
    { "environment.masking", NULL, hg_doctor_masking, { "environment.sources", NULL } },
    { "environment.notify", hg_doctor_has_notify, hg_doctor_notify, { "environment.sources", NULL } },
    { "database.route", NULL, hg_doctor_route, { "environment.sources", NULL } },
    { "database.answers", NULL, hg_doctor_answers,
      { "environment.sources", "database.route", NULL } },
    { "database.direct", hg_doctor_has_direct, hg_doctor_direct, { "environment.sources", NULL } },
    { "database.identity", NULL, hg_doctor_identity,
      { "database.answers", "database.direct", NULL } },
    { "database.writable", NULL, hg_doctor_writable, { "database.identity", NULL } },
    { "database.pooler", NULL, hg_doctor_pooler, { "database.identity", NULL } },
    { "database.version-table", NULL, hg_doctor_version_table,
      { "database.identity", "config.alembic", NULL } },
    { "database.clock", NULL, hg_doctor_clock, { "database.identity", NULL } },
    { "database.pg_dump", NULL, hg_doctor_dump, { "database.answers", "database.direct", NULL } },
    { "privileges.version-table", NULL, hg_doctor_rows, { "database.identity", NULL } },
    { "privileges.ledger", hg_doctor_has_ledger, hg_doctor_ledger, { "database.identity", NULL } },
    { "privileges.locks", NULL, hg_doctor_locks, { "database.identity", NULL } },
    { "privileges.cancel", NULL, hg_doctor_cancel, { "database.identity", NULL } },
    { "privileges.tables", NULL, hg_doctor_ownership, { "database.identity", NULL } },
    { "envpy.runs", NULL, hg_doctor_envpy,
      { "tools.alembic", "config.alembic", "environment.sources", "container.running", NULL } },
    { "envpy.url", NULL, hg_doctor_envpy_url, { "envpy.runs", NULL } },
    { "envpy.version-table", NULL, hg_doctor_envpy_table, { "envpy.runs", NULL } },
    { "envpy.schemas", NULL, hg_doctor_envpy_schemas, { "envpy.runs", NULL } },
    { "alembic.heads", NULL, hg_doctor_heads, { "envpy.runs", NULL } },
    { "alembic.current", NULL, hg_doctor_current,
      { "envpy.url", "database.version-table", "database.pooler", NULL } },
};

/* The first of the needs that is not fine; one that does not concern this target is. */
static const struct hg_check *missing(const struct hg_doctor *d, const char *const *needs)
{
    for (; *needs; needs++) {
        const struct hg_check *c = hg_check_find(d, *needs);
        if (c && c->status > HG_CHECK_WARNING)
            return c;
    }
    return NULL;
}

static void check_done(struct hg_check *c)
{
    hg_freep(&c->message);
    hg_freep(&c->hint);
    hg_strv_done(&c->details);
}

static void add_check(struct hg_doctor *d, const struct hg_check *c)
{
    hg_trace("check", "id", c->id, "status", hg_check_status_name(c->status), NULL);
    d->items = hg_grow(d->items, d->count, &d->cap, sizeof *d->items);
    d->items[d->count++] = *c;
}

static void examine(struct hg_exam *x)
{
    struct hg_doctor *d = x->out;
    for (size_t i = 0; i < HG_COUNT(CHECKS); i++) {
        if (CHECKS[i].concerns && !CHECKS[i].concerns(x))
            continue;
        struct hg_check c = { .id = CHECKS[i].id };
        const struct hg_check *because = missing(d, CHECKS[i].needs);
        int64_t before = hg_now_ns();
        if (because)
            hg_check_skip(&c, because);
        else
            (void)CHECKS[i].run(x, &c);
        if (c.hint) {
            char *hint = hg_help_addressed(c.hint, d->target);
            free(c.hint);
            c.hint = hint;
        }
        c.seconds = (double)(hg_now_ns() - before) / (double)HG_NS_PER_S;
        add_check(d, &c);
    }
}

static void open_target(struct hg_exam *x)
{
    const struct hg_common *common = x->o->common;
    if (hg_target_open(common, x->o->argc, x->o->argv, false, &x->target, &x->open_error) == 0)
        hg_err_clear(&x->open_error);
    x->plain = hg_target_plain_envp(&x->target);
    x->how = hg_target_alembic_options(common, &x->target.config, x->plain);
    x->have_alembic = hg_alembic_config_load(&x->how, &x->alembic, &x->alembic_error) == 0;
}

static void exam_done(struct hg_exam *x)
{
    hg_apply_look_drop(x->looking);
    json_decref(x->look);
    hg_pg_clearp(&x->facts);
    hg_pg_closep(&x->conn);
    hg_status_done(&x->status);
    hg_graph_free(x->graph);
    hg_findings_done(&x->graph_findings);
    hg_findings_done(&x->files);
    if (x->have_alembic)
        hg_alembic_config_done(&x->alembic);
    hg_freep(&x->python);
    hg_vars_free_envp(x->plain);
    hg_target_done(&x->target);
}

void hg_doctor_run(const struct hg_doctor_options *o, struct hg_doctor *ret)
{
    struct hg_exam x = { .o = o, .out = ret };
    open_target(&x);
    hg_doctor_look(&x); /* Python needs half a second; meanwhile the others are asked */
    ret->target = hg_xstrdup(x.target.t->name);
    examine(&x);
    exam_done(&x);
}

void hg_doctor_done(struct hg_doctor *d)
{
    for (size_t i = 0; i < d->count; i++)
        check_done(&d->items[i]);
    free(d->items);
    free(d->target);
    *d = (struct hg_doctor){ 0 };
}
