/* SPDX-License-Identifier: Apache-2.0 */
/* diff A B: files, targets, bundles, models. */
#include "snapshot_cmd.h"

#include <string.h>

#include "process/process.h"

#define MODELS   "models"
#define BUNDLE   "bundle:"
#define CHILD_NS (10 * 60 * HG_NS_PER_S)

static bool is_file(const char *name)
{
    return hg_is_file(name) || strchr(name, '/');
}

/* Each target's secrets are resolved in a process of their own: this program again, with `words` behind
 * the options. yes: exit 1 is an answer too. */
static int ask_elsewhere(const struct snapshot_options *o, const char *target, const char *const *words,
                         bool yes, struct hg_buf *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *self = hg_self_dir();
    HG_AUTO(hg_freep) char *program = hg_path_join(self, "headgate-snapshot");
    HG_AUTO(hg_freep) char *timeout = hg_xasprintf("%.3f", (double)o->common.timeout_ns / HG_NS_PER_S);
    const char *const pairs[][2] = { { "-t", target },
                                     { "-c", o->common.config },
                                     { "-C", o->common.dir },
                                     { "--alembic-config", o->common.alembic_config },
                                     { "--alembic-section", o->common.alembic_section },
                                     { "--timeout", o->common.timeout_ns ? timeout : NULL } };
    hg_strv_add(&argv, program);
    for (size_t i = 0; i < HG_COUNT(pairs); i++) {
        if (!pairs[i][1])
            continue;
        hg_strv_add(&argv, pairs[i][0]);
        hg_strv_add(&argv, pairs[i][1]);
    }
    for (size_t i = 0; i < o->common.x.count; i++) {
        hg_strv_add(&argv, "-x");
        hg_strv_add(&argv, o->common.x.items[i]);
    }
    for (size_t i = 0; words[i]; i++)
        hg_strv_add(&argv, words[i]);
    if (o->privileges)
        hg_strv_add(&argv, "--privileges");
    if (o->sizes)
        hg_strv_add(&argv, "--sizes");
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = argv.items, .timeout_ns = CHILD_NS,
                                   .max_output = SNAPSHOT_FILE_MAX };
    if (hg_process_run(&spec, &status, ret, &said, err) < 0)
        return -1;
    int code = hg_exit_status_code(&status);
    if (!code || (yes && code == HG_EXIT_NO && ret->len))
        return 0;
    (void)hg_fail(err, HG_E_DATABASE, "%s could not be %s (exit %d)", target,
                  yes ? "compared with the models" : "taken a snapshot of", code);
    err->exit_code = code;
    return hg_detail(err, "%s", hg_buf_str(&said));
}

/* One of a diff with `other`. */
static int side(const struct snapshot_options *o, const char *name, const char *other, struct hg_snapshot *ret,
                struct hg_err *err)
{
    static const char *const TAKE[] = { "-o", "-", "--no-schema-sql", NULL };
    bool target = !hg_starts_with(other, BUNDLE) && !is_file(other);
    if (hg_streq(name, BUNDLE))
        return hg_fail(err, HG_E_USAGE, "bundle: wants a file: bundle:headgate.bundle");
    if (hg_starts_with(name, BUNDLE))
        return snapshot_of_bundle(o, name + strlen(BUNDLE), target ? other : NULL, ret, err);
    if (is_file(name) && snapshot_read(name, ret, err) < 0)
        return hg_ends_with(name, ".bundle") ? hg_hint(err, "what a bundle would give: bundle:%s", name) : -1;
    if (is_file(name))
        return 0;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    if (ask_elsewhere(o, name, TAKE, false, &out, err) < 0)
        return -1;
    return hg_snapshot_unpack(hg_buf_str(&out), out.len, name, ret, err);
}

static int two_catalogs(const struct snapshot_options *o, const char *a, const char *b, json_t **ret,
                        struct hg_err *err)
{
    HG_AUTO(hg_snapshot_done) struct hg_snapshot left = { 0 }, right = { 0 };
    if (side(o, a, b, &left, err) < 0 || side(o, b, a, &right, err) < 0)
        return -1;
    json_t *diff = hg_snapshot_diff(left.catalog, right.catalog);
    if (o->sizes) {
        json_t *sizes = hg_snapshot_diff_sizes(left.sizes, right.sizes);
        json_t *activity = hg_snapshot_diff_activity(left.activity, right.activity);
        json_array_extend(diff, sizes);
        json_array_extend(diff, activity);
        json_decref(sizes);
        json_decref(activity);
    }
    *ret = diff;
    return 0;
}

