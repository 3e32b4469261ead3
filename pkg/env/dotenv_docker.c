/* SPDX-License-Identifier: Apache-2.0 */
/* `docker run --env-file`, docker/cli 29 pkg/kvfile: everything behind the first "=" is the value. */
#include "internal.h"

#define DOCKER_LINE_MAX 65536 /* bufio.MaxScanTokenSize */

static int parse_line(struct hg_dotenv *d, const char *at, const char *stop)
{
    size_t line = hg_dotenv_line(d, at);
    if (stop - at >= DOCKER_LINE_MAX)
        return hg_dotenv_fail(d, line, "a line of 64 KiB or more: docker refuses the file");
    while (at < stop && strchr(" \t\v\f\r", *at))
        at++;
    if (at == stop || *at == '#')
        return 0;
    HG_AUTO(hg_freep) char *text = hg_xstrndup(at, (size_t)(stop - at));
    char *equals = strchr(text, '=');
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
        hg_dotenv_fail(d, line, "a name without \"=\": docker takes the value from the environment, "
                                "and there it is not set");
        return hg_hint(d->err, "write %s=VALUE, or remove the line; a quoted value cannot go over "
                               "several lines here", hg_var_name_valid(text) ? text : "NAME");
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
