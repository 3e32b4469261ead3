/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: a line for each revision, fields apart by tabs, so that a thousand of them are read in a
 * fraction of the time that JSON takes. What could be taken for a separator is written %XX.
 */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum field {
    F_ID, F_DOWN, F_DEPENDS, F_LABELS, F_MESSAGE, F_PATH, F_IDS, F_UP,
    F_DOWNGRADE = F_UP + 5,
    F_COUNT = F_DOWNGRADE + 5,
};
/* Of a direction, behind its class. */
enum { S_CLASS, S_CODE, S_REASON, S_CHUNKS, S_VERIFIED };

static const char *const CLASSES[] = { "rendered", "pinned", "needs-python" };

const char *hg_bundle_class_name(enum hg_bundle_class class)
{
    return CLASSES[class];
}

/* ---- writing -------------------------------------------------------------------------------- */

static void add_text(struct hg_buf *to, const char *text)
{
    for (const char *c = text ? text : ""; *c; c++) {
        unsigned char u = (unsigned char)*c;
        if (u <= ' ' || u == '%' || u == ',' || u == 0x7f)
            hg_buf_addf(to, "%%%02X", u);
        else
            hg_buf_addc(to, *c);
    }
    hg_buf_addc(to, '\t');
}

static void add_list(struct hg_buf *to, const struct hg_strv *list)
{
    for (size_t i = 0; i < list->count; i++) {
        add_text(to, list->items[i]);
        to->data[to->len - 1] = ','; /* instead of the tab */
    }
    if (list->count)
        to->data[to->len - 1] = '\t';
    else
        hg_buf_addc(to, '\t');
}

static void add_script(struct hg_buf *to, const struct hg_bundle_script *s)
{
    hg_buf_addf(to, "%s\t", CLASSES[s->class]);
    add_text(to, s->code);
    add_text(to, s->reason);
    hg_buf_addf(to, "%zu\t%s\t", s->count, s->verified ? "yes" : "no");
}

void hg_bundle_index_add(struct hg_buf *to, const struct hg_bundle_revision *r)
{
    add_text(to, r->id);
    add_list(to, &r->down);
    add_list(to, &r->depends_on);
    add_list(to, &r->labels);
    add_text(to, r->message);
    add_text(to, r->path);
    hg_buf_adds(to, r->dynamic ? "python\t" : "literal\t");
    add_script(to, &r->upgrade);
    add_script(to, &r->downgrade);
    to->data[to->len - 1] = '\n';
}

