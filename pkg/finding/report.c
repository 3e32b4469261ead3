/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

static const struct {
    const char *format;
    void (*report)(const struct hg_findings *list, const char *title, struct hg_buf *ret);
} REPORTERS[] = {
    { "github", hg_report_github }, { "gitlab", hg_report_gitlab },
    { "sarif", hg_report_sarif },   { "junit", hg_report_junit },
    { "markdown", hg_report_markdown }, { "html", hg_report_html },
};

int hg_findings_report(const struct hg_findings *list, const char *format, const char *title,
                       struct hg_buf *ret, struct hg_err *err)
{
    for (size_t i = 0; i < HG_COUNT(REPORTERS); i++) {
        if (hg_streq(REPORTERS[i].format, format)) {
            REPORTERS[i].report(list, title, ret);
            return 0;
        }
    }
    return hg_fail(err, HG_E_USAGE, "findings have no format \"%s\"", format ? format : "");
}

/* Bytes from 0x80 pass when they are part of valid UTF-8. */
static size_t multibyte(const char *s)
{
    for (size_t len = 2; len <= 4 && strnlen(s, len) == len; len++)
        if (hg_utf8_valid(s, len))
            return len;
    return 0;
}

void hg_xml_escape(struct hg_buf *b, const char *s)
{
    while (*s) {
        unsigned char c = (unsigned char)*s;
        size_t len = c >= 0x80 ? multibyte(s) : 1;
        if (len > 1)
            hg_buf_add(b, s, len);
        else if (len == 0)
            hg_buf_adds(b, "\xef\xbf\xbd");
        else if (c == '&')
            hg_buf_adds(b, "&amp;");
        else if (c == '<')
            hg_buf_adds(b, "&lt;");
        else if (c == '>')
            hg_buf_adds(b, "&gt;");
        else if (c == '"')
            hg_buf_adds(b, "&quot;");
        else if (c == '\t' || c == '\n' || (c >= 0x20 && c != 0x7f))
            hg_buf_addc(b, (char)c);
        s += len ? len : 1;
    }
}
