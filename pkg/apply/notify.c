/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of a run. headgate-notify does the telling, one process for each, beside us: it has a
 * deadline, and another one of ours. Nobody is waited for but at the end, and those who must know.
 */
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "process/process.h"

#define MARGIN_NS   (500 * HG_NS_PER_MS)    /* the program keeps its own deadline; this much later it is ended */
#define LOOK_NS     (100 * HG_NS_PER_MS)
#define ANSWER_MAX  ((size_t)64 << 10)
#define RUN_BYTES   16
#define GITHUB_API  "https://api.github.com"

/* One notification under way. */
struct sent {
    size_t index;                   /* of its notifier */
    const char *event;
    struct hg_process_child child;
    int out;                        /* its answer; -1: none */
    int64_t until_ns;
};

struct hg_tell {
    char run[2 * RUN_BYTES + 1];    /* what the notifications of one run have in common */
    struct sent *sent;
    size_t count, cap;
    bool *started;                  /* by notifier: was told of the start, and so is told the end */
    bool *unset;                    /* by notifier: it was said that its variable is not set */
    char **deployments;             /* by notifier: GitHub's id */
    size_t notifiers;
    unsigned signals;               /* had come before we began to wait */
    char *why;                      /* the last one that had to be told and was not, and why */
};

static const struct hg_telling *config(const struct hg_run *r)
{
    return &r->target.t->telling;
}

static struct hg_tell *tell_of(struct hg_run *r)
{
    if (r->tell)
        return r->tell;
    struct hg_tell *t = r->tell = hg_xcalloc(1, sizeof *t);
    unsigned char bytes[RUN_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        memset(bytes, 0, sizeof bytes);
    (void)hg_hex(bytes, sizeof bytes, t->run);
    t->notifiers = config(r)->notifier_count;
    t->started = hg_xcalloc(t->notifiers + 1, sizeof *t->started);
    t->unset = hg_xcalloc(t->notifiers + 1, sizeof *t->unset);
    t->deployments = hg_xcalloc(t->notifiers + 1, sizeof *t->deployments);
    return t;
}

void hg_run_tell_done(struct hg_run *r)
{
    struct hg_tell *t = r->tell;
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        hg_process_stop(&t->sent[i].child, 0);
        hg_closep(&t->sent[i].out);
    }
    for (size_t i = 0; i < t->notifiers; i++)
        hg_freep(&t->deployments[i]);
    free(t->deployments);
    free(t->started);
    free(t->unset);
    free(t->why);
    free(t->sent);
    hg_freep(&r->tell);
}

/* ---- one notification ----------------------------------------------------------------------------- */

