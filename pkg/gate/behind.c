/* SPDX-License-Identifier: Apache-2.0 */
/* The digests of the revision files where a target's command leads. */
#include "docker/docker.h"
#include "internal.h"

#include "gen/gate_embed.h"

#define ANSWER_MAX ((size_t)8 << 20)

static int take(const json_t *all, struct hg_docker_files *ret, struct hg_err *err)
{
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)all, path, value) {
        const char *sum = json_string_value(value);
        if (!sum || strlen(sum) != HG_SHA256_SIZE - 1 || ret->count >= HG_DOCKER_FILES_MAX)
            return hg_fail(err, HG_E_UNKNOWN, "its answer makes no sense");
        ret->items = hg_grow(ret->items, ret->count, &ret->cap, sizeof *ret->items);
        struct hg_docker_file *f = &ret->items[ret->count++];
        *f = (struct hg_docker_file){ .path = hg_xstrdup(path) };
        memcpy(f->sha256, sum, HG_SHA256_SIZE);
    }
    return 0;
}

/* The answer is the last line: whatever the command itself says comes before it. */
static int read_answer(struct hg_buf *out, struct hg_docker_files *ret, struct hg_err *err)
{
    hg_buf_trim_end(out, "\n");
    const char *text = hg_buf_str(out), *line = strrchr(text, '\n');
    json_t *all = json_loads(line ? line + 1 : text, JSON_REJECT_DUPLICATES, NULL);
    int rc = json_is_object(all) ? take(all, ret, err)
                                 : hg_fail(err, HG_E_UNKNOWN, "it gave no answer");
    json_decref(all);
    return rc;
}

int hg_behind_digests(struct hg_judge *j, const char *folder, int64_t timeout_ns,
                      struct hg_docker_files *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf words = HG_BUF_INIT;
    int code = 0;
    json_t *question = json_pack("{s:o}", "folder", hg_json_text(folder));
    HG_AUTO(hg_freep) char *program = hg_alembic_program(question, hg_py_gate_digests);
    json_decref(question);
    const struct hg_target *t = j->in->target;
    struct hg_alembic_behind spec = { .command = &t->t->run_command, .vars = &t->original,
                                      .dir = j->in->alembic->dir, .program = program,
                                      .timeout_ns = timeout_ns, .max_output = ANSWER_MAX };
    if (hg_alembic_run_behind(&spec, &code, &out, &words, err) < 0)
        return -1;
    if (code == 0)
        return read_answer(&out, ret, err);
    HG_AUTO(hg_freep) char *said = hg_printable(hg_buf_str(&words), 300);
    return hg_fail(err, HG_E_UNKNOWN, "the command ended with exit code %d: %s", code, said);
}
