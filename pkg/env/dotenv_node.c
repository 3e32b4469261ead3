/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node's --env-file, process.loadEnvFile() and util.parseEnv() as in Node 20.20 (src/node_dotenv.cc).
 * It has no notion of a line without "=": the name reaches back to the line before, and a "#" ends a
 * value wherever it stands. Nothing is expanded. Blanks are spaces only. CR was removed by the caller.
 */
#include "internal.h"

static void trim_spaces(const char **start, const char **stop)
{
    while (*start < *stop && **start == ' ')
        ++*start;
    while (*stop > *start && (*stop)[-1] == ' ')
        --*stop;
}

static const char *find(const char *p, const char *end, char c)
{
    return p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
}

static int set(struct hg_dotenv *d, size_t line, const char *name, const char *start,
               const char *stop)
{
    HG_AUTO(hg_freep) char *value = hg_xstrndup(start, (size_t)(stop - start));
    int rc = hg_dotenv_set(d, line, name, value);
    explicit_bzero(value, strlen(value));
    return rc;
}

/* "…" : of the escapes only \n. */
static int set_double(struct hg_dotenv *d, size_t line, const char *name, const char *start,
                      const char *stop)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (const char *p = start; p < stop; p++) {
        bool newline = *p == '\\' && p + 1 < stop && p[1] == 'n';
        hg_buf_addc(&b, newline ? '\n' : *p);
        p += newline;
    }
    return hg_dotenv_set(d, line, name, hg_buf_str(&b));
}

/* A quote at d->at. Without a closing one the quote is part of the value; on the last line, where no
 * line end follows either, Node goes on looking for a "=" behind it. */
static int quoted(struct hg_dotenv *d, size_t line, const char *name)
{
    const char *open = d->at, *close = find(open + 1, d->end, *open);
    const char *newline = find(close ? close + 1 : open, d->end, '\n');
    if (close) {
        d->at = newline ? newline : d->end;
        return *open == '"' ? set_double(d, line, name, open + 1, close)
                            : set(d, line, name, open + 1, close);
    }
    if (!newline) {
        hg_dotenv_drop(d, line, name, "the quote is not closed, and nothing follows");
        return 0;
    }
    d->at = newline;
    return set(d, line, name, open, newline);
}

static int unquoted(struct hg_dotenv *d, size_t line, const char *name)
{
    const char *newline = find(d->at, d->end, '\n'), *start = d->at;
    const char *stop = newline ? newline : d->end;
    const char *hash = find(start, stop, '#');
    d->at = stop;
    if (hash)
        stop = hash;
    trim_spaces(&start, &stop);
    return set(d, line, name, start, stop);
}

/* The name from d->at to the "="; NULL when the rest of the file is not read. Names can contain line
 * ends: those of lines without "=". */
static char *take_name(struct hg_dotenv *d, size_t *ret_line)
{
    const char *start = d->at, *equals = find(start, d->end, '=');
    size_t line = hg_dotenv_line(d, start);
    if (!equals) {
        hg_dotenv_drop(d, line, NULL, "\"=\" is missing");
        return NULL;
    }
    const char *stop = equals;
    trim_spaces(&start, &stop);
    if (start == stop && d->at == equals) {
        hg_dotenv_drop(d, line, NULL, "no name before \"=\": Node reads nothing from here on");
        return NULL;
    }
    if (find(start, stop, '\n'))
        hg_dotenv_drop(d, line, NULL, "\"=\" is missing: Node makes one name of this and the lines "
                                      "up to the next \"=\"");
    *ret_line = hg_dotenv_line(d, equals);
    d->at = equals + 1;
    trim_spaces(&d->at, &d->end);
    if (stop - start >= 7 && memcmp(start, "export ", 7) == 0)
        start += 7;
    return hg_xstrndup(start, (size_t)(stop - start));
}

int hg_dotenv_node(struct hg_dotenv *d)
{
    trim_spaces(&d->at, &d->end);
    while (d->at < d->end) {
        const char *newline = find(d->at, d->end, '\n');
        if ((*d->at == '\n' || *d->at == '#') && newline) {
            d->at = newline + 1;
            continue;
        }
        if (*d->at == '#' && !find(d->at, d->end, '='))
            return 0;
        size_t line;
        HG_AUTO(hg_freep) char *name = take_name(d, &line);
        if (!name)
            return 0;
        bool quote = d->at < d->end && strchr("'\"`", *d->at) != NULL;
        if ((quote ? quoted(d, line, name) : unquoted(d, line, name)) < 0)
            return -1;
    }
    return 0;
}
