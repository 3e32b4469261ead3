/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static char *copied(const char *s)
{
    return hg_xstrdup(s);
}

static void script(struct hg_bundle_script *s, const char *const *sql, size_t count)
{
    s->chunks = hg_xcalloc(count + 1, sizeof *s->chunks);
    s->count = count;
    for (size_t i = 0; i < count; i++)
        s->chunks[i] = (struct hg_bundle_chunk){ .kind = HG_CHUNK_SQL, .sql = sql[i],
                                                 .len = strlen(sql[i]) };
}

/* Three revisions: a base, its child that needs Python downwards, and a pinned one on another branch. */
static void sample(struct hg_bundle *b)
{
    static const char *const CREATE[] = { "CREATE TABLE t (a text)", "", "INSERT INTO t VALUES ('\n-- x')" };
    static const char *const DROP[] = { "DROP TABLE t" };
    static const char TEXT[] = "revision = 'a1'\ndown_revision = None\n";
    *b = (struct hg_bundle){ .made_by = copied("headgate test"), .alembic = copied("1.20.1"),
                             .sqlalchemy = copied("2.0.58"), .python = copied("3.11.2"),
                             .driver = copied("psycopg"), .version_table = copied("alembic_version"),
                             .version_table_pk = true, .transactional_ddl = true,
                             .commit = copied("0123"), .count = 3 };
    b->revisions = hg_xcalloc(3, sizeof *b->revisions);
    for (size_t i = 0; i < 3; i++) {
        struct hg_bundle_revision *r = &b->revisions[i];
        r->id = hg_xasprintf("a%zu", i + 1);
        r->message = copied(i == 1 ? "100%, \ttab" : "plain");
        r->path = hg_xasprintf("versions/%zu of 3.py", i);
        r->text = TEXT;
        r->text_len = sizeof TEXT - 1;
        script(&r->upgrade, CREATE, 3);
        script(&r->downgrade, DROP, 1);
        if (i)
            hg_strv_add(&r->down, "a1");
    }
    hg_strv_add(&b->revisions[2].labels, "side, way");
    hg_strv_add(&b->revisions[2].depends_on, "a2");
    struct hg_bundle_script *no = &b->revisions[1].downgrade, *pinned = &b->revisions[2].upgrade;
    no->class = HG_BUNDLE_NEEDS_PYTHON;
    no->count = 0;
    no->code = copied("query");
    no->reason = copied("it reads what a query returns");
    pinned->class = HG_BUNDLE_PINNED;
    pinned->code = copied("computed");
    pinned->reason = copied("values");
    pinned->verified = true;
    pinned->chunks[0].kind = HG_CHUNK_COMMIT;
}

static void written(struct hg_buf *ret)
{
    struct hg_bundle b;
    struct hg_err err = { 0 };
    sample(&b);
    assert_int_equal(hg_bundle_write(&b, ret, &err), 0);
    hg_bundle_done(&b);
}

static void test_there_and_back(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT, again = HG_BUF_INIT;
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    struct hg_err err = { 0 };
    written(&file);
    assert_int_equal(hg_bundle_parse(hg_buf_str(&file), file.len, "x", &b, &err), 0);
    assert_int_equal(b.count, 3);
    assert_string_equal(b.driver, "psycopg");
    assert_null(b.version_table_schema);
    assert_true(b.version_table_pk && b.transactional_ddl && !b.transaction_per_migration && !b.dirty);
    const struct hg_bundle_revision *r = hg_bundle_find(&b, "a2");
    assert_string_equal(r->message, "100%, \ttab");
    assert_string_equal(r->down.items[0], "a1");
    assert_int_equal(r->upgrade.count, 3);
    assert_string_equal(r->upgrade.chunks[1].sql, "");
    assert_string_equal(r->upgrade.chunks[2].sql, "INSERT INTO t VALUES ('\n-- x')");
    assert_int_equal(r->downgrade.class, HG_BUNDLE_NEEDS_PYTHON);
    assert_string_equal(r->downgrade.reason, "it reads what a query returns");
    r = hg_bundle_find(&b, "a3");
    assert_string_equal(r->labels.items[0], "side, way");
    assert_true(r->upgrade.verified);
    assert_int_equal(r->upgrade.chunks[0].kind, HG_CHUNK_COMMIT);
    assert_int_equal(hg_bundle_write(&b, &again, &err), 0);
    assert_int_equal(again.len, file.len);
    assert_memory_equal(again.data, file.data, file.len);
}

