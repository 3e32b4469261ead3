/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `hooks:`, around a run. */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "process/process.h"

#define GRACE_NS (2 * HG_NS_PER_S)  /* between TERM and KILL */
#define LINE_MAX_BYTES ((size_t)300)

static const char *const NAMES[HG_HOOK_WHENS] = { "before", "after", "on_failure" };

char *hg_run_error_line(const struct hg_err *err)
{
    HG_AUTO(hg_freep) char *line = hg_xstrndup(err->message, strcspn(err->message, "\n"));
    HG_AUTO(hg_freep) char *masked = hg_log_filtered(line);
    return hg_printable(masked, LINE_MAX_BYTES);
}

bool hg_run_rule_is_off(const struct hg_run *r, const char *rule)
{
    const struct hg_config *c = &r->target.config;
    for (size_t i = 0; i < c->rule_count; i++)
        if (hg_streq(c->rules[i].rule, rule))
            return c->rules[i].severity == HG_SEV_OFF;
    return false;
}

/* ---- what it is told ------------------------------------------------------------------------------ */

static void set_list(struct hg_vars *vars, const char *name, const struct hg_strv *list)
{
    HG_AUTO(hg_freep) char *text = hg_strv_join(list, " ");
    hg_vars_set(vars, name, text ? text : "", "headgate");
}

static void set(struct hg_vars *vars, const char *name, const char *value)
{
    hg_vars_set(vars, name, value ? value : "", "headgate");
}

static void set_end(const struct hg_run *r, const char *outcome, const struct hg_err *err,
                    struct hg_vars *vars)
{
    HG_AUTO(hg_freep) char *seconds = hg_xasprintf("%.1f", (double)(r->ended_ns - r->began_ns) /
                                                               (double)HG_NS_PER_S);
    HG_AUTO(hg_freep) char *error = hg_run_error_line(err);
    set(vars, "HEADGATE_OUTCOME", outcome);
    set(vars, "HEADGATE_SECONDS", seconds);
    set(vars, "HEADGATE_ERROR", hg_streq(outcome, "applied") ? "" : error);
    set_list(vars, "HEADGATE_APPLIED", &r->applied);
    if (r->to_known)
        set_list(vars, "HEADGATE_TO", &r->after);
}

static void set_facts(const struct hg_run *r, const char *when, struct hg_vars *vars)
{
    HG_AUTO(hg_strv_done) struct hg_strv planned = HG_STRV_INIT;
    for (size_t i = 0; i < r->steps.count; i++)
        hg_strv_add(&planned, r->steps.items[i]->id);
    set(vars, "HEADGATE_EVENT", when);
    set(vars, "HEADGATE_TARGET", r->target.t->name);
    set(vars, "HEADGATE_DIRECTION", r->o->down ? "down" : "up");
    set(vars, "HEADGATE_DATABASE", r->identity.database);
    set(vars, "HEADGATE_COMMIT", r->commit);
    set(vars, "HEADGATE_BY", r->by);
    set_list(vars, "HEADGATE_FROM", &r->from);
    set_list(vars, "HEADGATE_TO", &r->to);
    set_list(vars, "HEADGATE_PLANNED", &planned);
    set_list(vars, "HEADGATE_APPLIED", &(struct hg_strv)HG_STRV_INIT);
}

/* Without `environment: true` what headgate was started with, less tokens and connection variables. */
static char **environment(struct hg_run *r, const struct hg_hook *h, const char *when, const char *outcome,
                          const struct hg_err *how, struct hg_err *err)
{
    char **base = h->environment ? hg_run_migrator_envp(r, err) : hg_target_plain_envp(&r->target);
    if (!base)
        return NULL;
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    hg_vars_from_environ(&vars, base, "process");
    hg_vars_free_envp(base);
    set_facts(r, when, &vars);
    if (outcome)
        set_end(r, outcome, how, &vars);
    return hg_vars_envp(&vars);
}

/* ---- running it ----------------------------------------------------------------------------------- */

/* The hook has a group of its own: what is typed at a terminal reaches it through us. */
static int pass_on(void *context, int number, unsigned times)
{
    (void)context;
    return times > 2 ? SIGKILL : number;
}

