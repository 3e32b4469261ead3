/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "internal.h"

#define HELP_INDENT 31
#define HELP_WIDTH  100

/* The text behind the option, broken at spaces; continuation lines stand under the first. */
static void print_wrapped(const char *text)
{
    size_t room = HELP_WIDTH - HELP_INDENT;
    while (strlen(text) > room) {
        size_t cut = room;
        while (cut && text[cut] != ' ')
            cut--;
        if (cut == 0)
            break;
        hg_outf("%.*s\n%*s", (int)cut, text, HELP_INDENT, "");
        text += cut + 1;
    }
    hg_outf("%s\n", text);
}

static void print_row(const struct hg_opt *o)
{
    HG_AUTO(hg_buf_done) struct hg_buf left = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf right = HG_BUF_INIT;
    if (o->letter)
        hg_buf_addf(&left, "  -%c, ", o->letter);
    else
        hg_buf_adds(&left, "      ");
    hg_buf_addf(&left, "--%s", o->name);
    if (o->metavar)
        hg_buf_addf(&left, " %s", o->metavar);
    hg_buf_adds(&right, o->help);
    if (o->values && !strstr(o->help, "always")) /* a help that names its values says enough */
        hg_buf_addf(&right, ": %s", o->values);
    if (o->env)
        hg_buf_addf(&right, " [%s]", o->env);
    hg_outf("%-30s ", left.data);
    print_wrapped(right.data);
}

static void print_table(const struct hg_opt *o)
{
    for (; o && o->name; o++)
        if (!o->hidden)
            print_row(o);
}

static void print_examples(const char *text)
{
    hg_out("\nexamples:\n");
    for (const char *end; *text; text = end) {
        end = strchrnul(text, '\n');
        end += *end == '\n';
        hg_outf("  %.*s", (int)(end - text), text);
    }
}

/* Has the command a row of its own under this name? It stands for the common one then. */
static bool own(const struct hg_cmd *cmd, const char *name)
{
    for (const struct hg_opt *o = cmd->options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

void hg_cli_print_help(const struct hg_cmd *cmd)
{
    hg_outf("usage: headgate %s [options]%s%s\n%s\n\n", cmd->name, cmd->args ? " " : "",
            cmd->args ? cmd->args : "", cmd->summary);
    print_table(cmd->options);
    if (cmd->formats) {
        struct hg_opt format = hg_cli_format_option(cmd);
        print_row(&format);
    }
    for (const struct hg_opt *o = cmd->no_common ? NULL : hg_common_options; o && o->name; o++)
        if (!own(cmd, o->name))
            print_row(o);
    print_table(hg_cli_basic_options);
    hg_out("  -h, --help                   this page\n"
           "      --version                the version\n");
    if (cmd->examples)
        print_examples(cmd->examples);
}

static void json_string(struct hg_buf *b, const char *key, const char *value)
{
    hg_buf_addf(b, "\"%s\":", key);
    if (!value) {
        hg_buf_adds(b, "null");
        return;
    }
    hg_buf_addc(b, '"');
    hg_json_escape(b, value, strlen(value));
    hg_buf_addc(b, '"');
}

static void json_row(struct hg_buf *b, const struct hg_opt *o, bool *first)
{
    char letter[] = { o->letter, '\0' };
    hg_buf_adds(b, *first ? "{" : ",{");
    *first = false;
    json_string(b, "name", o->name);
    hg_buf_addc(b, ',');
    json_string(b, "letter", o->letter ? letter : NULL);
    hg_buf_addc(b, ',');
    json_string(b, "metavar", o->metavar);
    hg_buf_addc(b, ',');
    json_string(b, "values", o->values);
    hg_buf_addc(b, ',');
    json_string(b, "env", o->env);
    hg_buf_addc(b, ',');
    json_string(b, "help", o->help);
    hg_buf_addc(b, '}');
}

void hg_cli_print_help_json(const struct hg_cmd *cmd)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addc(&b, '{');
    json_string(&b, "name", cmd->name);
    hg_buf_addc(&b, ',');
    json_string(&b, "summary", cmd->summary);
    hg_buf_addc(&b, ',');
    json_string(&b, "args", cmd->args);
    hg_buf_addc(&b, ',');
    json_string(&b, "description", cmd->description);
    hg_buf_addc(&b, ',');
    json_string(&b, "examples", cmd->examples);
    hg_buf_adds(&b, ",\"options\":[");
    bool first = true;
    for (const struct hg_opt *o = cmd->options; o && o->name; o++)
        if (!o->hidden)
            json_row(&b, o, &first);
    if (cmd->formats) {
        struct hg_opt format = hg_cli_format_option(cmd);
        json_row(&b, &format, &first);
    }
    for (const struct hg_opt *o = cmd->no_common ? NULL : hg_common_options; o && o->name; o++)
        if (!own(cmd, o->name))
            json_row(&b, o, &first);
    for (const struct hg_opt *o = hg_cli_basic_options; o->name; o++)
        json_row(&b, o, &first);
    hg_buf_adds(&b, "]}\n");
    hg_out(b.data);
}