static void test_its_graph(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    HG_AUTO(hg_revlist_done) struct hg_revlist steps = HG_REVLIST_INIT;
    const struct hg_revlist none = HG_REVLIST_INIT;
    struct hg_graph *g = NULL;
    struct hg_err err = { 0 };
    size_t len = 0;
    written(&file);
    assert_int_equal(hg_bundle_parse(hg_buf_str(&file), file.len, "x", &b, &err), 0);
    assert_int_equal(hg_bundle_graph(&b, &g, &findings, &err), 0);
    assert_true(hg_graph_ok(g));
    assert_int_equal(hg_graph_upgrade(g, &none, "heads", &steps, &err), 0);
    assert_int_equal(steps.count, 3);
    assert_string_equal(steps.items[2]->id, "a3"); /* it depends on a2 */
    assert_ptr_equal(hg_bundle_of(&b, steps.items[2]), &b.revisions[2]);
    assert_string_equal(hg_graph_text(g, steps.items[0], &len), "revision = 'a1'\ndown_revision = None\n");
    assert_int_equal(hg_bundle_can_run(&b, &steps, false, &err), 0);
    assert_int_equal(hg_bundle_can_run(&b, &steps, true, &err), -1);
    assert_int_equal(err.kind, HG_E_REFUSED);
    assert_string_equal(err.message, "revision a2 needs Python to downgrade: it reads what a query returns");
    hg_graph_free(g);
}

/* Who reads the outline only refuses the same files. */
static bool outline_refused(const char *data, size_t len)
{
    struct hg_bundle b = { 0 };
    struct hg_err err = { 0 };
    HG_AUTO(hg_closep) int fd = memfd_create("bundle", MFD_CLOEXEC);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/proc/self/fd/%d", fd);
    assert_int_equal(hg_write_all(fd, data, len), 0);
    if (hg_bundle_outline(path, NULL, &b, &err) < 0)
        return err.kind == HG_E_INTEGRITY && *err.message;
    hg_bundle_done(&b);
    return false;
}

static bool refused(const char *data, size_t len)
{
    struct hg_bundle b = { 0 };
    struct hg_err err = { 0 };
    if (hg_bundle_parse(data, len, "x", &b, &err) == 0) {
        hg_bundle_done(&b);
        return false;
    }
    return err.kind == HG_E_INTEGRITY && *err.message;
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    static const unsigned char MASKS[] = { 0x01, 0x20, 0x80 };
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    written(&file);
    for (size_t i = 0; i < file.len; i++) {
        char *byte = &file.data[i], kept = *byte;
        for (size_t k = 0; k < HG_COUNT(MASKS); k++) {
            *byte = (char)(kept ^ MASKS[k]);
            if (!refused(file.data, file.len) || (k == 0 && !outline_refused(file.data, file.len)))
                fail_msg("byte %zu with mask %d is not noticed", i, MASKS[k]);
        }
        *byte = kept;
    }
    assert_false(refused(file.data, file.len));
    assert_false(outline_refused(file.data, file.len));
}

static void test_no_byte_more_or_less(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    written(&file);
    for (size_t len = 0; len < file.len; len += len % 512 == 511 || len < 600 ? 1 : 510)
        assert_true(refused(hg_buf_str(&file), len) && outline_refused(hg_buf_str(&file), len));
    size_t len = file.len;
    for (size_t more = 0; more < 4; more++) {
        for (size_t i = 0; i < 512; i++)
            hg_buf_addc(&file, '\0');
        assert_true(refused(file.data, file.len) && outline_refused(file.data, file.len));
    }
    assert_false(refused(file.data, len));
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    HG_AUTO(hg_buf_done) struct hg_buf file = HG_BUF_INIT;
    struct hg_bundle b;
    struct hg_err err = { 0 };
    sample(&b);
    b.revisions[0].upgrade.chunks[0] = (struct hg_bundle_chunk){ .sql = "a\0b", .len = 3 };
    assert_int_equal(hg_bundle_write(&b, &file, &err), -1);
    assert_int_equal(err.kind, HG_E_USAGE);
    assert_int_equal(file.len, 0);
    hg_bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_its_graph),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_no_byte_more_or_less),
        cmocka_unit_test(test_what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
