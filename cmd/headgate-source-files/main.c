/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: the digests of the files below a folder of a container, for programs that do not load
 * libarchive themselves. One JSON request on stdin, one JSON answer on stdout (docs/docker.md).
 */
#include "cli/cli.h"
#include "docker/docker.h"

#include <jansson.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)1 << 20)

static int answer(const json_t *request, json_t *list, struct hg_err *err)
{
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    HG_AUTO(hg_container_done) struct hg_container c = HG_CONTAINER_INIT;
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    const char *name = json_string_value(json_object_get(request, "container"));
    const char *path = json_string_value(json_object_get(request, "path"));
    double timeout = json_number_value(json_object_get(request, "timeout"));
    if (!name || !path)
        return hg_fail(err, HG_E_USAGE, "the request names no container or no path");
    if (hg_docker_open(NULL, (int64_t)(timeout * (double)HG_NS_PER_S), &d, err) < 0 ||
        hg_docker_find(d, name, &c, err) < 0 || hg_docker_files(d, c.name, path, &files, err) < 0)
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

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)options;
    (void)args;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    json_auto_t *into = json_pack("{s:[], s:n}", "files", "error");
    int code = HG_EXIT_YES;
    if (hg_read_all(STDIN_FILENO, REQUEST_MAX, &text, err) < 0)
        return -1;
    json_auto_t *request = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    if (!request)
        return hg_fail(err, HG_E_USAGE, "stdin is not one JSON request");
    if (answer(request, json_object_get(into, "files"), err) < 0) {
        HG_AUTO(hg_freep) char *error = hg_cli_error_json(err);
        json_object_set_new(into, "error", json_loads(error, 0, NULL));
        code = hg_err_exit_code(err);
    }
    if (json_dumpf(into, stdout, JSON_COMPACT) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot write the answer");
    hg_out("\n");
    return code;
}

int main(int argc, char **argv)
{
    static const struct hg_cmd CMD = {
        .name = "source-files",
        .summary = "internal: digests of the files in a container's folder",
        .no_common = true,
    };
    struct hg_common common = { 0 };
    return hg_cli_main(&CMD, argc, argv, &common, run);
}
