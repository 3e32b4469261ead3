/* SPDX-License-Identifier: Apache-2.0 */
/* The graph in the terminal, in the manner of `git log --graph`: one column for each open line. A
 * column waits for one revision; columns that wait for the same one meet just above it. */
#include "history.h"

#include "term/term.h"

struct columns {
    const struct hg_revision **items; /* NULL: free */
    size_t count, cap;
};

struct signs {
    const char *marks[3], *unmarked, *line, *tee, *end, *open, *dash, *cross, *ellipsis;
};
static const struct signs UNICODE = { { [HISTORY_PENDING] = "\u25cb", [HISTORY_APPLIED] = "\u25cf",
                                        [HISTORY_UNTOLD] = "?" },
                                      "*", "\u2502", "\u251c", "\u256f", "\u256e", "\u2500", "\u253c", "\u2026" };
static const struct signs ASCII = { { [HISTORY_PENDING] = "o", [HISTORY_APPLIED] = "*", [HISTORY_UNTOLD] = "?" },
                                    "*", "|", "+", "'", ".", "-", "+", "..." };

struct drawing {
    const struct history *h;
    const struct signs *signs;
    bool color;
    struct columns columns;
    bool *shown; /* by index: is part of the list */
    struct hg_buf out;
};

static size_t take_free(struct columns *c, const struct hg_revision *r, size_t after)
{
    for (size_t i = after; i < c->count; i++)
        if (!c->items[i]) {
            c->items[i] = r;
            return i;
        }
    c->items = hg_grow(c->items, c->count, &c->cap, sizeof *c->items);
    c->items[c->count] = r;
    return c->count++;
}

static size_t waiting(const struct columns *c, const struct hg_revision *r, size_t from)
{
    while (from < c->count && c->items[from] != r)
        from++;
    return from;
}

static void trim(struct columns *c)
{
    while (c->count > 0 && !c->items[c->count - 1])
        c->count--;
}

/* A row that leads from column `left` to column `right`, which ends or begins there. */
static void bridge(struct drawing *d, size_t left, size_t right, const char *corner)
{
    const struct signs *s = d->signs;
    const struct columns *c = &d->columns;
    for (size_t i = 0; i < c->count; i++) {
        const char *sign = i == left    ? s->tee
                           : i == right ? corner
                           : i > left && i < right ? (c->items[i] ? s->cross : s->dash)
                                                   : (c->items[i] ? s->line : " ");
        hg_buf_adds(&d->out, sign);
        if (i + 1 < c->count)
            hg_buf_adds(&d->out, i >= left && i < right ? s->dash : " ");
    }
    hg_buf_trim_end(&d->out, " ");
    hg_buf_addc(&d->out, '\n');
}

static void describe(struct drawing *d, const struct hg_revision *r)
{
    struct hg_buf *b = &d->out;
    hg_term_add(b, d->color, HG_BOLD, r->id);
    if (r->is_head)
        hg_term_add(b, d->color, HG_CYAN, r->is_real_head ? " (head)" : " (effective head)");
    for (size_t i = 0; i < r->labels.count; i++) {
        HG_AUTO(hg_freep) char *label = hg_xasprintf(" [%s]", r->labels.items[i]);
        hg_term_add(b, d->color, HG_CYAN, label);
    }
    if (*r->doc) {
        size_t first = strcspn(r->doc, "\n");
        HG_AUTO(hg_freep) char *line = hg_xstrndup(r->doc, first);
        HG_AUTO(hg_freep) char *safe = hg_printable(line, 200);
        hg_buf_addf(b, "  %s%s", safe, r->doc[first] ? d->signs->ellipsis : "");
    }
    if (r->depends_on.count > 0) {
        HG_AUTO(hg_freep) char *list = hg_strv_join(&r->depends_on, ", ");
        HG_AUTO(hg_freep) char *text = hg_xasprintf("  depends on %s", list);
        hg_term_add(b, d->color, HG_DIM, text);
    }
    HG_AUTO(hg_freep) char *when = history_when(d->h, r);
    HG_AUTO(hg_freep) char *dim = hg_xasprintf("  (%s)", when);
    if (*when)
        hg_term_add(b, d->color, HG_DIM, dim);
    hg_buf_addc(b, '\n');
}

static void node(struct drawing *d, size_t at, const struct hg_revision *r)
{
    const enum history_mark *marks = d->h->marks;
    for (size_t i = 0; i < d->columns.count; i++) {
        if (i == at && !marks)
            hg_buf_adds(&d->out, d->signs->unmarked);
        else if (i == at)
            hg_term_add(&d->out, d->color, marks[r->index] == HISTORY_APPLIED ? HG_GREEN : HG_YELLOW,
                        d->signs->marks[marks[r->index]]);
        else
            hg_buf_adds(&d->out, d->columns.items[i] ? d->signs->line : " ");
        hg_buf_addc(&d->out, ' ');
    }
    describe(d, r);
}

/* The parents of r take over its column, and new ones to the right of it. */
static void parents(struct drawing *d, size_t at, const struct hg_revision *r)
{
    bool first = true;
    d->columns.items[at] = NULL;
    for (size_t i = 0; i < r->down.count; i++) {
        const struct hg_revision *p = hg_graph_get(d->h->graph, r->down.items[i]);
        if (!p || !d->shown[p->index])
            continue;
        if (first) {
            d->columns.items[at] = p;
            first = false;
        } else if (d->columns.items[at] != p) {
            size_t right = take_free(&d->columns, p, at + 1);
            bridge(d, at, right, d->signs->open);
        }
    }
    trim(&d->columns);
}

static void draw(struct drawing *d, const struct hg_revision *r)
{
    size_t at = waiting(&d->columns, r, 0);
    if (at == d->columns.count)
        at = take_free(&d->columns, r, 0);
    for (size_t other; (other = waiting(&d->columns, r, at + 1)) < d->columns.count; ) {
        bridge(d, at, other, d->signs->end);
        d->columns.items[other] = NULL;
        trim(&d->columns);
    }
    node(d, at, r);
    d->shown[r->index] = false; /* a circle leads nowhere */
    parents(d, at, r);
}

/* What the marks mean. */
static void legend(const struct drawing *d)
{
    const enum history_mark *marks = d->h->marks;
    size_t counts[HG_COUNT(d->signs->marks)] = { 0 }, total = d->h->list.count;
    if (!marks || total == 0)
        return;
    for (size_t i = 0; i < total; i++)
        counts[marks[d->h->list.items[i]->index]]++;
    hg_outf("%s applied: %zu, %s pending: %zu", d->signs->marks[HISTORY_APPLIED], counts[HISTORY_APPLIED],
            d->signs->marks[HISTORY_PENDING], counts[HISTORY_PENDING]);
    if (counts[HISTORY_UNTOLD])
        hg_outf(", ? not known: %zu", counts[HISTORY_UNTOLD]);
    hg_out("\n");
}

void history_print_text(const struct history *h, bool color, bool utf8)
{
    struct drawing d = { .h = h, .signs = utf8 ? &UNICODE : &ASCII, .color = color };
    d.shown = hg_xcalloc(hg_graph_count(h->graph) + 1, sizeof *d.shown);
    for (size_t i = 0; i < h->list.count; i++)
        d.shown[h->list.items[i]->index] = true;
    for (size_t i = 0; i < h->list.count; i++)
        draw(&d, h->list.items[i]);
    hg_out(hg_buf_str(&d.out));
    legend(&d);
    hg_buf_done(&d.out);
    free(d.shown);
    free(d.columns.items);
}
