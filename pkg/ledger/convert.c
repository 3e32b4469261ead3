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

static json_t *list_json(const struct hg_strv *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

/* Files are small text; base64 keeps any encoding of theirs intact inside JSON. */
static char *base64(const char *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct hg_buf b = HG_BUF_INIT;
    const unsigned char *p = (const unsigned char *)data;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t word = (uint32_t)p[i] << 16;
        word |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
        word |= i + 2 < len ? (uint32_t)p[i + 2] : 0;
        const char four[] = { digits[word >> 18 & 63], digits[word >> 12 & 63],
                              i + 1 < len ? digits[word >> 6 & 63] : '=', i + 2 < len ? digits[word & 63] : '=' };
        hg_buf_add(&b, four, sizeof four);
    }
    return hg_buf_take(&b);
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

static json_t *step_json(const struct hg_graph *graph, const struct hg_revision *r, const char *key)
{
    size_t len = 0;
    const char *text = hg_graph_text(graph, r, &len);
    HG_AUTO(hg_freep) char *file = text ? base64(text, len) : NULL;
    char digest[HG_SHA256_SIZE], hmac[HG_SHA256_SIZE];
    json_t *step = json_pack("{s:s, s:o, s:o, s:s?, s:s?}", "revision", r->id, "down",
                             list_json(&r->down), "depends", list_json(&r->depends_on), "message",
                             r->doc, "path", r->path);
    if (!step) /* a message that is no UTF-8: the file itself keeps it */
        step = json_pack("{s:s, s:o, s:o}", "revision", r->id, "down", list_json(&r->down),
                         "depends", list_json(&r->depends_on));
    json_object_set_new(step, "digest", text ? json_string(hg_sha256(text, len, digest)) : json_null());
    if (text && key)
        json_object_set_new(step, "hmac",
                            json_string(hg_ledger_hmac(key, r->id, &r->down, digest, hmac)));
    json_object_set_new(step, "file", file ? json_string(file) : json_null());
    return step;
}

json_t *hg_ledger_steps(const struct hg_ledger_run *run)
{
    json_t *steps = json_array();
    for (size_t i = 0; run->steps && i < run->steps->count; i++) {
        json_t *step = step_json(run->graph, run->steps->items[i], run->key);
        if (run->plan)
            json_object_set_new(step, "plan_digest", json_string(run->plan));
        json_array_append_new(steps, step);
    }
    return steps;
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
