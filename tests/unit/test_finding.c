/* SPDX-License-Identifier: Apache-2.0 */
#include "finding/finding.h"
#include "finding/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after setjmp and stdarg, as cmocka asks */
#include <cmocka.h>

static void rules_are_sorted_and_complete(void **state)
{
    (void)state;
    size_t count;
    const struct hg_rule *rules = hg_rules(&count);
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strlen(rules[i].id), 5);
        assert_true(hg_starts_with(rules[i].id, "HG"));
        assert_true(i == 0 || strcmp(rules[i - 1].id, rules[i].id) < 0);
        assert_ptr_equal(hg_rule_find(rules[i].id), &rules[i]);
        assert_true(rules[i].severity > HG_SEV_OFF);
        assert_true(strlen(rules[i].title) > 5 && strlen(rules[i].title) < 70);
        assert_true(hg_ends_with(rules[i].help, "."));
    }
    assert_null(hg_rule_find("HG999"));
    assert_null(hg_rule_find(""));
    assert_true(hg_rule_find("HG501")->never_override);
    assert_false(hg_rule_find("HG101")->never_override);
}

static void severities_have_names(void **state)
{
    (void)state;
    enum hg_severity s = HG_SEV_NOTE;
    assert_int_equal(hg_severity_parse("error", &s), 0);
    assert_int_equal(s, HG_SEV_ERROR);
    assert_int_equal(hg_severity_parse("off", &s), 0);
    assert_int_equal(s, HG_SEV_OFF);
    assert_int_equal(hg_severity_parse("Error", &s), -1);
    assert_int_equal(hg_severity_parse("", &s), -1);
    assert_int_equal(s, HG_SEV_OFF);
}

/* Three of different kinds: an error with a place, a waived one, a note without any place. */
static void fill(struct hg_findings *f)
{
    struct hg_finding *a = hg_finding_add(f, "HG203", "only line endings of %s changed", "x.py");
    a->path = hg_xstrdup("db/x.py");
    a = hg_finding_add(f, "HG201", "0002 was edited");
    a->path = hg_xstrdup("./backend/db/0002 a,b:c.py");
    a->line = 12;
    a->column = 3;
    a->revision = hg_xstrdup("0002");
    a->help = hg_xstrdup("take it\nback");
    a = hg_finding_add(f, "HG101", "two heads: a, b");
    a->waived = hg_xstrdup("we know | <b>");
}

static void the_way_out_names_the_target(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    (void)hg_finding_add(&f, "HG231", "two of them in the rule's text");
    (void)hg_finding_add(&f, "HG203", "none");
    hg_finding_add(&f, "HG224", "its own")->help = hg_xstrdup("-t TARGET, -t TARGET");
    hg_findings_address(&f, NULL);
    assert_non_null(strstr(hg_finding_help(&f.items[0]), "plan -t TARGET "));
    hg_findings_address(&f, "prod");
    assert_non_null(strstr(hg_finding_help(&f.items[0]), "`headgate plan -t prod -o FILE`"));
    assert_non_null(strstr(hg_finding_help(&f.items[0]), "`headgate apply -t prod --plan FILE`"));
    assert_null(f.items[1].help);
    assert_string_equal(f.items[2].help, "-t prod, -t prod");
}

static void list_counts_moves_and_drops(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT, g = HG_FINDINGS_INIT;
    assert_int_equal(hg_findings_worst(&f), HG_SEV_OFF);
    fill(&f);
    assert_int_equal(hg_findings_count(&f, HG_SEV_ERROR), 1);
    assert_int_equal(hg_findings_count(&f, HG_SEV_NOTE), 1);
    assert_int_equal(hg_findings_worst(&f), HG_SEV_ERROR);
    hg_findings_copy(&g, &f);
    hg_findings_move(&g, &f);
    assert_int_equal(f.count, 0);
    assert_int_equal(g.count, 6);
    assert_true(hg_findings_have(&g, "HG201"));
    hg_findings_drop(&g, 1);
    hg_findings_drop(&g, 3);
    assert_false(hg_findings_have(&g, "HG201"));
    assert_int_equal(hg_findings_worst(&g), HG_SEV_NOTE);
    assert_string_equal(g.items[3].message, "two heads: a, b");
}

static void equal_findings_have_different_fingerprints(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    for (int i = 0; i < 200; i++) {
        struct hg_finding *a = hg_finding_add(&f, i % 2 ? "HG105" : "HG208", "number %d", i);
        a->path = hg_xasprintf("v/%d.py", i % 3);
        a->line = i;
    }
    HG_AUTO(hg_freep) struct hg_fingerprint *p = hg_findings_fingerprints(&f);
    HG_AUTO(hg_strv_done) struct hg_strv seen = HG_STRV_INIT;
    for (size_t i = 0; i < f.count; i++) {
        assert_int_equal(strlen(p[i].text), 16);
        assert_false(hg_strv_has(&seen, p[i].text));
        hg_strv_add(&seen, p[i].text);
    }
    /* Neither the line nor the message is in it. */
    char one[17], other[17];
    hg_finding_fingerprint(&f.items[0], one);
    assert_string_equal(one, p[0].text);
    f.items[0].line = 99;
    f.items[0].message[0] = 'X';
    hg_finding_fingerprint(&f.items[0], other);
    assert_string_equal(one, other);
}

