/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP as bytes: the response header and the chunked encoding (RFC 9112, 4 and 7.1). */
#include "docker/internal.h"

#include <string.h>
#include <strings.h>

/* The value of a header line if its name is `name`, trimmed; else NULL. */
static const char *header_value(const char *line, size_t len, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return NULL;
    const char *value = line + name_len + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *ret_len = (size_t)(end - value);
    return value;
}

static void copy_value(char *out, size_t size, const char *value, size_t len)
{
    if (len >= size)
        len = size - 1;
    memcpy(out, value, len);
    out[len] = '\0';
}

static int take_header(const char *line, size_t len, struct hg_http_head *head, struct hg_err *err)
{
    size_t value_len = 0;
    const char *value = header_value(line, len, "Content-Length", &value_len);
    if (value) {
        char digits[24];
        int64_t length = 0;
        copy_value(digits, sizeof digits, value, value_len);
        if (value_len >= sizeof digits || hg_parse_int(digits, 0, INT64_MAX, &length) < 0)
            return hg_fail(err, HG_E_DOCKER, "the container engine sent a bad Content-Length");
        head->length = length;
        return 0;
    }
    value = header_value(line, len, "Transfer-Encoding", &value_len);
    if (value) {
        if (value_len != 7 || strncasecmp(value, "chunked", 7) != 0)
            return hg_fail(err, HG_E_DOCKER,
                           "the container engine sent an unknown Transfer-Encoding");
        head->chunked = true;
        return 0;
    }
    value = header_value(line, len, "Connection", &value_len);
    if (value && value_len == 5 && strncasecmp(value, "close", 5) == 0)
        head->last = true;
    value = header_value(line, len, "Api-Version", &value_len);
    if (value)
        copy_value(head->api_version, sizeof head->api_version, value, value_len);
    value = header_value(line, len, "Content-Type", &value_len);
    if (value)
        copy_value(head->content_type, sizeof head->content_type, value, value_len);
    return 0;
}

/* "HTTP/1.1 200 OK" */
static int take_status(const char *line, size_t len, struct hg_http_head *head, struct hg_err *err)
{
    bool good = len >= 12 && memcmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ' &&
                (len == 12 || line[12] == ' ');
    int status = 0;
    for (size_t i = 9; good && i < 12; i++) {
        good = line[i] >= '0' && line[i] <= '9';
        status = status * 10 + (line[i] - '0');
    }
    if (!good || status < 100) {
        hg_fail(err, HG_E_DOCKER, "what answers there is not a container engine");
        HG_AUTO(hg_freep) char *copy = hg_xstrndup(line, len < 60 ? len : 60);
        HG_AUTO(hg_freep) char *shown = hg_printable(copy, 60);
        return hg_detail(err, "it sent: %s", shown);
    }
    head->status = status;
    head->last = line[7] == '0'; /* HTTP/1.0 */
    return 0;
}

/* The end of the line at data (its length without CR LF or LF), or NULL when it is not there yet. */
static const char *line_end(const char *data, const char *end, size_t *ret_len)
{
    const char *newline = memchr(data, '\n', (size_t)(end - data));
    if (!newline)
        return NULL;
    size_t len = (size_t)(newline - data);
    if (len && data[len - 1] == '\r')
        len--;
    *ret_len = len;
    return newline + 1;
}

int hg_http_head_parse(const char *data, size_t len, struct hg_http_head *ret, size_t *ret_used,
                       struct hg_err *err)
{
    struct hg_http_head head = { .length = -1 };
    const char *end = data + len;
    const char *line = data;
    size_t line_len = 0;

    const char *next = line_end(line, end, &line_len);
    if (!next)
        return len < HG_HTTP_HEAD_MAX ? 0
                                      : hg_fail(err, HG_E_DOCKER,
                                                "what answers there is not a container engine");
    if (take_status(line, line_len, &head, err) < 0)
        return -1;
    for (;;) {
        line = next;
        next = line < end ? line_end(line, end, &line_len) : NULL;
        if (!next)
            break;
        if (line_len == 0) {
            *ret = head;
            *ret_used = (size_t)(next - data);
            return 1;
        }
        if (take_header(line, line_len, &head, err) < 0)
            return -1;
    }
    if (len >= HG_HTTP_HEAD_MAX)
        return hg_fail(err, HG_E_DOCKER, "the container engine's answer has an endless header");
    return 0;
}

/* One byte of the framing around the data. */
static int chunk_byte(struct hg_chunks *c, char byte)
{
    switch (c->state) {
    case HG_CHUNK_SIZE:
        if (hg_hex_digit(byte) >= 0) {
            if (++c->digits > 15)
                return -1;
            c->left = c->left * 16 + (uint64_t)hg_hex_digit(byte);
            return 0;
        }
        if (c->digits == 0)
            return -1;
        if (byte != '\n') {
            if (byte != '\r' && byte != ';' && byte != ' ' && byte != '\t')
                return -1;
            c->state = HG_CHUNK_EXTENSION;
            return 0;
        }
        c->state = c->left ? HG_CHUNK_DATA : HG_CHUNK_TRAILER;
        return 0;
    case HG_CHUNK_EXTENSION:
        if (byte == '\n')
            c->state = c->left ? HG_CHUNK_DATA : HG_CHUNK_TRAILER;
        return ++c->trailer_total > HG_HTTP_HEAD_MAX ? -1 : 0;
    case HG_CHUNK_END:
        if (byte == '\r')
            return 0;
        c->state = HG_CHUNK_SIZE;
        c->digits = 0;
        c->left = 0;
        return byte == '\n' ? 0 : -1;
    case HG_CHUNK_TRAILER:
        if (byte == '\n') {
            if (c->trailer == 0)
                c->state = HG_CHUNK_DONE;
            c->trailer = 0;
        } else if (byte != '\r') {
            c->trailer++;
        }
        return ++c->trailer_total > HG_HTTP_HEAD_MAX ? -1 : 0;
    case HG_CHUNK_DATA:
    case HG_CHUNK_DONE:
        break;
    }
    return -1;
}

int hg_chunks_decode(struct hg_chunks *c, const char *in, size_t in_len, size_t *ret_used,
                     char *out, size_t out_cap, size_t *ret_len)
{
    size_t used = 0, len = 0;
    while (used < in_len && c->state != HG_CHUNK_DONE) {
        if (c->state != HG_CHUNK_DATA) {
            if (chunk_byte(c, in[used]) < 0)
                return -1;
            used++;
            continue;
        }
        size_t n = in_len - used;
        if (n > c->left)
            n = (size_t)c->left;
        if (n > out_cap - len)
            n = out_cap - len;
        if (n == 0)
            break;
        memcpy(out + len, in + used, n);
        len += n;
        used += n;
        c->left -= n;
        if (c->left == 0)
            c->state = HG_CHUNK_END;
    }
    *ret_used = used;
    *ret_len = len;
    return 0;
}
