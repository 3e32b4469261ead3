/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target whose migrator runs in a container, or behind a command: the files that run are those
 * there, the files that are judged lie here. Where they differ the verdict would be about something
 * else.
 */
#include "docker/docker.h"
#include "internal.h"

#define DIGESTS_NS (30 * HG_NS_PER_S)

static const struct hg_docker_file *find_file(const struct hg_docker_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++)
        if (hg_streq(files->items[i].path, path))
            return &files->items[i];
    return NULL;
}

/* What stands behind the folder in a path below it, else NULL. */
static const char *below(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* "the container NAME", "the place behind `kubectl`": where the migrator runs; files NULL: not found
 * yet. Heap. */
static char *place(const struct hg_judge *j, const struct hg_docker_files *files)
{
    const struct hg_target_config *t = j->in->target->t;
    if (files && files->container)
        return hg_xasprintf("the container %s", files->container);
    return t->run == HG_RUN_COMMAND
               ? hg_xasprintf("the place behind `%s`", hg_path_base(t->run_command.items[0]))
               : hg_xasprintf("the container %s", t->run_container);
}

static void differs(struct hg_judge *j, const struct hg_docker_files *files,
                    const struct hg_revision *r, const char *what)
{
    HG_AUTO(hg_freep) char *where = place(j, files);
    struct hg_finding *f = hg_finding_add(&j->out->findings, "HG506", "%s %s %s", r->path, what, where);
    f->path = hg_xstrdup(r->path);
    f->revision = hg_xstrdup(r->id);
}

static void compare_revisions(struct hg_judge *j, const char *location,
                              const struct hg_docker_files *files)
{
    for (size_t i = 0; i < hg_graph_count(j->in->graph); i++) {
        const struct hg_revision *r = hg_graph_at(j->in->graph, i);
        const char *name = r->file ? below(location, r->file) : NULL;
        if (!name)
            continue;
        const struct hg_docker_file *there = find_file(files, name);
        size_t len = 0;
        const char *text = hg_graph_text(j->in->graph, r, &len);
        char sum[HG_SHA256_SIZE];
        if (!there)
            differs(j, files, r, "is not in");
        else if (text && !hg_streq(hg_sha256(text, len, sum), there->sha256))
            differs(j, files, r, "differs from the file in");
    }
}

/* A revision that only the container has would run unjudged. */
static void find_strangers(struct hg_judge *j, const char *location,
                           const struct hg_docker_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->items[i].path, *base = hg_path_base(path);
        HG_AUTO(hg_freep) char *here = hg_path_join(location, path);
        if (!hg_ends_with(base, ".py") || hg_starts_with(base, "__init__") ||
            (strchr(path, '/') && !j->in->alembic->recursive) || hg_is_file(here))
            continue;
        HG_AUTO(hg_freep) char *where = place(j, files);
        (void)hg_finding_add(&j->out->findings, "HG506", "%s has %s, which is not here", where, path);
    }
}

static int compare_location(struct hg_judge *j, const char *location, struct hg_err *err)
{
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    const char *name = below(j->in->alembic->dir, location);
    if (!name)
        return 0; /* not reached from the working directory: the driver compares when it runs */
    const struct hg_target_config *t = j->in->target->t;
    int rc = t->run == HG_RUN_COMMAND
                 ? hg_behind_digests(j, name, DIGESTS_NS, &files, err)
                 : hg_docker_digests(t->run_container, name, DIGESTS_NS, &files, err);
    if (rc < 0)
        return -1;
    compare_revisions(j, location, &files);
    find_strangers(j, location, &files);
    return 0;
}

void hg_judge_container(struct hg_judge *j)
{
    const struct hg_gate_input *in = j->in;
    struct hg_err err = { 0 };
    int rc = 0;
    if (!in->status || in->recorded || !in->graph || !in->alembic)
        return;
    if (in->target->t->run == HG_RUN_HOST)
        return;
    for (size_t i = 0; rc == 0 && i < in->alembic->version_locations.count; i++)
        rc = compare_location(j, in->alembic->version_locations.items[i], &err);
    if (rc < 0) {
        HG_AUTO(hg_freep) char *where = place(j, NULL);
        hg_judge_unknown(j, "the revision files in %s could not be compared: %s", where, err.message);
    }
}
