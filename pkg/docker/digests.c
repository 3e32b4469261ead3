/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of file digests as values, and as the answer of headgate-source-files. */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

#include "process/process.h"

void hg_docker_files_done(struct hg_docker_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].path);
    free(f->items);
    *f = (struct hg_docker_files){ 0 };
}

static int take_files(const json_t *list, struct hg_docker_files *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *path = json_string_value(json_object_get(item, "path"));
        const char *digest = json_string_value(json_object_get(item, "sha256"));
        if (!path || !digest || strlen(digest) != HG_SHA256_SIZE - 1)
            return hg_fail(err, HG_E_BUG, "headgate-source-files gave a malformed answer");
        files.items = hg_grow(files.items, files.count, &files.cap, sizeof *files.items);
        struct hg_docker_file *file = &files.items[files.count++];
        file->path = hg_xstrdup(path);
        file->size = (size_t)json_integer_value(json_object_get(item, "size"));
        memcpy(file->sha256, digest, HG_SHA256_SIZE);
    }
    *ret = files;
    files = (struct hg_docker_files){ 0 };
    return 0;
}

static int take_error(const json_t *error, struct hg_err *err)
{
    const char *kind = json_string_value(json_object_get(error, "kind"));
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *detail = json_string_value(json_object_get(error, "detail"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    hg_fail(err, kind ? hg_err_kind_parse(kind) : HG_E_BUG, "%s", message ? message : "");
    if (detail)
        hg_detail(err, "%s", detail);
    return hint ? hg_hint(err, "%s", hint) : -1;
}

int hg_docker_digests(const char *container, const char *path, int64_t timeout_ns,
                      struct hg_docker_files *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-source-files");
    json_auto_t *request = json_pack("{s:s, s:s, s:f}", "container", container, "path", path,
                                     "timeout", (double)timeout_ns / (double)HG_NS_PER_S);
    HG_AUTO(hg_freep) char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    char *argv[] = { program, NULL };
    if (!text)
        return hg_fail(err, HG_E_USAGE, "the container's name or the path is not UTF-8");
    const struct hg_process_run run = { .argv = argv, .input = text, .input_len = strlen(text),
                                        .timeout_ns = timeout_ns };
    if (hg_process_run(&run, &status, &out, &words, err) < 0)
        return -1;
    json_auto_t *answer = json_loadb(hg_buf_str(&out), out.len, 0, NULL);
    if (!answer)
        return hg_fail(err, HG_E_BUG, "headgate-source-files gave no answer: %s",
                       hg_buf_str(&words));
    json_t *error = json_object_get(answer, "error");
    if (json_is_object(error))
        return take_error(error, err);
    return take_files(json_object_get(answer, "files"), ret, err);
}
