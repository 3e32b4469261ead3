/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs.h"

#include <dirent.h>

static const struct verb {
    const char *name, *summary;
    bool resolves;
} VERBS[] = {
    { "status", "where is the database, where should it be, what is pending", true },
    { "history", "the revision graph, drawn, with applied and pending marks", true },
    { "new", "write a revision by autogenerate, then review it", true },
    { "gate", "verdict: may this code be applied to this target now?", true },
    { "apply", "lock, gate, migrate, verify, record", true },
    { "rollback", "the same care, downwards", true },
    { "cancel", "stop a migration whose runner is gone", true },
    { "env", "run a command with the target's environment, secrets masked", false },
    { "exec", "the same, in the container where the target runs", false },
    { "psql", "psql on the target's database, by the target's route", true },
    { "init", "write headgate.yaml and what goes with it for this repository", false },
    { "doctor", "can everything be found and reached?", true },
    { "lint", "static rules over graph, files and SQL", false },
    { "rehearse", "run the pending revisions in a private PostgreSQL", true },
    { "snapshot", "write what the database has to a file", true },
    { "bundle", "write what the code wants to a file", false },
    { "plan", "what would run, as SQL, with locks and expected impact", true },
    { "entrypoint", "PID 1 of a container: wait, gate, apply once, become the application", true },
    { "ledger", "what was recorded in the database: show, verify, export it", true },
    { "postgres", "a private PostgreSQL for development and tests", false },
    { "target", "print the identity line of a target, or relabel its database", true },
    { "explain", "what a rule means, why, and how to fix or waive it", false },
};

static const struct verb *find(const char *name)
{
    for (size_t i = 0; i < HG_COUNT(VERBS); i++)
        if (strcmp(VERBS[i].name, name) == 0)
            return &VERBS[i];
    return NULL;
}

const char *hg_verb_summary(const char *verb)
{
    const struct verb *v = find(verb);
    return v ? v->summary : "";
}

bool hg_verb_resolves(const char *verb)
{
    const struct verb *v = find(verb);
    return v && v->resolves;
}

/* Among our own programs; or where `headgate` is installed, for verbs of somebody else. */
static const char *const PLACES[] = { ".", "../../bin" };

/* Those are started by our other programs only. */
static bool is_internal(const char *verb)
{
    return hg_starts_with(verb, "source-") || strcmp(verb, "notify") == 0 || strcmp(verb, "pid1") == 0;
}

char *hg_verb_program(const char *verb)
{
    if (!*verb || strchr(verb, '/') || is_internal(verb))
        return NULL;
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    for (size_t i = 0; i < HG_COUNT(PLACES); i++) {
        HG_AUTO(hg_freep) char *dir = hg_path_join(self, PLACES[i]);
        HG_AUTO(hg_freep) char *name = hg_xasprintf("headgate-%s", verb);
        char *path = hg_path_join(dir, name);
        if (hg_is_file(path) && access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static void add_others(const char *dir, struct hg_strv *ret)
{
    static const char PREFIX[] = "headgate-";
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (!hg_starts_with(e->d_name, PREFIX))
            continue;
        const char *verb = e->d_name + sizeof PREFIX - 1;
        HG_AUTO(hg_freep) char *program = hg_verb_program(verb);
        if (program && !strchr(verb, '.') && !hg_strv_has(ret, verb))
            hg_strv_add(ret, verb);
    }
    (void)closedir(d);
}

void hg_verbs_installed(struct hg_strv *ret)
{
    for (size_t i = 0; i < HG_COUNT(VERBS); i++) {
        HG_AUTO(hg_freep) char *program = hg_verb_program(VERBS[i].name);
        if (program)
            hg_strv_add(ret, VERBS[i].name);
    }
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    for (size_t i = 0; i < HG_COUNT(PLACES); i++) {
        HG_AUTO(hg_freep) char *dir = hg_path_join(self, PLACES[i]);
        add_others(dir, ret);
    }
}
