/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the dialects part: every dialect reads the file, and the variables are compared. A dialect
 * that refuses the file as a whole (docker stops at the first "export") is asked line by line, so that
 * one such line does not hide what it makes of the others.
 */
#include "internal.h"

struct reading {
    struct hg_vars vars;
    bool refused;              /* then vars come from its lines one by one */
};

struct comparison {
    const char *text;
    size_t len;
    const char *shown;
    enum hg_dotenv_dialect own;
    const struct hg_vars *lookup;
    struct reading readings[HG_DOTENV_DIALECTS];
    const char **starts;       /* of each line of the text, and behind them its end */
    size_t start_count, start_cap;
    const struct hg_var **own_vars; /* by line */
    size_t own_count;
    struct hg_vars before;     /* what stands above the variable at hand, and the lookup, which wins */
    struct hg_dotenv_notes *notes;
};

static void comparison_done(struct comparison *c)
{
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++)
        hg_vars_done(&c->readings[i].vars);
    hg_vars_done(&c->before);
    free(c->starts);
    free(c->own_vars);
}

/* "shown:12" -> 12 */
static size_t line_of(const struct hg_var *v)
{
    const char *colon = strrchr(v->source, ':');
    return colon ? (size_t)strtoul(colon + 1, NULL, 10) : 0;
}

/* ---- pieces of the file ---------------------------------------------------------------------- */

static void add_start(struct comparison *c, const char *start)
{
    c->starts = hg_grow(c->starts, c->start_count, &c->start_cap, sizeof *c->starts);
    c->starts[c->start_count++] = start;
}

static void find_lines(struct comparison *c)
{
    const char *p = c->text, *end = c->text + c->len;
    while (p < end) {
        add_start(c, p);
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
    }
    add_start(c, end);
}

static const char *line_start(const struct comparison *c, size_t line)
{
    return c->starts[line == 0 ? 0 : line <= c->start_count ? line - 1 : c->start_count - 1];
}

static int by_own_line(const void *a, const void *b)
{
    const struct hg_var *const *x = a, *const *y = b;
    size_t first = line_of(*x), second = line_of(*y);
    return first < second ? -1 : first > second;
}

static void order_own(struct comparison *c)
{
    const struct hg_vars *own = &c->readings[c->own].vars;
    c->own_vars = hg_xcalloc(own->count + 1, sizeof *c->own_vars);
    for (size_t i = 0; i < own->count; i++)
        c->own_vars[c->own_count++] = &own->items[i];
    qsort(c->own_vars, c->own_count, sizeof *c->own_vars, by_own_line);
}

/* The variable's own statement: from its line up to the line of the next one. */
static const char *piece_of(const struct comparison *c, size_t at, size_t *ret_len)
{
    size_t line = line_of(c->own_vars[at]), next = at + 1;
    while (next < c->own_count && line_of(c->own_vars[next]) == line)
        next++;
    const char *start = line_start(c, line);
    const char *stop = next < c->own_count ? line_start(c, line_of(c->own_vars[next])) : c->text + c->len;
    *ret_len = (size_t)(stop - start);
    return start;
}

/* ---- why ------------------------------------------------------------------------------------- */

static bool quoted(const char *raw)
{
    raw += strspn(raw, " \t");
    return *raw == '"' || *raw == '\'';
}

static const char *docker_reason(const char *raw)
{
    if (quoted(raw))
        return "keeps the quotes as part of the value";
    if (strstr(raw, " #"))
        return "keeps the comment as part of the value";
    if (strchr(raw, '$'))
        return "takes \"$\" as it is";
    return "keeps blanks around the value";
}

static const char *node_reason(const char *raw, const char *own, const char *theirs)
{
    if (!quoted(raw) && strchr(raw, '#') && strlen(theirs) < strlen(own))
        return "cuts the value at \"#\"";
    if (strchr(raw, '$'))
        return "takes \"$\" as it is";
    if (strchr(raw, '`'))
        return "takes back quotes for quotes";
    if (strchr(raw, '\\'))
        return "knows no escape but \\n";
    return "reads another value";
}

static const char *expander_reason(enum hg_dotenv_dialect dialect, const char *raw)
{
    if (strstr(raw, "$$"))
        return dialect == HG_DOTENV_COMPOSE ? "makes one \"$\" of \"$$\"" : "keeps both of \"$$\"";
    if (strchr(raw, '$'))
        return dialect == HG_DOTENV_COMPOSE ? "expands \"$NAME\" and \"${NAME}\""
                                            : "expands \"${NAME}\" only, also in single quotes";
    if (strchr(raw, '`'))
        return "takes back quotes as they are";
    if (strchr(raw, '#'))
        return "cuts the value at \"#\" only behind a blank";
    return strchr(raw, '\\') ? "reads the escapes" : "reads another value";
}

