/* SPDX-License-Identifier: Apache-2.0 */
/* --with and --fetch: files that go with the command, and files that come back. */
#include "exec.h"

#include <string.h>
#include <sys/random.h>

#define COPY_NS (300 * HG_NS_PER_S)

/* Is a tmpfs mounted here or above? The engine would write below it. */
static bool covered(const struct hg_container *c, const char *folder)
{
    for (size_t i = 0; i < c->tmpfs.count; i++) {
        size_t len = strlen(c->tmpfs.items[i]);
        if (strncmp(folder, c->tmpfs.items[i], len) == 0 && (folder[len] == '/' || !folder[len]))
            return true;
    }
    return false;
}

static int choose_folder(struct exec_files *f, struct hg_err *err)
{
    static const char *const PLACES[] = { "/tmp", "/var/tmp" };
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return hg_fail_errno(err, HG_E_BUG, "no random bytes");
    for (size_t i = 0; i < HG_COUNT(PLACES) && !f->folder; i++)
        if (!covered(f->c, PLACES[i]))
            f->folder = hg_xasprintf("%s/headgate-%016llx", PLACES[i], (unsigned long long)number);
    if (f->folder)
        return 0;
    hg_fail(err, HG_E_DOCKER, "%s has a tmpfs on /tmp and on /var/tmp, where the container engine "
            "cannot put files", f->c->name);
    return hg_hint(err, "send them on stdin instead: -i");
}

static int send_files(void *context, struct hg_err *err)
{
    const struct exec_files *f = context;
    return hg_docker_send(f->c->id, &f->o->with, f->folder, f->o->user, COPY_NS, err);
}

/* "INSIDE=HERE"; INSIDE is below the folder unless absolute. */
static int fetch_one(const struct exec_files *f, const char *what, struct hg_err *err)
{
    const char *equals = strchr(what, '=');
    HG_AUTO(hg_freep) char *inside = hg_xstrndup(what, (size_t)(equals - what));
    HG_AUTO(hg_freep) char *from = hg_path_join(f->folder, inside);
    HG_AUTO(hg_freep) char *to = hg_path_abs(equals + 1);
    return hg_docker_fetch(f->c->id, from, to, COPY_NS, err);
}

static int fetch_files(void *context, const struct hg_docker_exec_result *result, struct hg_err *err)
{
    const struct exec_files *f = context;
    for (size_t i = 0; i < f->o->fetch.count; i++) {
        if (fetch_one(f, f->o->fetch.items[i], err) == 0)
            continue;
        /* A command that failed has told why already, and its code says more than ours. */
        if (result->code == 0)
            return -1;
        hg_log(HG_LOG_WARNING, "not fetched: %s", err->message);
    }
    return 0;
}

int exec_files_prepare(struct exec_files *f, struct hg_docker_exec *spec, struct hg_strv *env,
                       struct hg_err *err)
{
    for (size_t i = 0; i < f->o->fetch.count; i++) {
        const char *what = f->o->fetch.items[i], *equals = strchr(what, '=');
        if (!equals || equals == what || !equals[1])
            return hg_fail(err, HG_E_USAGE, "--fetch '%s': expected INSIDE=HERE", what);
    }
    if (!f->o->with.count && !f->o->fetch.count)
        return 0;
    if (choose_folder(f, err) < 0)
        return -1;
    hg_strv_addf(env, "HEADGATE_WITH=%s", f->folder);
    spec->folder = f->folder;
    spec->before = send_files;
    spec->after = fetch_files;
    spec->context = f;
    return 0;
}

void exec_files_done(struct exec_files *f)
{
    hg_freep(&f->folder);
}
