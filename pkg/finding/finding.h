/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/finding/finding.h - what headgate notices, the rules behind it, and the reporters that print it.
 *
 * Checkers add findings to a list and never print; the gate is a policy over the list. A rule has
 * an id, a default severity, a title and a way out, all in one table (rules.c); docs/rules/ID.md
 * has a page for each. CONTRACT.md "findings" fixes the JSON form.
 *
 * Ownership: the list owns its findings and all their strings.
 */
#ifndef HG_FINDING_FINDING_H
#define HG_FINDING_FINDING_H

#include "base/base.h"

#include <jansson.h>

enum hg_severity { HG_SEV_OFF, HG_SEV_NOTE, HG_SEV_WARNING, HG_SEV_ERROR };

struct hg_rule {
    const char *id;             /* "HG101" */
    enum hg_severity severity;  /* by default */
    const char *title;          /* "more than one head" */
    const char *help;           /* the way out, in one or two sentences */
    bool never_override;        /* identity and lock: no --override, no waiver */
};

const struct hg_rule *hg_rule_find(const char *id);       /* NULL: no such rule */
/* Is it about what the server is busy with at the moment? Such findings never shut a gate, whatever
 * severity they are given: what is to be waited for is no reason to change a revision. */
bool hg_rule_is_load(const struct hg_rule *rule);
const struct hg_rule *hg_rules(size_t *ret_count);        /* the table, in order of id */

/* The rule's page of docs/rules as Markdown text; NULL: none. */
const char *hg_rule_page(const char *id);
/* The rule that somebody who typed this may have meant ("hg20l", "201"), or NULL. */
const struct hg_rule *hg_rule_nearest(const char *word);

struct hg_finding {
    const struct hg_rule *rule;
    enum hg_severity severity;
    char *message;              /* one sentence with the facts of this case */
    char *help;                 /* NULL: the rule's */
    char *path;                 /* relative to -C DIR; NULL: none */
    int line, column;           /* from 1; 0: none */
    char *revision, *object;    /* NULL: none */
    char *waived;               /* reason, when a waiver or override took it out; else NULL */
};

struct hg_findings {
    struct hg_finding *items;
    size_t count, cap;
};
#define HG_FINDINGS_INIT { NULL, 0, 0 }

/* Adds one of the rule's default severity and returns it, valid until the next add, so that the
 * caller sets the place: `hg_finding_add(&f, "HG101", "…")->revision = hg_xstrdup(rev);`
 * An unknown rule id is a bug. */
struct hg_finding *hg_finding_add(struct hg_findings *list, const char *rule, const char *fmt, ...)
    HG_PRINTF(3, 4);
/* Moves all of `from` behind those of `to`; `from` is empty after. */
void hg_findings_move(struct hg_findings *to, struct hg_findings *from);
/* Adds copies of all of `from` behind those of `to`. */
void hg_findings_copy(struct hg_findings *to, const struct hg_findings *from);
/* The way out of a rule says `-t TARGET`, that of a finding names the target, so that it can be typed: a command
 * without -t would go to another database. NULL: they stay as they are. */
void hg_findings_address(struct hg_findings *list, const char *target);
/* The same for one text; heap. */
char *hg_help_addressed(const char *help, const char *target);
/* Takes one out and releases it. */
void hg_findings_drop(struct hg_findings *list, size_t index);
bool hg_findings_have(const struct hg_findings *list, const char *rule);
/* Does it decide a verdict at this level: neither waived nor load, and as severe? */
bool hg_finding_decides(const struct hg_finding *f, enum hg_severity fail_on);
enum hg_severity hg_findings_worst(const struct hg_findings *list); /* waived ones do not count */
size_t hg_findings_count(const struct hg_findings *list, enum hg_severity severity); /* exactly */
void hg_findings_done(struct hg_findings *list);

const char *hg_severity_name(enum hg_severity severity);          /* "note", "warning", "error" */
int hg_severity_parse(const char *name, enum hg_severity *ret);   /* also "off"; 0 or -1 */

/* rule, place and object, without line numbers or figures of the message: the same finding has the
 * same fingerprint in the next run. Hex, 16 digits. Documents make the fingerprints of equal findings
 * different by their ordinal. */
void hg_finding_fingerprint(const struct hg_finding *f, char out[17]);

/* A JSON string of text from outside: bytes that are not UTF-8 become U+FFFD; NULL becomes null.
 * New reference. */
json_t *hg_json_text(const char *s);
/* The `error` of a document that holds the answer all the same, which is no (1) or not known (3). New reference. */
json_t *hg_json_no(int exit_code, const char *message);
/* An array of such strings. */
json_t *hg_json_texts(const struct hg_strv *list);

/* The string that a JSON object has there; where there is none, NULL, or "". Borrowed. */
const char *hg_jget(const json_t *object, const char *key);
const char *hg_jstr(const json_t *object, const char *key);

/* The array of CONTRACT.md; new reference. */
json_t *hg_findings_json(const struct hg_findings *list);

/* The forms of --format that consist of findings only: github, gitlab, sarif, junit, markdown,
 * html. Appends the whole document. `title` heads the human-readable ones. */
int hg_findings_report(const struct hg_findings *list, const char *format, const char *title,
                       struct hg_buf *ret, struct hg_err *err);
/* The text form: errors first, each "error HG101 path:line  message" and the way out indented. */
void hg_findings_text(const struct hg_findings *list, bool color, struct hg_buf *ret);

#endif