/* ---- models --------------------------------------------------------------------------------- */

static int models_elsewhere(const struct snapshot_options *o, const char *target, json_t **ret,
                            struct hg_err *err)
{
    static const char *const COMPARE[] = { "--format", "json", "diff", MODELS, NULL };
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    if (ask_elsewhere(o, target, COMPARE, true, &out, err) < 0)
        return -1;
    json_t *document = json_loadb(hg_buf_str(&out), out.len, 0, NULL);
    json_t *changes = json_incref(json_object_get(document, "changes"));
    json_decref(document);
    if (!json_is_array(changes)) {
        json_decref(changes);
        return hg_fail(err, HG_E_DATABASE, "%s could not be compared with the models", target);
    }
    *ret = changes;
    return 0;
}

static void swap(json_t *object)
{
    json_t *from = json_incref(json_object_get(object, "from"));
    json_object_set(object, "from", json_object_get(object, "to"));
    json_object_set_new(object, "to", from);
}

/* The same changes, seen from the other side. */
static void turn_around(json_t *changes)
{
    size_t i, k;
    json_t *change, *detail;
    json_array_foreach(changes, i, change) {
        const char *was = json_string_value(json_object_get(change, "change"));
        if (hg_streq(was, "added"))
            json_object_set_new(change, "change", json_string("removed"));
        else if (hg_streq(was, "removed"))
            json_object_set_new(change, "change", json_string("added"));
        json_array_foreach(json_object_get(change, "details"), k, detail)
            swap(detail);
    }
}

static int with_models(const struct snapshot_options *o, const char *a, const char *b, json_t **ret,
                       struct hg_err *err)
{
    bool first = hg_streq(a, MODELS);
    const char *other = first ? b : a;
    if (hg_streq(other, MODELS))
        return hg_fail(err, HG_E_USAGE, "both sides are the models");
    if (other && hg_starts_with(other, BUNDLE))
        return hg_fail(err, HG_E_USAGE, "a bundle is compared with a target or a snapshot, not with the models");
    if (o->sizes)
        return hg_fail(err, HG_E_USAGE, "models have no sizes");
    if (o->common.no_python)
        return hg_fail(err, HG_E_USAGE, "only Alembic knows the models: without --no-python");
    int rc = !other ? snapshot_models(o, NULL, ret, err)
             : is_file(other) ? snapshot_models(o, other, ret, err)
                              : models_elsewhere(o, other, ret, err);
    if (rc == 0 && first && other)
        turn_around(*ret);
    return rc;
}

int snapshot_diff(const struct snapshot_options *o, const char *a, const char *b, struct hg_err *err)
{
    json_t *diff = NULL;
    int rc = hg_streq(a, MODELS) || hg_streq(b, MODELS) ? with_models(o, a, b, &diff, err)
                                                         : two_catalogs(o, a, b, &diff, err);
    if (rc < 0)
        return -1;
    const char *target = o->common.target ? o->common.target : "local";
    bool differ = json_array_size(diff) > 0;
    if (hg_streq(o->common.format, "json")) {
        json_t *d = json_pack("{s:s, s:o, s:o, s:b, s:o}", "schema", "headgate.snapshot-diff/1", "a",
                              hg_json_text(b ? a : target), "b", hg_json_text(b ? b : a), "differ",
                              differ, "changes", diff);
        if (differ)
            json_object_set_new(d, "error", hg_json_no(HG_EXIT_NO, "the two differ"));
        snapshot_print_json(d);
    } else {
        HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
        hg_snapshot_diff_text(diff, hg_cli_color(&o->common, STDOUT_FILENO), &text);
        hg_out(differ ? hg_buf_str(&text) : "no difference\n");
        json_decref(diff);
    }
    return differ ? HG_EXIT_NO : HG_EXIT_YES;
}