static void json_has_the_shape_of_the_contract(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    fill(&f);
    free(f.items[0].message);
    f.items[0].message = hg_xstrdup("bad \xff\xc3 byte");
    json_t *a = hg_findings_json(&f);
    assert_int_equal(json_array_size(a), 3);
    json_t *o = json_array_get(a, 1);
    assert_string_equal(json_string_value(json_object_get(o, "rule")), "HG201");
    assert_string_equal(json_string_value(json_object_get(o, "severity")), "error");
    assert_string_equal(json_string_value(json_object_get(o, "help")), "take it\nback");
    assert_true(json_is_null(json_object_get(o, "waived")));
    json_t *place = json_object_get(o, "location");
    assert_int_equal(json_integer_value(json_object_get(place, "line")), 12);
    assert_string_equal(json_string_value(json_object_get(place, "revision")), "0002");
    assert_true(json_is_null(json_object_get(place, "object")));
    assert_int_equal(json_object_size(place), 5);
    assert_int_equal(json_object_size(o), 8);
    const char *message = json_string_value(json_object_get(json_array_get(a, 0), "message"));
    assert_string_equal(message, "bad \xef\xbf\xbd\xef\xbf\xbd byte");
    json_decref(a);
}

static void text_puts_errors_first_and_waived_last(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    fill(&f);
    hg_findings_text(&f, false, &b);
    assert_string_equal(
        hg_buf_str(&b),
        "error   HG201  ./backend/db/0002 a,b:c.py:12  0002 was edited\n"
        "        take it\n        back\n"
        "note    HG203  db/x.py  only line endings of x.py changed\n"
        "        Nothing needs to be done: Python reads the same.\n"
        "waived  HG101  two heads: a, b\n"
        "        waived: we know | <b>\n");
    hg_buf_clear(&b);
    hg_findings_text(&f, true, &b);
    assert_non_null(strstr(hg_buf_str(&b), "\033[1;31merror  \033[0m HG201"));
}

static void report(const struct hg_findings *f, const char *format, struct hg_buf *b)
{
    struct hg_err err = { 0 };
    hg_buf_clear(b);
    assert_int_equal(hg_findings_report(f, format, "the gate", b, &err), 0);
}

static void github_escapes_properties_and_messages(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    fill(&f);
    report(&f, "github", &b);
    assert_string_equal(hg_buf_str(&b),
                        "::error file=./backend/db/0002 a%2Cb%3Ac.py,line=12,col=3,"
                        "title=HG201 an applied or merged revision was edited::"
                        "0002 was edited%0Atake it%0Aback\n"
                        "::notice file=db/x.py,title=HG203 revision file moved%2C or written otherwise with the "
                        "same meaning::only line endings of x.py changed%0A"
                        "Nothing needs to be done: Python reads the same.\n");
    free(f.items[1].message);
    f.items[1].message = hg_xstrdup("100%\r\n::error::no");
    report(&f, "github", &b);
    assert_non_null(strstr(hg_buf_str(&b), "::100%25%0D%0A::error::no%0Atake"));
    for (const char *line = hg_buf_str(&b); *line; line = strchr(line, '\n') + 1)
        assert_true(hg_starts_with(line, "::error ") || hg_starts_with(line, "::notice "));
}

static size_t lines_with(const char *text, const char *prefix)
{
    size_t count = 0;
    for (; *text; text = strchr(text, '\n') + 1)
        count += hg_starts_with(text, prefix);
    return count;
}

static void github_keeps_to_ten_of_each_severity(void **state)
{
    (void)state;
    for (int total = 9; total < 13; total++) {
        HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        for (int i = 0; i < total; i++) {
            hg_finding_add(&f, "HG105", "file %d", i);
            hg_finding_add(&f, "HG208", "file %d", i);
        }
        report(&f, "github", &b);
        size_t want = total > 10 ? 10 : (size_t)total;
        assert_int_equal(lines_with(hg_buf_str(&b), "::error "), want);
        assert_int_equal(lines_with(hg_buf_str(&b), "::warning "), want);
        HG_AUTO(hg_freep) char *more = hg_xasprintf("::%d more of this severity", total - 9);
        assert_int_equal(strstr(hg_buf_str(&b), more) != NULL, total > 10);
    }
}

static void gitlab_is_an_array_of_what_it_requires(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    report(&f, "gitlab", &b);
    assert_string_equal(hg_buf_str(&b), "[]\n");
    fill(&f);
    report(&f, "gitlab", &b);
    json_t *a = json_loads(hg_buf_str(&b), 0, NULL);
    assert_int_equal(json_array_size(a), 2);
    const char *path = NULL, *check = NULL, *severity = NULL;
    int line = 0;
    assert_int_equal(json_unpack(json_array_get(a, 1), "{s:s,s:s,s:{s:s,s:{s:i}}}", "check_name",
                                 &check, "severity", &severity, "location", "path", &path, "lines",
                                 "begin", &line),
                     0);
    assert_string_equal(path, "backend/db/0002 a,b:c.py");
    assert_string_equal(check, "HG201");
    assert_string_equal(severity, "critical");
    assert_int_equal(line, 12);
    json_decref(a);
}