static const char *or_default(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static json_t *variable(const struct hg_run *r, const char *name)
{
    size_t len;
    const char *value = hg_notifier_value(&r->target.vars, name, &len);
    json_t *text = value ? json_stringn(value, len) : NULL;
    return text ? text : json_null();
}

/* "slack", "webhook deploys.example.com", "github owner/name": for people. Heap. */
static char *shown(const struct hg_notifier *n)
{
    if (n->slack_env)
        return hg_xasprintf("Slack (%s)", n->slack_env);
    if (n->github)
        return hg_xasprintf("GitHub (%s)", n->github);
    if (!n->webhook)
        return hg_xasprintf("the webhook of %s", n->webhook_env);
    HG_AUTO(hg_freep) char *host = hg_url_host(n->webhook);
    return hg_xasprintf("the webhook at %s", host);
}

static json_t *request(struct hg_run *r, size_t index, const json_t *event)
{
    const struct hg_notifier *n = &config(r)->notifiers[index];
    const char *url_env = n->slack_env ? n->slack_env : n->webhook_env;
    const char *deployment = r->tell->deployments[index];
    json_t *q = json_pack("{s:s, s:O, s:f}", "kind", n->slack_env ? "slack" : n->github ? "github" : "webhook",
                          "event", event, "timeout", (double)n->timeout_ns / (double)HG_NS_PER_S);
    json_object_set_new(q, "url", url_env ? variable(r, url_env) : hg_event_text(n->webhook));
    json_object_set_new(q, "secret", hg_event_text(n->secret_env ? hg_vars_get(&r->target.vars, n->secret_env)
                                                                 : NULL));
    if (!n->github)
        return q;
    const char *api = or_default(hg_vars_get(&r->target.vars, "GITHUB_API_URL"), GITHUB_API);
    json_object_set_new(q, "api", hg_event_text(n->api ? n->api : api));
    json_object_set_new(q, "repository", hg_event_text(n->github));
    json_object_set_new(q, "environment", hg_event_text(or_default(n->environment, r->target.t->name)));
    json_object_set_new(q, "deployment", deployment ? hg_event_text(deployment)
                                                    : variable(r, n->deployment_env));
    json_object_set_new(q, "token", variable(r, or_default(n->token_env, HG_NOTIFIER_TOKEN)));
    return q;
}

/* Of secrets only a proxy's password, which libcurl reads there; all others reach it on stdin. */
static char **environment(const struct hg_run *r)
{
    static const char *const PROXIES[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    HG_AUTO(hg_vars_done) struct hg_vars vars = HG_VARS_INIT;
    char **plain = hg_target_plain_envp(&r->target);
    hg_vars_from_environ(&vars, plain, "process");
    hg_vars_free_envp(plain);
    for (size_t i = 0; i < HG_COUNT(PROXIES); i++) {
        const char *value = hg_vars_get(&r->target.original, PROXIES[i]);
        if (value)
            hg_vars_set(&vars, PROXIES[i], value, "process");
    }
    return hg_vars_envp(&vars);
}

static int start(struct hg_run *r, const char *input, struct sent *s, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *path = hg_path_join(dir, "headgate-notify");
    char *const argv[] = { path, NULL };
    HG_AUTO(hg_closep) int in = hg_process_memfile("headgate-notify", input, strlen(input), err);
    HG_AUTO(hg_closep) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (in < 0)
        return -1;
    s->out = hg_process_memfile("headgate-notified", "", 0, err);
    if (s->out < 0)
        return -1;
    (void)fcntl(in, F_SETFD, FD_CLOEXEC);
    (void)fcntl(s->out, F_SETFD, FD_CLOEXEC);
    char **envp = environment(r);
    struct hg_process_start spec = { .argv = argv, .envp = envp, .stdio = { in, s->out, null },
                                     .death_signal = SIGTERM };
    int rc = hg_process_start(&spec, &s->child, err);
    hg_vars_free_envp(envp);
    return rc;
}

/* Steals the sentence. */
static void report(struct hg_run *r, const char *rule, bool required, char *why)
{
    HG_AUTO(hg_freep) char *sentence = why;
    if (!required && hg_run_rule_is_off(r, rule))
        return;
    struct hg_finding *f = hg_finding_add(&r->findings, rule, "%s", sentence);
    if (!required)
        return;
    f->severity = HG_SEV_ERROR;
    hg_freep(&r->tell->why);
    r->tell->why = HG_TAKE(sentence);
}

static void undelivered(struct hg_run *r, const struct sent *s, const char *why)
{
    const struct hg_notifier *n = &config(r)->notifiers[s->index];
    HG_AUTO(hg_freep) char *who = shown(n);
    report(r, "HG640", n->required, hg_xasprintf("%s was not told `%s`: %s", who, s->event, why));
    hg_trace("notify", "event", s->event, "to", who, "failed", why, NULL);
}

static void report_unset(struct hg_run *r, size_t index, const char *name, const char *why)
{
    const struct hg_notifier *n = &config(r)->notifiers[index];
    HG_AUTO(hg_freep) char *who = shown(n);
    if (r->tell->unset[index])
        return;
    r->tell->unset[index] = true;
    report(r, "HG641", n->required, hg_xasprintf("%s is not told: %s %s", who, name, why));
}

/* 0: under way; -1: it will not be told, and the finding says why. */
static int send_one(struct hg_run *r, size_t index, const char *event, const json_t *facts)
{
    const struct hg_notifier *n = &config(r)->notifiers[index];
    struct hg_tell *t = r->tell;
    struct sent s = { .index = index, .event = event, .child = HG_PROCESS_CHILD_INIT, .out = -1 };
    const char *why, *unset = hg_notifier_missing(n, &r->target.vars, &why);
    struct hg_err err = { 0 };
    if (unset) {
        report_unset(r, index, unset, why);
        return -1;
    }
    json_t *q = request(r, index, facts);
    char *input = json_dumps(q, JSON_COMPACT);
    json_decref(q);
    int rc = input ? start(r, input, &s, &err) : hg_fail(&err, HG_E_BUG, "it is no JSON");
    if (input)
        explicit_bzero(input, strlen(input));
    free(input);
    if (rc < 0) {
        hg_closep(&s.out);
        undelivered(r, &s, err.message);
        return -1;
    }
    s.until_ns = hg_now_ns() + n->timeout_ns + MARGIN_NS;
    t->sent = hg_grow(t->sent, t->count, &t->cap, sizeof *t->sent);
    t->sent[t->count++] = s;
    return 0;
}

/* ---- how it went ---------------------------------------------------------------------------------- */

/* A signal ends the waiting: the person wants to go. */
static bool wait_for_end(const struct hg_tell *t, struct sent *s)
{
    struct hg_exit_status ignored;
    for (;;) {
        int64_t left = s->until_ns - hg_now_ns();
        if (hg_process_wait(&s->child, left > LOOK_NS ? LOOK_NS : left > 0 ? left : 0, &ignored))
            return true;
        if (left <= 0 || hg_signals_count() != t->signals)
            return false;
    }
}

static json_t *answer_of(struct sent *s)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (lseek(s->out, 0, SEEK_SET) < 0 || hg_read_all(s->out, ANSWER_MAX, &text, &ignored) < 0)
        return NULL;
    return json_loadb(hg_buf_str(&text), text.len, 0, NULL);
}

/* -1: was not told. */
static int collect(struct hg_run *r, struct sent *s)
{
    struct hg_tell *t = r->tell;
    bool ended = wait_for_end(t, s);
    hg_process_stop(&s->child, LOOK_NS);
    json_t *answer = ended ? answer_of(s) : NULL;
    const json_t *error = json_object_get(answer, "error");
    const char *deployment = hg_jget(answer, "deployment");
    int rc = json_is_null(error) ? 0 : -1;
    if (rc < 0)
        undelivered(r, s, !ended ? "no answer in time" : *hg_jstr(error, "message") ? hg_jstr(error, "message")
                                                                                    : "headgate-notify failed");
    else
        hg_trace("notify", "event", s->event, NULL);
    if (deployment) {
        hg_freep(&t->deployments[s->index]);
        t->deployments[s->index] = hg_xstrdup(deployment);
    }
    json_decref(answer);
    hg_closep(&s->out);
    return rc;
}

/* All that are under way. -1: one that had to be told was not; *ret_index is its notifier. */
static int collect_all(struct hg_run *r, bool required_only, size_t *ret_index)
{
    struct hg_tell *t = r->tell;
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool required = config(r)->notifiers[t->sent[i].index].required;
        if (required_only && !required) {
            t->sent[kept++] = t->sent[i];
            continue;
        }
        if (collect(r, &t->sent[i]) < 0 && required) {
            *ret_index = t->sent[i].index;
            rc = -1;
        }
    }
    t->count = kept;
    return rc;
}

