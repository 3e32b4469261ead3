/* SPDX-License-Identifier: Apache-2.0 */
/* What headgate-source-files is asked, and its answers. */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

#include "process/process.h"

void hg_docker_files_done(struct hg_docker_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].path);
    free(f->items);
    free(f->container);
    *f = (struct hg_docker_files){ 0 };
}

static int take_files(const json_t *answer, struct hg_docker_files *ret, struct hg_err *err)
{
    const json_t *list = json_object_get(answer, "files");
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
    files.container = hg_xstrdup(json_string_value(json_object_get(answer, "name")));
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

/* One request, one answer; 0 with the answer when it is no error. `request` is taken over. */
static int ask(json_t *request, const char *container, int64_t timeout_ns, json_t **ret,
               struct hg_err *err)
{
    HG_AUTO(hg_freep) char *dir = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(dir, "headgate-source-files");
    json_auto_t *held = request;
    if (!held || json_object_set_new(held, "container", json_string(container)) < 0)
        return hg_fail(err, HG_E_USAGE, "the container's name or a path is not UTF-8");
    json_object_set_new(held, "timeout", json_real((double)timeout_ns / (double)HG_NS_PER_S));
    HG_AUTO(hg_freep) char *text = json_dumps(held, JSON_COMPACT);
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    char *argv[] = { program, NULL };
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
    *ret = HG_TAKE(answer);
    return 0;
}

int hg_docker_digests(const char *container, const char *path, int64_t timeout_ns,
                      struct hg_docker_files *ret, struct hg_err *err)
{
    json_auto_t *answer = NULL;
    if (ask(json_pack("{s:s}", "path", path), container, timeout_ns, &answer, err) < 0)
        return -1;
    return take_files(answer, ret, err);
}

int hg_docker_send(const char *container, const struct hg_strv *paths, const char *folder,
                   const char *user, int64_t timeout_ns, struct hg_err *err)
{
    json_auto_t *answer = NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < paths->count; i++)
        json_array_append_new(list, json_string(paths->items[i]));
    bool valid = json_array_size(list) == paths->count;
    json_t *request = json_pack("{s:o, s:s, s:s?}", "put", list, "folder", folder, "user", user);
    if (!valid) {
        json_decref(request);
        return hg_fail(err, HG_E_USAGE, "a file's name is not UTF-8");
    }
    return ask(request, container, timeout_ns, &answer, err);
}

int hg_docker_fetch(const char *container, const char *from, const char *to, int64_t timeout_ns,
                    struct hg_err *err)
{
    json_auto_t *answer = NULL;
    return ask(json_pack("{s:s, s:s}", "get", from, "to", to), container, timeout_ns, &answer, err);
}