static void sarif_names_rules_places_and_suppressions(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    fill(&f);
    report(&f, "sarif", &b);
    json_t *d = json_loads(hg_buf_str(&b), 0, NULL);
    assert_non_null(d);
    json_t *run = json_array_get(json_object_get(d, "runs"), 0);
    json_t *results = json_object_get(run, "results");
    assert_int_equal(json_array_size(results), 3);
    const char *uri = NULL, *level = NULL, *print = NULL;
    int line = 0;
    assert_int_equal(
        json_unpack(json_array_get(results, 1), "{s:s,s:[{s:{s:{s:s},s:{s:i}}}],s:{s:s}}", "level",
                    &level, "locations", "physicalLocation", "artifactLocation", "uri", &uri,
                    "region", "startLine", &line, "partialFingerprints", "primaryLocationLineHash",
                    &print),
        0);
    assert_string_equal(uri, "backend/db/0002%20a%2Cb%3Ac.py");
    assert_string_equal(level, "error");
    assert_int_equal(strlen(print), 16);
    assert_non_null(json_object_get(json_array_get(results, 2), "suppressions"));
    json_t *rules = json_object_get(
        json_object_get(json_object_get(run, "tool"), "driver"), "rules");
    assert_int_equal(json_array_size(rules), 3);
    json_decref(d);
}

/* What hg_xml_escape makes may stand between tags and in attributes of XML 1.0. */
static void check_xml_text(const char *s)
{
    assert_true(hg_utf8_valid(s, strlen(s)));
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        assert_true(c >= 0x20 || c == '\n' || c == '\t');
        assert_true(c != '<' && c != '>' && c != '"');
        if (c == '&')
            assert_true(hg_starts_with(s, "&amp;") || hg_starts_with(s, "&lt;") ||
                        hg_starts_with(s, "&gt;") || hg_starts_with(s, "&quot;"));
    }
}

static void any_bytes_become_safe_xml(void **state)
{
    (void)state;
    unsigned seed = 20261122;
    for (int round = 0; round < 2000; round++) {
        char text[64] = "";
        size_t len = (size_t)(rand_r(&seed) % 63);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + rand_r(&seed) % 255);
        HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
        hg_xml_escape(&b, text);
        check_xml_text(hg_buf_str(&b));
    }
}

static void junit_counts_and_escapes(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    report(&f, "junit", &b);
    assert_non_null(strstr(hg_buf_str(&b), "tests=\"1\" failures=\"0\""));
    fill(&f);
    report(&f, "junit", &b);
    assert_non_null(strstr(hg_buf_str(&b), "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    assert_non_null(strstr(hg_buf_str(&b), "<skipped message=\"we know | &lt;b&gt;\"/>"));
    assert_non_null(strstr(hg_buf_str(&b), "<failure message=\"0002 was edited\" type=\"HG201\">"));
}

static void markdown_and_html_escape_what_comes_from_outside(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    fill(&f);
    report(&f, "markdown", &b);
    assert_non_null(strstr(hg_buf_str(&b), "errors: 1, warnings: 0, notes: 1, waived: 1"));
    assert_non_null(strstr(hg_buf_str(&b), "we know \\| &lt;b&gt; |"));
    assert_non_null(strstr(hg_buf_str(&b), "take it<br>back |"));
    report(&f, "html", &b);
    assert_null(strstr(hg_buf_str(&b), "know | <b>"));
    assert_non_null(strstr(hg_buf_str(&b), "<b class=\"error\">error HG201</b>"));
}

static void unknown_formats_are_refused(void **state)
{
    (void)state;
    HG_AUTO(hg_findings_done) struct hg_findings f = HG_FINDINGS_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err err = { 0 };
    assert_int_equal(hg_findings_report(&f, "xml", "t", &b, &err), -1);
    assert_int_equal(err.kind, HG_E_USAGE);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_sorted_and_complete),
        cmocka_unit_test(severities_have_names),
        cmocka_unit_test(the_way_out_names_the_target),
        cmocka_unit_test(list_counts_moves_and_drops),
        cmocka_unit_test(equal_findings_have_different_fingerprints),
        cmocka_unit_test(json_has_the_shape_of_the_contract),
        cmocka_unit_test(text_puts_errors_first_and_waived_last),
        cmocka_unit_test(github_escapes_properties_and_messages),
        cmocka_unit_test(github_keeps_to_ten_of_each_severity),
        cmocka_unit_test(gitlab_is_an_array_of_what_it_requires),
        cmocka_unit_test(sarif_names_rules_places_and_suppressions),
        cmocka_unit_test(any_bytes_become_safe_xml),
        cmocka_unit_test(junit_counts_and_escapes),
        cmocka_unit_test(markdown_and_html_escape_what_comes_from_outside),
        cmocka_unit_test(unknown_formats_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
