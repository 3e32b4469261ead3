/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include "finding/finding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   ((size_t)1000) /* bytes kept of a statement or message */
#define NARROWEST  ((size_t)8)    /* columns: less of a text tells nothing */

#define PAUSE_FIRST_NS (2 * HG_NS_PER_S)
#define PAUSE_MAX_NS   (300 * HG_NS_PER_S)

bool hg_apply_pace(struct hg_apply_pace *p, const char *what, int64_t now_ns)
{
    bool same = hg_streq(what, p->said);
    if (same && now_ns < p->next_ns)
        return false;
    p->pause_ns = !same ? PAUSE_FIRST_NS : p->pause_ns < PAUSE_MAX_NS / 2 ? 2 * p->pause_ns : PAUSE_MAX_NS;
    p->next_ns = now_ns + p->pause_ns;
    hg_freep(&p->said);
    p->said = hg_xstrdup(what);
    return true;
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Masked first, while a secret is still whole; then one row of printable text. */
static void keep(char **into, const char *text)
{
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(text);
    HG_AUTO(hg_buf_done) struct hg_buf row = HG_BUF_INIT;
    for (const char *s = shown; *s; s++) {
        if (!isspace((unsigned char)*s))
            hg_buf_addc(&row, *s);
        else if (row.len && row.data[row.len - 1] != ' ')
            hg_buf_addc(&row, ' ');
    }
    hg_freep(into);
    *into = hg_printable(hg_buf_str(&row), TEXT_MAX);
}

static void forget_statement(struct hg_apply_live *l)
{
    keep(&l->statement, "");
    keep(&l->blocker, "");
    keep(&l->phase, "");
    l->percent = -1;
}

static void on_step(struct hg_apply_live *l, const json_t *e)
{
    const char *phase = hg_jstr(e, "phase");
    if (hg_streq(phase, "end"))
        l->running = false;
    if (!hg_streq(phase, "begin"))
        return;
    l->running = true;
    l->since_ns = hg_now_ns();
    l->position = number_of(e, "position");
    l->count = number_of(e, "count");
    keep(&l->revision, hg_jstr(e, "revision"));
    keep(&l->message, hg_jstr(e, "message"));
    const json_t *expected = json_object_get(e, "expected_seconds");
    l->expected = json_is_number(expected) ? json_number_value(expected) : -1;
    forget_statement(l);
}

static void on_progress(struct hg_apply_live *l, const json_t *e)
{
    const json_t *by = json_object_get(e, "blocked_by");
    long long total = number_of(e, "total");
    forget_statement(l);
    if (!hg_starts_with(hg_jstr(e, "state"), "idle")) { /* else it is the statement before */
        keep(&l->statement, hg_jstr(e, "query"));
        keep(&l->phase, hg_jstr(e, "phase"));
    }
    if (total > 0)
        l->percent = (int)((double)number_of(e, "done") * 100 / (double)total);
    if (json_is_object(by)) {
        const char *application = hg_jstr(by, "application");
        HG_AUTO(hg_freep) char *who =
            hg_xasprintf("pid %lld (%s, %s)", number_of(by, "pid"),
                         *application ? application : "unnamed", hg_jstr(by, "user"));
        keep(&l->blocker, who);
    }
}

void hg_live_note(struct hg_apply_live *l, const json_t *event)
{
    const char *name = hg_jstr(event, "event");
    if (hg_streq(name, "step"))
        on_step(l, event);
    else if (hg_streq(name, "progress") && !*hg_jstr(event, "note"))
        on_progress(l, event);
    else if (hg_streq(name, "result"))
        l->running = false;
    if (!l->running)
        hg_term_line_clear(&l->line);
}

void hg_live_before(struct hg_apply_live *l, const char *text)
{
    if (!*text)
        return;
    hg_term_line_clear(&l->line);
    l->mid_row = text[strlen(text) - 1] != '\n';
}

static void add_seconds(struct hg_buf *b, double seconds, bool about)
{
    long long whole = (long long)(seconds + (about ? 0.5 : 0));
    if (whole >= 60)
        hg_buf_addf(b, "%lld min %02d s", whole / 60, (int)(whole % 60));
    else if (about && seconds >= 10)
        hg_buf_addf(b, "%lld s", whole);
    else
        hg_buf_addf(b, "%.1f s", seconds);
}

void hg_live_add_time(struct hg_buf *b, double seconds, double expected)
{
    add_seconds(b, seconds, false);
    if (expected < 0)
        return;
    hg_buf_adds(b, seconds <= expected ? " of about " : " (before: ");
    add_seconds(b, expected, true);
    if (seconds > expected)
        hg_buf_addc(b, ')');
}

/* " message  statement" in `room` columns: the message is cut first, but keeps half. */
static void add_texts(const struct hg_apply_live *l, size_t room, struct hg_buf *b)
{
    size_t wanted = *l->statement ? hg_term_width(l->statement) + 2 : 0;
    size_t rest = room > wanted ? room - wanted : 0;
    size_t message = rest > room / 2 ? rest : room / 2;
    if (*l->message && message > NARROWEST) {
        hg_buf_addc(b, ' ');
        room -= 1 + hg_term_cut(b, l->message, message - 1, l->utf8);
    }
    if (*l->statement && room > NARROWEST) {
        hg_buf_adds(b, "  ");
        (void)hg_term_cut(b, l->statement, room - 2, l->utf8);
    }
}

void hg_live_text(const struct hg_apply_live *l, int64_t now_ns, size_t columns, struct hg_buf *ret)
{
    HG_AUTO(hg_buf_done) struct hg_buf line = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf tail = HG_BUF_INIT;
    hg_buf_addf(&line, "[%lld/%lld] %s", l->position, l->count, l->revision);
    hg_buf_adds(&tail, "  ");
    hg_live_add_time(&tail, (double)(now_ns - l->since_ns) / (double)HG_NS_PER_S, l->expected);
    if (*l->phase)
        hg_buf_addf(&tail, "  %s", l->phase);
    if (l->percent >= 0)
        hg_buf_addf(&tail, "  %d%%", l->percent);
    if (*l->blocker)
        hg_buf_addf(&tail, "  waits for %s", l->blocker);
    size_t fixed = hg_term_width(line.data) + hg_term_width(tail.data);
    if (fixed < columns)
        add_texts(l, columns - fixed, &line);
    hg_buf_adds(&line, tail.data);
    (void)hg_term_cut(ret, line.data, columns, l->utf8);
}

void hg_live_draw(struct hg_apply_live *l)
{
    if (!l->running || l->mid_row)
        return;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    /* The last column stays free: behind it some terminals begin a new row. */
    hg_live_text(l, hg_now_ns(), (size_t)hg_term_columns(l->line.fd) - 1, &text);
    hg_term_line_draw(&l->line, hg_buf_str(&text));
}

static void before_log(void *context)
{
    struct hg_apply_live *l = context;
    hg_term_line_clear(&l->line);
}

struct hg_apply_live *hg_live_new(int fd)
{
    struct hg_apply_live *l = hg_xcalloc(1, sizeof *l);
    *l = (struct hg_apply_live){ .line.fd = fd, .utf8 = hg_term_utf8(), .percent = -1,
                                 .expected = -1, .phase = hg_xstrdup("") };
    hg_log_set_before(before_log, l);
    return l;
}

void hg_live_free(struct hg_apply_live *l)
{
    hg_log_set_before(NULL, NULL);
    hg_term_line_clear(&l->line);
    char **owned[] = { &l->revision, &l->message, &l->statement, &l->blocker, &l->phase };
    for (size_t i = 0; i < HG_COUNT(owned); i++)
        hg_freep(owned[i]);
    free(l);
}