static int had_to_know(const struct hg_run *r, enum hg_err_kind kind, const char *what, struct hg_err *err)
{
    (void)hg_fail(err, kind, "%s: %s", what, r->tell->why ? r->tell->why : "");
    return hg_hint(err, "the notification is `required` in headgate.yaml; --no-notify leaves it out");
}

/* ---- before and after ----------------------------------------------------------------------------- */

int hg_run_tell_start(struct hg_run *r, struct hg_err *err)
{
    static const char WHAT[] = "nothing was started";
    hg_run_expect(r);
    if (hg_run_hooks_before(r, err) < 0)
        return -1;
    if (r->o->no_notify || !config(r)->notifier_count)
        return 0;
    struct hg_tell *t = tell_of(r);
    size_t index = 0;
    t->signals = hg_signals_count();
    json_t *facts = hg_run_facts(r, t->run, "started", NULL, 0, NULL);
    int rc = 0;
    for (size_t i = 0; i < t->notifiers; i++) {
        const struct hg_notifier *n = &config(r)->notifiers[i];
        if (rc < 0 || !hg_strv_has(&n->on, "started"))
            continue;
        t->started[i] = send_one(r, i, "started", facts) == 0;
        if (!t->started[i] && n->required)
            rc = had_to_know(r, HG_E_REFUSED, WHAT, err);
    }
    json_decref(facts);
    if (rc == 0 && collect_all(r, true, &index) < 0)
        rc = had_to_know(r, HG_E_REFUSED, WHAT, err);
    return rc < 0 && hg_signals_check(err) < 0 ? -1 : rc; /* a signal ended the waiting */
}

