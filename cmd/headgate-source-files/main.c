/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: files of a container, for programs that do not load libarchive themselves: digests, files
 * in, files out. One JSON request on stdin, one JSON answer on stdout (docs/docker.md).
 */
#include "cli/cli.h"
#include "docker/docker.h"

#include <jansson.h>

static int digests(struct hg_docker *d, const struct hg_container *c, const char *path, json_t *into,
                   struct hg_err *err)
{
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    json_t *list = json_array();
    HG_AUTO(hg_freep) char *whole = hg_path_join(c->workdir && *c->workdir ? c->workdir : "/", path);
    json_object_set_new(into, "files", list);
    if (hg_docker_files(d, c->name, whole, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        const struct hg_docker_file *file = &files.items[i];
        /* A name that is not UTF-8 cannot be one of Alembic's files. */
        json_t *item = json_pack("{s:s, s:s, s:I}", "path", file->path, "sha256", file->sha256,
                                 "size", (json_int_t)file->size);
        if (item)
            json_array_append_new(list, item);
    }
    return 0;
}

static int put(struct hg_docker *d, const struct hg_container *c, const json_t *request,
               const json_t *list, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv paths = HG_STRV_INIT;
    const char *folder = json_string_value(json_object_get(request, "folder"));
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (!json_is_string(item))
            return hg_fail(err, HG_E_USAGE, "a path in the request is no string");
        hg_strv_add(&paths, json_string_value(item));
    }
    if (!folder || *folder != '/')
        return hg_fail(err, HG_E_USAGE, "the request names no absolute folder");
    return hg_docker_put(d, c, &paths, folder, json_string_value(json_object_get(request, "user")), err);
}

static int answer(const json_t *request, json_t *into, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    const char *name = json_string_value(json_object_get(request, "container"));
    const char *path = json_string_value(json_object_get(request, "path"));
    const char *get = json_string_value(json_object_get(request, "get"));
    const char *to = json_string_value(json_object_get(request, "to"));
    const json_t *list = json_object_get(request, "put");
    double timeout = json_number_value(json_object_get(request, "timeout"));
    if (!name || (!path && !(get && to) && !json_is_array(list)))
        return hg_fail(err, HG_E_USAGE, "the request names no container, or nothing to do");
    if (hg_docker_open(NULL, (int64_t)(timeout * (double)HG_NS_PER_S), &d, err) < 0 ||
        hg_docker_find(d, name, &c, err) < 0)
        return -1;
    json_object_set_new(into, "name", json_string(c.name));
    if (path)
        return digests(d, &c, path, into, err);
    return get ? hg_docker_get(d, &c, get, to, err) : put(d, &c, request, list, err);
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)options;
    (void)args;
    return hg_cli_serve(json_object(), answer, err);
}

int main(int argc, char **argv)
{
    static const struct hg_cmd CMD = {
        .name = "source-files",
        .summary = "internal: files of a container",
        .no_common = true,
    };
    struct hg_common common = { 0 };
    return hg_cli_main(&CMD, argc, argv, &common, run);
}
