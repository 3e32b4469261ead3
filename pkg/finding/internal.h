/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/finding/internal.h - what the reporters share. A reporter appends one whole document; the
 * fingerprints of the list are made once for all of them.
 */
#ifndef HG_FINDING_INTERNAL_H
#define HG_FINDING_INTERNAL_H

#include "finding.h"

/* Fingerprints of all findings, the second and later of equal ones made different by their ordinal:
 * GitLab and SARIF viewers show equal fingerprints only once. Heap array of count elements. */
struct hg_fingerprint {
    char text[17];
};
struct hg_fingerprint *hg_findings_fingerprints(const struct hg_findings *list);

/* Indices of the list, worst first, waived last, otherwise as they came. Heap. */
size_t *hg_findings_order(const struct hg_findings *list);

const char *hg_finding_help(const struct hg_finding *f);

/* "backend/db/x.py:12", or the path, revision or object alone, or "". Heap. */
char *hg_finding_place(const struct hg_finding *f);

/* Text for XML 1.0 and HTML: markup escaped, bytes no XML may hold left out, UTF-8 made valid. */
void hg_xml_escape(struct hg_buf *b, const char *s);

/* docs/rules/ID.md, made into C by scripts/embed-rules; ended by NULLs. In an object of its own, so
 * that only who explains carries it. */
struct hg_rule_page {
    const char *id, *text;
};
extern const struct hg_rule_page hg_rule_pages[];

void hg_report_github(const struct hg_findings *list, const char *title, struct hg_buf *ret);
void hg_report_gitlab(const struct hg_findings *list, const char *title, struct hg_buf *ret);
void hg_report_sarif(const struct hg_findings *list, const char *title, struct hg_buf *ret);
void hg_report_junit(const struct hg_findings *list, const char *title, struct hg_buf *ret);
void hg_report_markdown(const struct hg_findings *list, const char *title, struct hg_buf *ret);
void hg_report_html(const struct hg_findings *list, const char *title, struct hg_buf *ret);

#endif