/* NULL: nothing to tell. */
static const char *event_of(const struct hg_run *r, int rc, const char *outcome)
{
    if (r->o->dry_run || r->o->baseline || r->o->adopt || !outcome)
        return NULL;
    if (rc >= 0)
        return hg_streq(outcome, "applied") ? "applied" : "unchanged";
    if (hg_streq(outcome, "interrupted"))
        return r->started || r->hooked ? "failed" : NULL;
    if (hg_streq(outcome, "refused") || hg_streq(outcome, "locked"))
        return outcome;
    return "failed";
}

/* Sends to all who want it; *ret_index: one that had to be told and cannot, else unchanged. */
static void tell_all(struct hg_run *r, const char *event, const json_t *facts, size_t *ret_index)
{
    struct hg_tell *t = r->tell;
    for (size_t i = 0; i < t->notifiers; i++) {
        const struct hg_notifier *n = &config(r)->notifiers[i];
        if ((t->started[i] || hg_strv_has(&n->on, event)) && send_one(r, i, event, facts) < 0 && n->required)
            *ret_index = i;
    }
}

int hg_run_tell_end(struct hg_run *r, int rc, const char *outcome, struct hg_err *err)
{
    hg_pg_closep(&r->lock); /* nobody waits for us any more */
    const char *event = r->have_target ? event_of(r, rc, outcome) : NULL;
    bool told = event && !r->o->no_notify && config(r)->notifier_count;
    size_t unknown = SIZE_MAX, index = SIZE_MAX;
    if (told) {
        struct hg_tell *t = tell_of(r);
        t->signals = hg_signals_count();
        (void)collect_all(r, false, &index); /* of the start: in order, and GitHub's id is in the answer */
        json_t *facts = hg_run_facts(r, t->run, event, outcome, rc, err);
        tell_all(r, event, facts, &unknown);
        json_decref(facts);
    }
    if (event)
        hg_run_hooks_end(r, rc, outcome, err);
    if (told && collect_all(r, false, &index) < 0)
        unknown = index;
    if (unknown == SIZE_MAX || rc < 0)
        return rc;
    (void)had_to_know(r, HG_E_NETWORK, r->started ? "the migration is in, but somebody who has to know was not told"
                                               : "somebody who has to know was not told", err);
    if (r->started)
        err->exit_code = HG_EXIT_FAILED;
    return -1;
}
