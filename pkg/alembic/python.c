/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be told from the text alone is asked of one Python process, whose environment has no
 * secrets (DESIGN 5: Python is never started with secrets to answer a question). */
#include "gen/alembic_embed.h"
#include "internal.h"
#include "process/process.h"

#include <jansson.h>

static const int64_t PYTHON_TIMEOUT_NS = 30 * HG_NS_PER_S;
static const size_t ANSWER_MAX = (size_t)16 << 20;

extern char **environ;

/* Without an environment from the caller: ours, less what smells of tokens and connections. */
static bool harmless(const char *entry)
{
    static const char *const PARTS[] = { "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS=", "_KEY",
                                         "CREDENTIAL", "DATABASE", "_URL=", "_DSN", "_URI=",
                                         "DB_", NULL };
    if (hg_starts_with(entry, "PG") || hg_starts_with(entry, "RAILWAY_"))
        return false;
    HG_AUTO(hg_freep) char *name = hg_xstrndup(entry, strcspn(entry, "=") + 1);
    for (size_t i = 0; PARTS[i]; i++)
        if (strstr(name, PARTS[i]))
            return false;
    return true;
}

static void own_environment(struct hg_strv *ret)
{
    for (char **e = environ; *e; e++)
        if (harmless(*e))
            hg_strv_add(ret, *e);
}

static char *question(const struct hg_alembic_config *c, const struct hg_dynamic *files,
                      size_t count, const char *resource)
{
    json_t *paths = json_array(), *sys_path = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(paths, json_string(files[i].path));
    for (size_t i = 0; i < c->prepend_sys_path.count; i++)
        json_array_append_new(sys_path, json_string(c->prepend_sys_path.items[i]));
    json_t *q = json_pack("{s:o, s:o, s:s?}", "files", paths, "sys_path", sys_path, "resource",
                          resource);
    char *text = q ? json_dumps(q, JSON_COMPACT) : NULL;
    json_decref(q);
    return text;
}

static int run(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
               const char *input, json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *python = NULL;
    if (hg_alembic_python(c->dir, NULL, &python, err) < 0)
        return -1;
    HG_AUTO(hg_strv_done) struct hg_strv env = HG_STRV_INIT;
    if (!o->python_env)
        own_environment(&env);
    static char NO_BYTECODE[] = "-B", OPTION[] = "-c";
    HG_AUTO(hg_freep) char *program = hg_xasprintf("%s\n%s", hg_py_alembic_source, hg_py_alembic_loader);
    char *argv[] = { python, NO_BYTECODE, OPTION, program, NULL };
    char *none[] = { NULL };
    struct hg_process_run spec = {
        .argv = argv, .envp = o->python_env ? o->python_env : env.items ? env.items : none,
        .dir = c->dir, .input = input, .input_len = strlen(input), .max_output = ANSWER_MAX,
        .timeout_ns = o->python_timeout_ns ? o->python_timeout_ns : PYTHON_TIMEOUT_NS };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    struct hg_exit_status status;
    if (hg_process_run(&spec, &status, &out, &said, err) < 0) {
        err->kind = err->kind == HG_E_TIMEOUT ? HG_E_TIMEOUT : HG_E_UNKNOWN;
        return hg_wrap(err, "asking %s about revision files", python);
    }
    json_error_t where;
    json_t *answer = hg_exit_status_code(&status) == 0 ? json_loadb(out.data ? out.data : "", out.len,
                                                                    JSON_REJECT_DUPLICATES, &where)
                                                       : NULL;
    if (!answer) {
        hg_fail(err, HG_E_UNKNOWN, "%s could not tell about the revision files (it ended with %d)",
                python, hg_exit_status_code(&status));
        HG_AUTO(hg_freep) char *text = hg_printable(hg_buf_str(&said), 1500);
        return hg_detail(err, "%s", text);
    }
    *ret = answer;
    return 0;
}

static void refuse(struct hg_scan *s, int line, const char *why)
{
    free(s->why);
    s->state = HG_SCAN_REFUSED;
    s->line = line;
    s->why = hg_xstrdup(why);
}

