/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markdown (for a step summary or a merge request) and HTML (one file without anything outside).
 * Text from outside is escaped in both: Markdown lets HTML through.
 */
#include "internal.h"

/* GitHub drops a step summary above 1 MiB, so the list is cut well before. */
enum { MARKDOWN_MAX = 900 * 1024 };

static void markdown_text(struct hg_buf *b, const char *s)
{
    HG_AUTO(hg_buf_done) struct hg_buf plain = HG_BUF_INIT;
    hg_xml_escape(&plain, s);
    for (const char *p = hg_buf_str(&plain); *p; p++) {
        if (*p == '\n') {
            hg_buf_adds(b, "<br>");
            continue;
        }
        if (strchr("|\\`*_[]", *p))
            hg_buf_addc(b, '\\');
        hg_buf_addc(b, *p);
    }
}

static void summary(struct hg_buf *b, const struct hg_findings *list)
{
    size_t waived = 0;
    for (size_t i = 0; i < list->count; i++)
        waived += list->items[i].waived != NULL;
    hg_buf_addf(b, "errors: %zu, warnings: %zu, notes: %zu, waived: %zu",
                hg_findings_count(list, HG_SEV_ERROR), hg_findings_count(list, HG_SEV_WARNING),
                hg_findings_count(list, HG_SEV_NOTE), waived);
}

void hg_report_markdown(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) size_t *order = hg_findings_order(list);
    hg_buf_adds(ret, "### ");
    markdown_text(ret, title);
    hg_buf_adds(ret, "\n\n");
    summary(ret, list);
    hg_buf_adds(ret, "\n");
    if (list->count)
        hg_buf_adds(ret, "\n| severity | rule | place | what | way out |\n|---|---|---|---|---|\n");
    size_t start = ret->len;
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_finding *f = &list->items[order[i]];
        if (ret->len - start > MARKDOWN_MAX) {
            hg_buf_addf(ret, "\n%zu more\n", list->count - i);
            return;
        }
        HG_AUTO(hg_freep) char *place = hg_finding_place(f);
        hg_buf_addf(ret, "| %s | %s | ", f->waived ? "waived" : hg_severity_name(f->severity),
                    f->rule->id);
        markdown_text(ret, place);
        hg_buf_adds(ret, " | ");
        markdown_text(ret, f->message);
        hg_buf_adds(ret, " | ");
        markdown_text(ret, f->waived ? f->waived : hg_finding_help(f));
        hg_buf_adds(ret, " |\n");
    }
}

static const char HEAD[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\n"
    "li{margin:.8em 0}code{font-size:.95em}.error{color:#b00020}.warning{color:#8a5a00}\n"
    ".note{color:#00558b}.waived{color:#666}ul{list-style:none;padding:0}\n</style>\n";

static void html_element(struct hg_buf *b, const char *open, const char *text, const char *close)
{
    hg_buf_adds(b, open);
    hg_xml_escape(b, text);
    hg_buf_adds(b, close);
}

void hg_report_html(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) size_t *order = hg_findings_order(list);
    hg_buf_adds(ret, HEAD);
    html_element(ret, "<title>", title, "</title>\n");
    html_element(ret, "<h1>", title, "</h1>\n<p>");
    summary(ret, list);
    hg_buf_adds(ret, "</p>\n<ul>\n");
    for (size_t i = 0; i < list->count; i++) {
        const struct hg_finding *f = &list->items[order[i]];
        const char *word = f->waived ? "waived" : hg_severity_name(f->severity);
        HG_AUTO(hg_freep) char *place = hg_finding_place(f);
        hg_buf_addf(ret, "<li><b class=\"%s\">%s %s</b> ", word, word, f->rule->id);
        if (*place)
            html_element(ret, "<code>", place, "</code> ");
        html_element(ret, "", f->message, "<br>\n");
        html_element(ret, "", f->waived ? f->waived : hg_finding_help(f), "</li>\n");
    }
    hg_buf_adds(ret, "</ul>\n</html>\n");
}