static void emit(struct hg_run *r, const struct hg_hook *h, const char *when, const char *phase, int code)
{
    json_t *event = hg_note("hook");
    json_object_set_new(event, "when", json_string(when));
    json_object_set_new(event, "phase", json_string(phase));
    json_object_set_new(event, "command", hg_event_text(h->command.items[0]));
    if (code >= 0)
        json_object_set_new(event, "exit_code", json_integer(code));
    hg_emit(r, event);
}

/* 0, or -1 with what went wrong; *ret_signal: one that reached us meanwhile. */
static int run_hook(struct hg_run *r, const struct hg_hook *h, const char *when, const char *outcome,
                    const struct hg_err *how, int *ret_signal, struct hg_err *err)
{
    char **envp = environment(r, h, when, outcome, how, err);
    struct hg_supervised done = { 0 };
    if (!envp)
        return -1;
    struct hg_process_supervise spec = { .argv = h->command.items, .envp = envp,
                                         .dir = r->target.config.dir, .mask = r->target.mask,
                                         .sink = hg_run_output, .context = r, .stdin_null = true,
                                         .watch_fd = -1, .max_runtime_ns = h->timeout_ns,
                                         .grace_ns = GRACE_NS, .end_group = true, .on_signal = pass_on };
    emit(r, h, when, "begin", -1);
    int rc = hg_process_supervise(&spec, &done, err);
    hg_run_output_end(r);
    hg_vars_free_envp(envp);
    if (rc < 0)
        return -1;
    int code = hg_exit_status_code(&done.status);
    emit(r, h, when, "end", code);
    *ret_signal = done.signal_received;
    if (done.timed_out)
        return hg_fail(err, HG_E_TIMEOUT, "it was ended after %.1f s", (double)h->timeout_ns / (double)HG_NS_PER_S);
    return code == 0 ? 0 : hg_fail(err, HG_E_UNKNOWN, "exit %d", code);
}

static void report(struct hg_run *r, const struct hg_hook *h, const char *when, const struct hg_err *why)
{
    if (!h->required && hg_run_rule_is_off(r, "HG642"))
        return;
    struct hg_finding *f = hg_finding_add(&r->findings, "HG642", "the hook `%s` (%s) failed: %s",
                                          h->command.items[0], when, why->message);
    if (h->required)
        f->severity = HG_SEV_ERROR;
}

int hg_run_hooks_before(struct hg_run *r, struct hg_err *err)
{
    const struct hg_telling *t = &r->target.t->telling;
    const char *when = NAMES[HG_HOOK_BEFORE];
    r->hooked = true;
    for (size_t i = 0; i < t->hook_count[HG_HOOK_BEFORE]; i++) {
        const struct hg_hook *h = &t->hooks[HG_HOOK_BEFORE][i];
        struct hg_err why = { 0 };
        int number = 0;
        int rc = run_hook(r, h, when, NULL, NULL, &number, &why);
        if (number) {
            (void)hg_fail(err, HG_E_SIGNAL, "ended by signal %d (%s) before anything was started", number,
                          strsignal(number));
            err->exit_code = HG_EXIT_SIGNAL + number;
            return -1;
        }
        if (rc == 0)
            continue;
        report(r, h, when, &why);
        if (h->required) {
            (void)hg_fail(err, HG_E_REFUSED, "nothing was started: the hook `%s`, which is required, failed: %s",
                          h->command.items[0], why.message);
            return hg_hint(err, "mend what it complains of; hooks.before in headgate.yaml names it");
        }
    }
    return 0;
}

void hg_run_hooks_end(struct hg_run *r, int rc, const char *outcome, const struct hg_err *err)
{
    enum hg_hook_when when = rc >= 0 && hg_streq(outcome, "applied") ? HG_HOOK_AFTER : HG_HOOK_ON_FAILURE;
    if (!r->hooked)
        return;
    const struct hg_telling *t = &r->target.t->telling;
    for (size_t i = 0; i < t->hook_count[when]; i++) {
        const struct hg_hook *h = &t->hooks[when][i];
        struct hg_err why = { 0 };
        int number = 0;
        if (run_hook(r, h, NAMES[when], outcome, err, &number, &why) < 0)
            report(r, h, NAMES[when], &why);
    }
}
