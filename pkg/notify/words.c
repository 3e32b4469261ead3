/* SPDX-License-Identifier: Apache-2.0 */
/* The document, in words. */
#include "notify.h"

#include <string.h>

#include "finding/finding.h"

/* Slack shows at most so much of a section's text. */
#define SLACK_TEXT_MAX ((size_t)2900)

static void add_rows(const json_t *list, struct hg_buf *b)
{
    size_t i;
    json_t *row;
    if (!json_array_size(list))
        hg_buf_adds(b, "no revision");
    json_array_foreach(list, i, row)
        hg_buf_addf(b, "%s%s", i ? ", " : "", json_string_value(row) ? json_string_value(row) : "?");
}

static void add_count(size_t count, struct hg_buf *b)
{
    hg_buf_addf(b, "%zu revision%s", count, count == 1 ? "" : "s");
}

static void add_end(const json_t *e, struct hg_buf *b)
{
    const json_t *to = json_object_get(e, "to");
    const char *database = hg_jstr(json_object_get(e, "database"), "name");
    if (json_is_array(to)) {
        hg_buf_addf(b, "; %s is at ", *database ? database : "the database");
        add_rows(to, b);
    }
    const char *message = hg_jstr(json_object_get(e, "error"), "message");
    if (*message)
        hg_buf_addf(b, ": %s", message);
}

void hg_notify_sentence(const json_t *event, struct hg_buf *ret)
{
    const char *name = hg_jstr(event, "event");
    bool down = hg_streq(hg_jstr(event, "direction"), "down");
    double seconds = json_number_value(json_object_get(event, "seconds"));
    hg_buf_addf(ret, "%s: ", hg_jstr(event, "target"));
    if (hg_streq(name, "started")) {
        hg_buf_adds(ret, down ? "rolling back " : "applying ");
        add_count(json_array_size(json_object_get(event, "planned")), ret);
        hg_buf_adds(ret, ", from ");
        add_rows(json_object_get(event, "from"), ret);
        return;
    }
    if (hg_streq(name, "applied")) {
        add_count(json_array_size(json_object_get(event, "applied")), ret);
        hg_buf_addf(ret, " %s in %.1f s", down ? "rolled back" : "applied", seconds);
    } else if (hg_streq(name, "unchanged")) {
        hg_buf_adds(ret, "nothing to do");
    } else {
        hg_buf_addf(ret, "%s%s after %.1f s", down ? "rollback " : "", hg_jstr(event, "outcome"), seconds);
    }
    add_end(event, ret);
}

/* https://api.slack.com/reference/surfaces/formatting: these three, and no others. */
static void add_escaped(const char *text, struct hg_buf *b)
{
    for (; *text; text++)
        switch (*text) {
        case '&': hg_buf_adds(b, "&amp;"); break;
        case '<': hg_buf_adds(b, "&lt;"); break;
        case '>': hg_buf_adds(b, "&gt;"); break;
        default: hg_buf_addc(b, *text); break;
        }
}

char *hg_notify_cut(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len > max)
        for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            continue;
    return hg_xstrndup(text, len);
}

/* Who, from where, which commit. */
static void add_context(const json_t *e, struct hg_buf *b)
{
    const char *commit = hg_jstr(e, "commit"), *link = hg_jstr(e, "link");
    hg_buf_adds(b, "headgate, by ");
    add_escaped(hg_jstr(e, "by"), b);
    hg_buf_adds(b, " on ");
    add_escaped(hg_jstr(e, "host"), b);
    if (*commit)
        hg_buf_addf(b, ", commit %.12s", commit);
    if (*link)
        hg_buf_addf(b, ", <%s|log>", link);
}

json_t *hg_notify_slack(const json_t *event)
{
    const char *name = hg_jstr(event, "event");
    HG_AUTO(hg_buf_done) struct hg_buf sentence = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf context = HG_BUF_INIT;
    hg_notify_sentence(event, &sentence);
    HG_AUTO(hg_freep) char *cut = hg_notify_cut(hg_buf_str(&sentence), SLACK_TEXT_MAX / 5);
    hg_buf_adds(&text, hg_streq(name, "applied") ? ":white_check_mark: "
                       : hg_streq(name, "started") || hg_streq(name, "unchanged") ? "" : ":x: ");
    add_escaped(cut, &text);
    add_context(event, &context);
    json_t *section = json_pack("{s:s, s:{s:s, s:s}}", "type", "section", "text", "type", "mrkdwn", "text",
                                hg_buf_str(&text));
    json_t *foot = json_pack("{s:s, s:[{s:s, s:s}]}", "type", "context", "elements", "type", "mrkdwn",
                             "text", hg_buf_str(&context));
    return json_pack("{s:s, s:[o, o]}", "text", hg_buf_str(&text), "blocks", section, foot);
}

const char *hg_notify_github_state(const json_t *event)
{
    static const char *const STATES[][2] = { { "started", "in_progress" }, { "applied", "success" },
                                             { "unchanged", "success" },   { "locked", "error" } };
    for (size_t i = 0; i < HG_COUNT(STATES); i++)
        if (hg_streq(hg_jstr(event, "event"), STATES[i][0]))
            return STATES[i][1];
    return "failure";
}
