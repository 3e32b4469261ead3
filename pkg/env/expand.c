/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <ctype.h>

static size_t name_length(const char *s)
{
    size_t n = 0;
    if (isalpha((unsigned char)*s) || *s == '_')
        while (isalnum((unsigned char)s[n]) || s[n] == '_')
            n++;
    return n;
}

/* One "${…}" at *at; moves *at behind it. */
static int expand_one(const struct hg_vars *v, const char **at, struct hg_buf *ret,
                      struct hg_strv *ret_used, struct hg_err *err)
{
    const char *inside = *at + 2;
    const char *close = strchr(inside, '}');
    size_t len = name_length(inside);
    const char *after = inside + len;
    if (!close || !len || (*after != '}' && strncmp(after, ":-", 2) != 0)) {
        HG_AUTO(hg_freep) char *shown = hg_printable(*at, 60);
        hg_fail(err, HG_E_CONFIG, "cannot read the reference at \"%s\"", shown);
        return hg_hint(err, "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign");
    }
    HG_AUTO(hg_freep) char *name = hg_xstrndup(inside, len);
    if (ret_used && !hg_strv_has(ret_used, name))
        hg_strv_add(ret_used, name);
    const char *value = hg_vars_get(v, name);
    if (*after == ':' && (!value || !*value))
        hg_buf_add(ret, after + 2, (size_t)(close - after - 2));
    else if (value)
        hg_buf_adds(ret, value);
    else
        return hg_fail(err, HG_E_CONFIG, "%s is not set, and ${%s} has no default", name, name);
    *at = close + 1;
    return 0;
}

int hg_vars_expand(const struct hg_vars *v, const char *text, struct hg_buf *ret,
                   struct hg_strv *ret_used, struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf b = HG_BUF_INIT;
    for (const char *p = text; *p;) {
        size_t plain = strcspn(p, "$");
        hg_buf_add(&b, p, plain);
        p += plain;
        if (strncmp(p, "${", 2) == 0) {
            if (expand_one(v, &p, &b, ret_used, err) < 0)
                return -1;
        } else if (*p) { /* "$$" is a dollar sign, and a lone one is itself */
            hg_buf_addc(&b, '$');
            p += strncmp(p, "$$", 2) == 0 ? 2 : 1;
        }
    }
    hg_buf_add(ret, b.data, b.len);
    return 0;
}
