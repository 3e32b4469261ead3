/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has another target arrived? Asked of `headgate-VERB -t TARGET`, started anew, because each
 * target's secrets are resolved in a process of their own.
 */
#include "internal.h"
#include "process/process.h"

static const char *const STATES[] = { "up-to-date", "behind", "ahead", "diverged", "empty", "unknown" };
static const int64_t ASK_TIMEOUT_NS = 60 * HG_NS_PER_S;

/* Two targets that are one database prove nothing about each other. */
bool hg_judge_same_database(const struct hg_status *s, const json_t *other)
{
    const json_t *database = json_object_get(other, "database");
    const char *name = json_string_value(json_object_get(database, "name"));
    const char *system = json_string_value(json_object_get(database, "system_identifier"));
    const char *host = json_string_value(json_object_get(database, "host"));
    if (!s || !name || !hg_streq(name, s->db_name))
        return false;
    if (system && s->system_identifier)
        return hg_streq(system, s->system_identifier);
    /* A managed server hides its number; the same host is then taken for the same server. */
    return host && hg_streq(host, s->db_host);
}

/* Both targets are judged by the same files and with the same patience. */
static void add_options(const struct hg_common *c, struct hg_strv *argv)
{
    if (!c)
        return;
    if (c->alembic_config)
        hg_strv_addf(argv, "--alembic-config=%s", c->alembic_config);
    if (c->alembic_section)
        hg_strv_addf(argv, "--alembic-section=%s", c->alembic_section);
    for (size_t i = 0; i < c->x.count; i++)
        hg_strv_addf(argv, "-x%s", c->x.items[i]);
    if (c->timeout_ns)
        hg_strv_addf(argv, "--timeout=%.3f", (double)c->timeout_ns / (double)HG_NS_PER_S);
    if (c->no_python)
        hg_strv_add(argv, "--no-python");
}

int hg_judge_ask(struct hg_judge *j, const char *verb, const char *target, const struct hg_strv *words,
                 json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate-%s", verb);
    HG_AUTO(hg_freep) char *program = hg_path_join(self, name);
    const struct hg_config *c = &j->in->target->config;
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    const char *const first[] = { "-t", target, "--format", "json", "-C", j->in->dir ? j->in->dir : "." };
    hg_strv_add(&argv, program);
    hg_strv_addv(&argv, words);
    for (size_t i = 0; i < HG_COUNT(first); i++)
        hg_strv_add(&argv, first[i]);
    if (c->path)
        hg_strv_addf(&argv, "--config=%s", c->path);
    add_options(j->in->common, &argv);
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    struct hg_exit_status status;
    int64_t left = j->in->deadline_ns ? j->in->deadline_ns - hg_now_ns() : ASK_TIMEOUT_NS;
    struct hg_process_run spec = { .argv = argv.items,
                                   .timeout_ns = left > HG_NS_PER_S ? left : HG_NS_PER_S };
    if (hg_process_run(&spec, &status, &out, NULL, err) != 0)
        return -1;
    json_error_t why;
    *ret = json_loadb(hg_buf_str(&out), out.len, 0, &why);
    if (!*ret)
        return hg_fail(err, HG_E_UNKNOWN, "headgate %s -t %s gave no answer (exit %d)", verb, target,
                       hg_exit_status_code(&status));
    return 0;
}

static void must_be(struct hg_judge *j, const char *target, const char *state, const char *wanted)
{
    if (!hg_streq(state, wanted))
        hg_finding_add(&j->out->findings, "HG510", "%s is %s, required is %s", target, state, wanted)
            ->object = hg_xstrdup(target);
}

static void check_one(struct hg_judge *j, const char *target, const char *wanted)
{
    struct hg_err err = { 0 };
    json_t *answer = NULL;
    struct hg_strv none = HG_STRV_INIT;
    if (hg_judge_ask(j, "status", target, &none, &answer, &err) != 0) {
        hg_judge_unknown(j, "where %s stands could not be told: %s", target, err.message);
        return;
    }
    const char *state = json_string_value(json_object_get(answer, "state"));
    if (!state || (hg_streq(state, "unknown") && !hg_streq(wanted, "unknown")))
        hg_judge_unknown(j, "where %s stands could not be told", target);
    else if (hg_judge_same_database(j->in->status, answer))
        hg_judge_unknown(j, "%s and %s are the same database, so %s proves nothing", target,
                         j->in->target->t->name, target);
    else
        must_be(j, target, state, wanted);
    json_decref(answer);
}

int hg_judge_required(struct hg_judge *j, struct hg_err *err)
{
    hg_judge_after(j);
    for (size_t i = 0; j->in->required && i < j->in->required->count; i++) {
        const char *text = j->in->required->items[i], *equals = strchr(text, '=');
        bool valid = false;
        for (size_t k = 0; equals && k < HG_COUNT(STATES); k++)
            valid = valid || hg_streq(equals + 1, STATES[k]);
        if (!valid || equals == text) {
            hg_fail(err, HG_E_USAGE, "--require %s: expected TARGET=STATE", text);
            return hg_hint(err, "the states are up-to-date, behind, ahead, diverged, empty, unknown");
        }
        HG_AUTO(hg_freep) char *target = hg_xstrndup(text, (size_t)(equals - text));
        const struct hg_target_config *known = hg_config_target(&j->in->target->config, target, err);
        if (!known)
            return -1;
        /* The target that is judged has been asked already: has it arrived? */
        if (j->in->status && hg_streq(target, j->in->target->t->name))
            must_be(j, target, hg_state_name(j->in->status->state), equals + 1);
        else
            check_one(j, target, equals + 1);
    }
    return 0;
}
