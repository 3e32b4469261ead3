/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

void hg_ledger_list(const char *json, struct hg_strv *ret)
{
    json_t *array = json ? json_loads(json, 0, NULL) : NULL;
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            hg_strv_add(ret, json_string_value(item));
    }
    json_decref(array);
}

void hg_ledger_add_member(struct hg_buf *b, const char *before, const char *text)
{
    hg_buf_adds(b, before);
    hg_buf_adds(b, text ? "\"" : "null");
    if (text)
        hg_json_escape(b, text, strlen(text));
    hg_buf_adds(b, text ? "\"" : "");
}

static void add_list(struct hg_buf *b, const char *before, const struct hg_strv *list)
{
    hg_buf_adds(b, before);
    for (size_t i = 0; i < list->count; i++)
        hg_ledger_add_member(b, i ? "," : "[", list->items[i]);
    hg_buf_adds(b, list->count ? "]" : "[]");
}

/* Files are small text; base64 keeps any encoding of theirs intact inside JSON. */
static void add_base64(struct hg_buf *b, const char *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)data;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t word = (uint32_t)p[i] << 16;
        word |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
        word |= i + 2 < len ? (uint32_t)p[i + 2] : 0;
        const char four[] = { digits[word >> 18 & 63], digits[word >> 12 & 63],
                              i + 1 < len ? digits[word >> 6 & 63] : '=', i + 2 < len ? digits[word & 63] : '=' };
        hg_buf_add(b, four, sizeof four);
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int hg_ledger_unbase64(const char *text, struct hg_buf *ret)
{
    size_t len = strlen(text), pad = 0;
    if (len % 4)
        return -1;
    for (; pad < 2 && len && text[len - 1] == '='; len--)
        pad++;
    uint32_t word = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return -1;
        word = word << 6 | (uint32_t)digit;
        if (i % 4) /* each digit but the first of four completes a byte */
            hg_buf_addc(ret, (char)(word >> (6 - 2 * (i % 4)) & 255));
    }
    return 0;
}

static void add_prose(struct hg_buf *b, const char *before, const char *text, const struct hg_strv *lacking)
{
    HG_AUTO(hg_buf_done) struct hg_buf member = HG_BUF_INIT;
    hg_ledger_add_member(&member, before, text);
    HG_AUTO(hg_freep) char *fitted = hg_ledger_fitted(hg_buf_str(&member), lacking);
    hg_buf_adds(b, fitted);
}

static void add_step(struct hg_buf *b, const struct hg_ledger_run *run, const struct hg_revision *r,
                     const struct hg_strv *lacking)
{
    size_t len = 0;
    const char *text = hg_graph_text(run->graph, r, &len);
    char digest[HG_SHA256_SIZE], hmac[HG_SHA256_SIZE];
    if (text)
        (void)hg_sha256(text, len, digest);
    if (text && run->key)
        (void)hg_ledger_hmac(run->key, r->id, &r->down, digest, hmac);
    hg_ledger_add_member(b, "{\"revision\":", r->id);
    add_list(b, ",\"down\":", &r->down);
    add_list(b, ",\"depends\":", &r->depends_on);
    add_prose(b, ",\"message\":", r->doc, lacking);
    add_prose(b, ",\"path\":", r->path, lacking);
    hg_ledger_add_member(b, ",\"digest\":", text ? digest : NULL);
    hg_ledger_add_member(b, ",\"hmac\":", text && run->key ? hmac : NULL);
    hg_ledger_add_member(b, ",\"plan_digest\":", run->plan);
    hg_buf_adds(b, text ? ",\"file\":\"" : ",\"file\":null}");
    if (text) {
        add_base64(b, text, len);
        hg_buf_adds(b, "\"}");
    }
}

char *hg_ledger_prose(const struct hg_ledger_run *run)
{
    struct hg_buf b = HG_BUF_INIT;
    const char *const texts[] = { run->goal, run->by, run->host };
    for (size_t i = 0; i < HG_COUNT(texts); i++)
        hg_buf_adds(&b, texts[i] ? texts[i] : "");
    for (size_t i = 0; run->overrides && i < run->overrides->count; i++)
        hg_buf_adds(&b, run->overrides->items[i]);
    for (size_t i = 0; run->steps && i < run->steps->count; i++) {
        hg_buf_adds(&b, run->steps->items[i]->doc ? run->steps->items[i]->doc : "");
        hg_buf_adds(&b, run->steps->items[i]->path ? run->steps->items[i]->path : "");
    }
    return hg_buf_take(&b);
}

char *hg_ledger_steps(const struct hg_ledger_run *run, const struct hg_strv *lacking)
{
    struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, '[');
    for (size_t i = 0; run->steps && i < run->steps->count; i++) {
        hg_buf_adds(&b, i ? ",\n" : "");
        add_step(&b, run, run->steps->items[i], lacking);
    }
    hg_buf_addc(&b, ']');
    return hg_buf_take(&b);
}

static json_t *time_json(int64_t wall_ns)
{
    char text[HG_TIME_SIZE];
    return wall_ns ? json_string(hg_time_format(wall_ns, text)) : json_null();
}

json_t *hg_ledger_times(const struct hg_ledger_outcome *o)
{
    json_t *times = json_object();
    for (size_t i = 0; i < o->time_count; i++)
        json_object_set_new(times, o->times[i].revision,
                            json_pack("{s:o, s:o}", "started", time_json(o->times[i].started_ns),
                                      "committed", time_json(o->times[i].committed_ns)));
    return times;
}

int hg_ledger_append(const struct hg_ledger *l, json_t *line, struct hg_err *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(line);
    HG_AUTO(hg_freep) char *with_newline = hg_xasprintf("%s\n", text ? text : "{}");
    free(text);
    HG_AUTO(hg_closep) int fd = open(l->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || hg_write_all(fd, with_newline, strlen(with_newline)) < 0 || fsync(fd) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot write the record to %s", l->file);
    return 0;
}
