/* SPDX-License-Identifier: Apache-2.0 */
/* `docker run --env-file`, docker/cli 29 pkg/kvfile: everything behind the first "=" is the value. */
#include "internal.h"

#define DOCKER_LINE_MAX 65536 /* bufio.MaxScanTokenSize */

static int parse_line(struct hg_dotenv *d, const char *at, const char *stop)
{
    size_t line = hg_dotenv_line(d, at);
    if (stop - at >= DOCKER_LINE_MAX)
        return hg_dotenv_fail(d, line, "a line of 64 KiB or more: docker refuses the file");
    for (size_t wide = 0; at < stop && (strchr(" \t\v\f\r", *at) ||
                                       (wide = hg_dotenv_wide_blank(at, stop))); wide = 0)
        at += wide ? wide : 1;
    if (at == stop || *at == '#')
        return 0;
    HG_AUTO(hg_buf_wipe) struct hg_buf copy = HG_BUF_INIT;
    hg_buf_add(&copy, at, (size_t)(stop - at));
    char *text = copy.data, *equals = strchr(text, '=');
    if (equals)
        *equals = '\0';
    if (!*text)
        return hg_dotenv_fail(d, line, "no name before \"=\"");
    if (strpbrk(text, " \t")) {
        hg_dotenv_fail(d, line, "the name contains a blank: docker refuses the file");
        return hg_hint(d->err, "docker knows neither \"export\" nor blanks around \"=\"; if the file is "
                               "meant for python-dotenv or Compose, say so: dotenv:FILE:python");
    }
    const char *value = equals ? equals + 1 : d->lookup ? hg_vars_get(d->lookup, text) : NULL;
    if (!value) {
        hg_dotenv_drop(d, line, text, "a name without \"=\" takes its value from the environment, where "
                                      "it is not set");
        return 0;
    }
    return hg_dotenv_set(d, line, text, value);
}

int hg_dotenv_docker(struct hg_dotenv *d)
{
    while (d->at < d->end) {
        const char *newline = memchr(d->at, '\n', (size_t)(d->end - d->at));
        const char *stop = newline ? newline : d->end;
        const char *line = d->at;
        if (stop > line && stop[-1] == '\r')
            stop--; /* one, as bufio.ScanLines does */
        if (parse_line(d, line, stop) < 0)
            return -1;
        d->at = newline ? newline + 1 : d->end;
    }
    return 0;
}