static const char *reason(enum hg_dotenv_dialect dialect, const char *raw, const char *own,
                          const char *theirs)
{
    if (!theirs)
        return "does not set it";
    switch (dialect) {
    case HG_DOTENV_DOCKER:
        return docker_reason(raw);
    case HG_DOTENV_NODE:
        return node_reason(raw, own, theirs);
    case HG_DOTENV_COMPOSE:
    case HG_DOTENV_PYTHON:
        return expander_reason(dialect, raw);
    }
    HG_BUG("unknown dialect");
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void read_one(struct comparison *c, enum hg_dotenv_dialect dialect)
{
    struct reading *r = &c->readings[dialect];
    struct hg_err err = { 0 };
    if (hg_dotenv_parse(c->text, c->len, c->shown, dialect, c->lookup, &r->vars, NULL, &err) == 0)
        return;
    r->refused = true;
    hg_vars_done(&r->vars);
    size_t prefix = strlen(c->shown), line = 0;
    const char *place = err.message + prefix + 1;
    if (hg_starts_with(err.message, c->shown) && err.message[prefix] == ':')
        line = (size_t)strtoul(place, NULL, 10);
    const char *what = strstr(place, ": ");
    HG_AUTO(hg_freep) char *text =
        hg_xasprintf("%s refuses the whole file: %s", hg_dotenv_dialect_name(dialect),
                     what ? what + 2 : err.message);
    hg_dotenv_note(c->notes, line, NULL, text);
}

/* What a dialect that refuses the file would make of this variable's own lines. */
static char *read_piece(const struct comparison *c, enum hg_dotenv_dialect dialect,
                        const struct hg_var *v, const char *piece, size_t len, bool *ret_refused)
{
    HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
    struct hg_err err = { 0 };
    *ret_refused = hg_dotenv_parse(piece, len, c->shown, dialect, &c->before, &got, NULL, &err) < 0;
    return *ret_refused ? NULL : hg_xstrdup(hg_vars_get(&got, v->name));
}

static void compare_one(struct comparison *c, size_t at)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    const struct hg_var *v = c->own_vars[at];
    size_t len;
    const char *piece = piece_of(c, at, &len);
    HG_AUTO(hg_freep) char *raw = hg_xstrndup(piece, len);
    const char *value = strpbrk(raw, "=:");
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++) {
        enum hg_dotenv_dialect dialect = (enum hg_dotenv_dialect)i;
        const struct reading *r = &c->readings[i];
        bool refused = false;
        HG_AUTO(hg_freep) char *theirs =
            r->refused ? read_piece(c, dialect, v, piece, len, &refused)
                       : hg_xstrdup(hg_vars_get(&r->vars, v->name));
        if (dialect == c->own || refused || hg_streq(theirs, v->value))
            continue; /* a refusal is told once, for the file */
        hg_buf_addf(&text, "%s%s %s", text.len ? "; " : "", hg_dotenv_dialect_name(dialect),
                    reason(dialect, value ? value + 1 : "", v->value, theirs));
        if (theirs)
            explicit_bzero(theirs, strlen(theirs));
    }
    explicit_bzero(raw, len);
    if (text.len)
        hg_dotenv_note(c->notes, line_of(v), v->name, hg_buf_str(&text));
}

static void compare_all(struct comparison *c)
{
    find_lines(c);
    order_own(c);
    for (size_t i = 0; c->lookup && i < c->lookup->count; i++)
        hg_vars_set(&c->before, c->lookup->items[i].name, c->lookup->items[i].value, "process");
    for (size_t i = 0; i < c->own_count; i++) {
        const struct hg_var *v = c->own_vars[i];
        compare_one(c, i);
        if (!c->lookup || !hg_vars_get(c->lookup, v->name))
            hg_vars_set(&c->before, v->name, v->value, "file");
    }
}

static int by_line(const void *a, const void *b)
{
    const struct hg_dotenv_note *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return strcmp(x->text, y->text);
}

int hg_dotenv_compare(const char *text, size_t len, const char *shown, enum hg_dotenv_dialect own,
                      const struct hg_vars *lookup, struct hg_dotenv_notes *ret,
                      struct hg_err *err)
{
    HG_AUTO(comparison_done) struct comparison c = {
        .text = text, .len = len, .shown = shown, .own = own, .lookup = lookup, .notes = ret,
    };
    struct hg_vars *mine = &c.readings[own].vars;
    size_t before = ret->count;
    if (hg_dotenv_parse(text, len, shown, own, lookup, mine, ret, err) < 0)
        return -1;
    for (size_t i = before; i < ret->count; i++) {
        HG_AUTO(hg_freep) char *old = ret->items[i].text;
        ret->items[i].text = hg_xasprintf("%s: %s", hg_dotenv_dialect_name(own), old);
    }
    for (size_t i = 0; i < HG_DOTENV_DIALECTS; i++)
        if ((enum hg_dotenv_dialect)i != own)
            read_one(&c, (enum hg_dotenv_dialect)i);
    compare_all(&c);
    if (ret->count > before)
        qsort(ret->items + before, ret->count - before, sizeof *ret->items, by_line);
    return 0;
}