/* One variable; false when the answer does not have the agreed shape. */
static bool take_value(const json_t *v, const char *name, struct hg_scan *s, int which)
{
    struct hg_scan_value *to = &s->values[which];
    hg_strv_done(&to->items);
    *to = (struct hg_scan_value){ 0 };
    if (!json_is_object(v) || !json_is_boolean(json_object_get(v, "assigned")))
        return false;
    if (json_is_false(json_object_get(v, "assigned")))
        return true;
    to->assigned = true;
    const char *bad = json_string_value(json_object_get(v, "bad"));
    if (bad) {
        HG_AUTO(hg_freep) char *why = hg_xasprintf("`%s` holds a value of type %s", name, bad);
        refuse(s, 1, why);
        return true;
    }
    const json_t *items = json_object_get(v, "items");
    if (!json_is_array(items))
        return false;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *item = json_string_value(json_array_get(items, i));
        if (!item)
            return false;
        hg_strv_add(&to->items, item);
    }
    to->none = json_is_true(json_object_get(v, "none"));
    to->list = json_is_true(json_object_get(v, "list"));
    return true;
}

static bool take(const json_t *answer, struct hg_scan *s)
{
    static const char *const NAMES[] = { "revision", "down_revision", "branch_labels", "depends_on" };
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (error) {
        HG_AUTO(hg_freep) char *line = hg_printable(error, 300);
        refuse(s, (int)json_integer_value(json_object_get(answer, "line")), line);
        return true;
    }
    s->state = HG_SCAN_OK;
    free(HG_TAKE(s->why));
    hg_scan_value_done(&s->values[HG_SCAN_DOC]);
    s->values[HG_SCAN_DOC] = (struct hg_scan_value){ 0 }; /* Python's word counts, below */
    for (int i = 0; i < (int)HG_COUNT(NAMES); i++)
        if (!take_value(json_object_get(answer, NAMES[i]), NAMES[i], s, i))
            return false;
    const char *doc = json_string_value(json_object_get(answer, "doc"));
    free(s->doc);
    s->doc = doc ? hg_scan_doc(doc) : NULL;
    return true;
}

int hg_alembic_ask_python(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                          struct hg_dynamic *files, size_t count, struct hg_err *err)
{
    char *input = question(c, files, count, NULL);
    if (!input)
        return hg_fail(err, HG_E_UNKNOWN, "a path of a revision file is not UTF-8");
    json_t *answer = NULL;
    int failed = run(c, o, input, &answer, err);
    free(input);
    if (failed)
        return -1;
    const json_t *list = json_object_get(answer, "files");
    bool good = json_is_array(list) && json_array_size(list) == count;
    for (size_t i = 0; i < count && good; i++) {
        good = json_is_object(json_array_get(list, i)) &&
               take(json_array_get(list, i), files[i].scan);
        if (good && files[i].scan->state == HG_SCAN_OK)
            hg_scan_judge(files[i].scan);
    }
    json_decref(answer);
    return good ? 0 : hg_fail(err, HG_E_UNKNOWN, "Python's answer about revision files is malformed");
}

int hg_alembic_resource(const struct hg_alembic_config *c, const struct hg_alembic_options *o,
                        const char *value, char **ret, struct hg_err *err)
{
    if (o->no_python) {
        hg_fail(err, HG_E_UNKNOWN, "only Python can tell where `%s` is", value);
        return hg_hint(err, "leave out --no-python, or write a folder in the configuration");
    }
    hg_log(HG_LOG_INFO, "asking Python where `%s` is", value);
    char *input = question(c, NULL, 0, value);
    json_t *answer = NULL;
    int failed = input ? run(c, o, input, &answer, err)
                       : hg_fail(err, HG_E_CONFIG, "`%s` is not UTF-8", value);
    free(input);
    if (failed)
        return hg_wrap(err, "looking for `%s`", value);
    const json_t *resource = json_object_get(answer, "resource");
    const char *path = json_string_value(json_object_get(resource, "path"));
    const char *error = json_string_value(json_object_get(resource, "error"));
    if (path) {
        *ret = hg_xstrdup(path);
    } else {
        hg_fail(err, HG_E_CONFIG, "cannot find the package of `%s`", value);
        hg_detail(err, "%s", error ? error : "Python gave no reason");
        failed = hg_hint(err, "`a:b` means a folder in a Python package; with several folders set "
                              "`path_separator = os`");
    }
    json_decref(answer);
    return failed;
}
