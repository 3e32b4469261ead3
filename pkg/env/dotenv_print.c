/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a variable so that as many dialects as possible read it back: the spellings are tried out
 * on the dialects themselves, so no second description of their rules can be wrong. */
#include "internal.h"

/* Which dialects read `line` as exactly this one variable: a bit for each. Other lines follow, with
 * quotes of all kinds, because Node looks for a closing one to the end of the file; when a dialect
 * loses what follows, ret_harmless is false. */
static unsigned readers(const struct hg_buf *line, const char *name, const char *value,
                        bool *ret_harmless)
{
    static const char NEXT[] = "headgate_next";
    unsigned bits = 0;
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    hg_buf_add(&text, line->data, line->len);
    hg_buf_addf(&text, "%s=1\n# \" ' `\n", NEXT);
    *ret_harmless = true;
    for (unsigned i = 0; i < HG_DOTENV_DIALECTS; i++) {
        HG_AUTO(hg_vars_done) struct hg_vars got = HG_VARS_INIT;
        struct hg_err err = { 0 };
        if (hg_dotenv_parse(text.data, text.len, "", (enum hg_dotenv_dialect)i, NULL, &got, NULL,
                            &err) < 0 ||
            !hg_streq(hg_vars_get(&got, NEXT), "1"))
            *ret_harmless = false;
        else if (got.count == 2 && hg_streq(hg_vars_get(&got, name), value))
            bits |= 1u << i;
    }
    return bits;
}

static void spell_plain(struct hg_buf *b, const char *value)
{
    hg_buf_adds(b, value);
}

static void spell_single(struct hg_buf *b, const char *value)
{
    hg_buf_addf(b, "'%s'", value);
}

/* With the escapes of `from`, written as a backslash and the letter at the same place of `to`. */
static void spell_escaped(struct hg_buf *b, const char *value, char quote, const char *from,
                          const char *to)
{
    hg_buf_addc(b, quote);
    for (; *value; value++) {
        const char *found = strchr(from, *value);
        if (found)
            hg_buf_addc(b, '\\');
        hg_buf_addc(b, found ? to[found - from] : *value);
    }
    hg_buf_addc(b, quote);
}

static void spell_newlines(struct hg_buf *b, const char *value)
{
    spell_escaped(b, value, '"', "\n", "n");
}

static void spell_double(struct hg_buf *b, const char *value)
{
    spell_escaped(b, value, '"', "\n\r\"\\", "nr\"\\");
}

static void spell_double_dollar(struct hg_buf *b, const char *value)
{
    spell_escaped(b, value, '"', "\n\r\"\\$", "nr\"\\$");
}

static void spell_single_escaped(struct hg_buf *b, const char *value)
{
    spell_escaped(b, value, '\'', "'", "'");
}

/* Compose first (the default), then python-dotenv, Node and docker, where no spelling has all. */
static unsigned worth(unsigned bits)
{
    static const unsigned WORTH[HG_DOTENV_DIALECTS] = {
        [HG_DOTENV_COMPOSE] = 8, [HG_DOTENV_PYTHON] = 4, [HG_DOTENV_NODE] = 2,
        [HG_DOTENV_DOCKER] = 1,
    };
    unsigned sum = 0;
    for (unsigned i = 0; i < HG_DOTENV_DIALECTS; i++)
        sum += bits >> i & 1 ? WORTH[i] : 0;
    return sum;
}

static unsigned best_spelling(const char *name, const char *value, struct hg_buf *ret)
{
    static void (*const SPELLINGS[])(struct hg_buf *, const char *) = {
        spell_plain, spell_single, spell_newlines, spell_double, spell_double_dollar,
        spell_single_escaped,
    };
    unsigned best = 0;
    bool best_harmless = false;
    for (size_t i = 0; i < HG_COUNT(SPELLINGS); i++) {
        HG_AUTO(hg_buf_wipe) struct hg_buf line = HG_BUF_INIT;
        hg_buf_addf(&line, "%s=", name);
        SPELLINGS[i](&line, value);
        if (strchr(hg_buf_str(&line), '\n'))
            continue; /* docker would take what follows for a variable, or refuse the whole file */
        hg_buf_addc(&line, '\n');
        bool harmless;
        unsigned bits = readers(&line, name, value, &harmless);
        if (harmless == best_harmless ? worth(bits) <= worth(best) : best_harmless)
            continue;
        best = bits;
        best_harmless = harmless;
        hg_buf_clear(ret);
        hg_buf_add(ret, hg_buf_str(&line), line.len);
        if (bits == (1u << HG_DOTENV_DIALECTS) - 1)
            break;
    }
    return best;
}

bool hg_dotenv_portable(const char *name, const char *value)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf line = HG_BUF_INIT;
    return hg_var_name_valid(name) &&
           best_spelling(name, value, &line) == (1u << HG_DOTENV_DIALECTS) - 1;
}

void hg_dotenv_print(struct hg_buf *b, const char *name, const char *value, unsigned *ret_unread)
{
    const unsigned all = (1u << HG_DOTENV_DIALECTS) - 1;
    HG_AUTO(hg_buf_wipe) struct hg_buf line = HG_BUF_INIT;
    unsigned read = hg_var_name_valid(name) ? best_spelling(name, value, &line) : 0;
    hg_buf_add(b, hg_buf_str(&line), line.len);
    if (ret_unread)
        *ret_unread = all & ~read;
}
