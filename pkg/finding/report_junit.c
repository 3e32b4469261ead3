/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit XML in the part that Jenkins, GitLab and most viewers share. Each finding is a case;
 * errors fail, warnings and notes are output of one that passes. The whole message stands in the body
 * too, because GitLab shows only that. A run without findings is one passing case: viewers take an
 * empty suite for a job that did not run.
 */
#include "internal.h"

static void attribute(struct hg_buf *b, const char *name, const char *value)
{
    hg_buf_addf(b, " %s=\"", name);
    hg_xml_escape(b, value);
    hg_buf_addc(b, '"');
}

static void body(struct hg_buf *b, const struct hg_finding *f)
{
    HG_AUTO(hg_freep) char *place = hg_finding_place(f);
    HG_AUTO(hg_freep) char *text =
        hg_xasprintf("%s %s %s: %s\n%s", hg_severity_name(f->severity), f->rule->id, place,
                     f->message, f->waived ? f->waived : hg_finding_help(f));
    hg_xml_escape(b, text);
}

static void test_case(const struct hg_finding *f, struct hg_buf *ret)
{
    HG_AUTO(hg_freep) char *place = hg_finding_place(f);
    HG_AUTO(hg_freep) char *name =
        hg_xasprintf("%s %s%s%s", f->rule->id, f->rule->title, *place ? ": " : "", place);
    hg_buf_adds(ret, "    <testcase classname=\"headgate\"");
    attribute(ret, "name", name);
    hg_buf_adds(ret, " time=\"0.0\"");
    if (f->path)
        attribute(ret, "file", f->path);
    if (f->line > 0)
        hg_buf_addf(ret, " line=\"%d\"", f->line);
    hg_buf_adds(ret, ">\n      ");
    if (f->waived) {
        hg_buf_adds(ret, "<skipped");
        attribute(ret, "message", f->waived);
        hg_buf_adds(ret, "/>\n      <system-out>");
        body(ret, f);
        hg_buf_adds(ret, "</system-out>");
    } else if (f->severity == HG_SEV_ERROR) {
        hg_buf_adds(ret, "<failure");
        attribute(ret, "message", f->message);
        attribute(ret, "type", f->rule->id);
        hg_buf_addc(ret, '>');
        body(ret, f);
        hg_buf_adds(ret, "</failure>");
    } else {
        hg_buf_adds(ret, "<system-out>");
        body(ret, f);
        hg_buf_adds(ret, "</system-out>");
    }
    hg_buf_adds(ret, "\n    </testcase>\n");
}

void hg_report_junit(const struct hg_findings *list, const char *title, struct hg_buf *ret)
{
    size_t failures = hg_findings_count(list, HG_SEV_ERROR), skipped = 0;
    for (size_t i = 0; i < list->count; i++)
        skipped += list->items[i].waived != NULL;
    size_t tests = list->count ? list->count : 1;
    hg_buf_adds(ret, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite");
    attribute(ret, "name", title);
    hg_buf_addf(ret, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"0.0\">\n",
                tests, failures, skipped);
    for (size_t i = 0; i < list->count; i++)
        test_case(&list->items[i], ret);
    if (!list->count)
        hg_buf_adds(ret, "    <testcase classname=\"headgate\" name=\"nothing found\" "
                         "time=\"0.0\"/>\n");
    hg_buf_adds(ret, "  </testsuite>\n</testsuites>\n");
}