void hg_bundle_member(const struct hg_bundle *b, size_t index, const char *name,
                      char out[HG_BUNDLE_NAME])
{
    enum { ID_SHOWN = 40 };
    char id[ID_SHOWN + 1] = "";
    const char *from = b->revisions[index].id;
    for (size_t i = 0; i < ID_SHOWN && from[i]; i++)
        id[i] = isalnum((unsigned char)from[i]) || from[i] == '-' ? from[i] : '_';
    (void)snprintf(out, HG_BUNDLE_NAME, "%05zu-%s/%s", index + 1, id, name);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Splits one line, in place. */
static bool split(char *line, char *fields[F_COUNT])
{
    for (size_t i = 0; i < F_COUNT; i++) {
        char *tab = strchr(line, '\t');
        if (!tab != (i + 1 == F_COUNT))
            return false;
        fields[i] = line;
        if (tab) {
            *tab = '\0';
            line = tab + 1;
        }
    }
    return true;
}

/* NULL: a NUL byte, which no writer of ours leaves in. */
static char *decoded(const char *text, size_t len)
{
    size_t got = 0;
    if (!memchr(text, '%', len))
        return hg_xstrndup(text, len);
    char *s = hg_percent_decode(text, len, false, &got);
    if (strlen(s) == got)
        return s;
    free(s);
    return NULL;
}

static bool take_text(const char *field, char **ret)
{
    *ret = decoded(field, strlen(field));
    return *ret != NULL;
}

static bool take_list(const char *field, struct hg_strv *ret)
{
    while (*field) {
        size_t len = strcspn(field, ",");
        HG_AUTO(hg_freep) char *item = decoded(field, len);
        if (!item)
            return false;
        hg_strv_add(ret, item);
        field += len + (field[len] == ',');
    }
    return true;
}

static bool take_optional(const char *field, char **ret)
{
    return !*field || take_text(field, ret);
}

static bool take_script(char *const *fields, struct hg_bundle_script *s)
{
    int64_t count = 0;
    size_t class = 0;
    while (class < HG_COUNT(CLASSES) && !hg_streq(CLASSES[class], fields[S_CLASS]))
        class++;
    if (class == HG_COUNT(CLASSES) || hg_parse_int(fields[S_CHUNKS], 0, HG_BUNDLE_CHUNKS, &count) < 0)
        return false;
    s->class = (enum hg_bundle_class)class;
    s->count = (size_t)count;
    s->verified = hg_streq(fields[S_VERIFIED], "yes");
    bool explained = *fields[S_CODE] && *fields[S_REASON];
    bool empty = !*fields[S_CODE] && !*fields[S_REASON];
    return take_optional(fields[S_CODE], &s->code) && take_optional(fields[S_REASON], &s->reason) &&
           (s->class == HG_BUNDLE_RENDERED ? empty : explained) &&
           (s->class != HG_BUNDLE_NEEDS_PYTHON || (!s->count && !s->verified));
}

static bool take_line(char *line, struct hg_bundle_revision *r)
{
    char *f[F_COUNT];
    if (!split(line, f))
        return false;
    r->dynamic = hg_streq(f[F_IDS], "python");
    return take_text(f[F_ID], &r->id) && *r->id && take_list(f[F_DOWN], &r->down) &&
           take_list(f[F_DEPENDS], &r->depends_on) && take_list(f[F_LABELS], &r->labels) &&
           take_text(f[F_MESSAGE], &r->message) && take_text(f[F_PATH], &r->path) &&
           take_script(f + F_UP, &r->upgrade) && take_script(f + F_DOWNGRADE, &r->downgrade);
}

/* Written again it must be the same: one content, one form. */
static bool same_again(const struct hg_bundle_revision *r, const char *line, size_t len)
{
    HG_AUTO(hg_buf_done) struct hg_buf again = HG_BUF_INIT;
    hg_bundle_index_add(&again, r);
    return again.len == len && memcmp(again.data, line, len) == 0;
}

int hg_bundle_index_parse(struct hg_bundle *b, const char *text, size_t len, const char *shown,
                          struct hg_err *err)
{
    static const char HEAD[] = HG_BUNDLE_INDEX_HEAD;
    size_t cap = 0;
    if (len < sizeof HEAD - 1 || memcmp(text, HEAD, sizeof HEAD - 1) != 0 || text[len - 1] != '\n' ||
        memchr(text, '\0', len))
        return hg_fail(err, HG_E_INTEGRITY, "%s: its index is none that this headgate knows", shown);
    for (const char *at = text + sizeof HEAD - 1, *end = text + len; at < end;) {
        size_t line = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);
        HG_AUTO(hg_freep) char *copy = hg_xstrndup(at, line);
        if (b->count >= HG_BUNDLE_REVISIONS)
            return hg_fail(err, HG_E_INTEGRITY, "%s has more than %d revisions", shown,
                           HG_BUNDLE_REVISIONS);
        b->revisions = hg_grow(b->revisions, b->count, &cap, sizeof *b->revisions);
        struct hg_bundle_revision *r = &b->revisions[b->count++];
        *r = (struct hg_bundle_revision){ 0 };
        if (!take_line(copy, r) || !same_again(r, at, line + 1))
            return hg_fail(err, HG_E_INTEGRITY, "%s: line %zu of its index is malformed", shown,
                           b->count + 1);
        at += line + 1;
    }
    return 0;
}
