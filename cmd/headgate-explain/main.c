/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "finding/finding.h"
#include "term/term.h"

struct explain_options {
    struct hg_common common;
};

static const struct hg_cmd CMD = {
    .name = "explain",
    .summary = "what a rule means, why, and how to fix or waive it",
    .args = "[RULE]",
    .max_args = 1,
    .no_common = true,
    .description = "Prints the page of a rule (docs/rules/RULE.md). Without RULE it lists all of "
                   "them with their severities.",
    .examples = "headgate explain HG201\n    what to do when an applied revision was edited\n"
                "headgate explain\n    all rules\n",
};

static enum hg_style style_of(enum hg_severity severity)
{
    return severity == HG_SEV_ERROR     ? HG_RED
           : severity == HG_SEV_WARNING ? HG_YELLOW
                                        : HG_CYAN;
}

static int list_all(bool color)
{
    struct hg_table table;
    hg_table_init(&table, 3);
    size_t count;
    const struct hg_rule *rules = hg_rules(&count);
    for (size_t i = 0; i < count; i++) {
        HG_AUTO(hg_buf_done) struct hg_buf cell = HG_BUF_INIT;
        hg_term_add(&cell, color, style_of(rules[i].severity), hg_severity_name(rules[i].severity));
        hg_table_cell(&table, rules[i].id);
        hg_table_cell(&table, hg_buf_str(&cell));
        hg_table_cell(&table, rules[i].title);
    }
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    hg_table_print(&table, "", &out);
    hg_table_done(&table);
    hg_out(hg_buf_str(&out));
    return HG_EXIT_YES;
}

/* The table says the severity; the page says the rest. */
static int explain(const struct hg_rule *rule)
{
    const char *page = hg_rule_page(rule->id);
    hg_outf("%s  %s\nseverity: %s%s\n", rule->id, rule->title, hg_severity_name(rule->severity),
            rule->never_override ? ", cannot be changed, waived or overridden" : "");
    hg_outf("in short: %s\n", rule->help);
    if (!page)
        return HG_EXIT_YES;
    const char *body = strchr(page, '\n'); /* the heading is what the first line said */
    hg_out(body ? body + 1 : page);
    return HG_EXIT_YES;
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    const struct explain_options *o = options;
    if (args->count == 0)
        return list_all(hg_cli_color(&o->common, STDOUT_FILENO));
    const char *word = args->items[0];
    const struct hg_rule *rule = hg_rule_find(word);
    if (rule)
        return explain(rule);
    hg_fail(err, HG_E_USAGE, "there is no rule %s", word);
    const struct hg_rule *near = hg_rule_nearest(word);
    if (near)
        return hg_hint(err, "did you mean %s (%s)? headgate explain %s", near->id, near->title,
                       near->id);
    return hg_hint(err, "`headgate explain` lists all rules");
}

int main(int argc, char **argv)
{
    struct explain_options options = { 0 };
    return hg_cli_main(&CMD, argc, argv, &options, run);
}
