/* SPDX-License-Identifier: Apache-2.0 */
#include "review/internal.h"
#include "review/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct hg_review scan(const char *text)
{
    struct hg_review r = { 0 };
    struct hg_err err = { 0 };
    if (hg_review_scan(text, strlen(text), &r, &err) < 0)
        fail_msg("%s", err.message);
    return r;
}

/* The words of every operation upwards, one a line. */
static char *words(const char *text)
{
    struct hg_review r = scan(text);
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < r.up.count; i++) {
        hg_review_op_words(&r.up.ops[i], &b);
        hg_buf_addc(&b, '\n');
    }
    hg_review_done(&r);
    return hg_buf_take(&b);
}

static void assert_words(const char *text, const char *expected)
{
    char *got = words(text);
    assert_string_equal(got, expected);
    free(got);
}

static void test_operations(void **state)
{
    (void)state;
    assert_words("from alembic import op\n"
                 "def upgrade() -> None:\n"
                 "    op.create_table('sources',\n"
                 "    sa.Column('id', sa.BigInteger(), autoincrement=True),\n"
                 "    sa.Column(\"url\", sa.String(length=2048), nullable=True),\n"
                 "    sa.PrimaryKeyConstraint('id')\n"
                 "    )\n"
                 "    op.create_index(op.f('ix_sources_id'), 'sources', ['id'], unique=False)\n"
                 "    op.add_column('notebooks', sa.Column('source_count', sa.BigInteger(), "
                 "nullable=False))\n"
                 "    op.drop_column('notebooks', 'old', schema='app')\n"
                 "    op.alter_column('t', 'a', new_column_name='b')\n"
                 "    op.alter_column('t', 'a', existing_type=sa.Text(), "
                 "type_=sa.Numeric(precision=3, scale=1))\n"
                 "    op.rename_table('a', 'b')\n"
                 "    op.drop_constraint('fk_x', 't', type_='foreignkey')\n"
                 "    op.create_foreign_key(None, 't', 'u', ['u_id'], ['id'])\n"
                 "    op.execute('UPDATE t SET '\n        'x = 1')\n"
                 "    op.execute(sa.text(\"\"\"\n  SELECT\n  1\"\"\"))\n"
                 "    op.bulk_insert(t, [])\n"
                 "    op.drop_table('gone')\n",
                 "creates table sources (id, url)\n"
                 "creates index ix_sources_id on sources (id)\n"
                 "adds column source_count (BigInteger) to notebooks\n"
                 "drops column old of app.notebooks\n"
                 "renames column a of t to b\n"
                 "changes column a of t to type Numeric(precision=3, scale=1)\n"
                 "renames table a to b\n"
                 "drops constraint fk_x of t\n"
                 "adds foreign key to t\n"
                 "runs SQL: UPDATE t SET x = 1\n"
                 "runs SQL: SELECT 1\n"
                 "inserts rows\n"
                 "drops table gone\n");
}

static void test_blocks(void **state)
{
    (void)state;
    assert_words("from alembic import op as o\n"
                 "T = 'users'\n"
                 "def helper():\n"
                 "    o.drop_table('h')\n"
                 "def upgrade():\n"
                 "    with o.batch_alter_table(T, schema=None) as batch_op:\n"
                 "        batch_op.add_column(sa.Column('a', sa.Text()))\n"
                 "        batch_op.drop_index('ix')\n"
                 "    if x:\n"
                 "        o.add_column(T, sa.Column('b', sa.Text()))\n"
                 "    for name in names:\n"
                 "        o.drop_table(name)\n"
                 "    with o.get_context().autocommit_block():\n"
                 "        o.execute(f'VACUUM {T}')\n"
                 "    helper()\n"
                 "    o.drop_table(T); o.drop_table('y')\n",
                 "adds column a (Text) to users\n"
                 "drops index ix of users\n"
                 "adds column b (Text) to users, on a condition\n"
                 "drops table (a computed name), on a condition\n"
                 "runs computed SQL\n"
                 "drops table h, on a condition\n"
                 "drops table users\n"
                 "drops table y\n");
    assert_words("def upgrade(engine_name):\n"
                 "    globals()['upgrade_%s' % engine_name]()\n"
                 "def upgrade_one():\n"
                 "    op.drop_table('one')\n"
                 "def downgrade_one():\n"
                 "    op.drop_table('two')\n",
                 "drops table one, on a condition\n");
}

static void test_emptiness(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool empty;
    } CASES[] = {
        { "    pass\n", true },
        { "    \"\"\"nothing\"\"\"\n    # op.drop_table('x')\n    pass\n", true },
        { "    ...\n", true },
        { "    return\n", true },
        { "    import os\n", true },
        { "    op.drop_table('x')\n", false },
        { "    conn = op.get_bind()\n", false },
        { "    raise NotImplementedError\n", false },
        { "    if a:\n        pass\n    else:\n        work()\n", false },
    };
    for (size_t i = 0; i < HG_COUNT(CASES); i++) {
        char *text = hg_xasprintf("def upgrade():\n%s", CASES[i].body);
        struct hg_review r = scan(text);
        if (hg_review_body_empty(&r.up) != CASES[i].empty)
            fail_msg("case %zu: %s", i, CASES[i].body);
        assert_true(r.up.present);
        assert_false(r.down.present);
        hg_review_done(&r);
        free(text);
    }
    struct hg_review r = scan("def upgrade(): pass\ndef downgrade(): raise ValueError('no')\n");
    assert_true(hg_review_body_empty(&r.up));
    assert_true(r.down.raises);
    hg_review_done(&r);
}

static void test_unreadable(void **state)
{
    (void)state;
    static const char *const TEXTS[] = { "def upgrade():\n    op.execute('\n", "x = (", "x = )",
                                         "'''", "def upgrade():\n  x = [1\n" };
    for (size_t i = 0; i < HG_COUNT(TEXTS); i++) {
        struct hg_review r;
        struct hg_err err = { 0 };
        assert_int_equal(hg_review_scan(TEXTS[i], strlen(TEXTS[i]), &r, &err), -1);
        assert_int_equal(err.kind, HG_E_CONFIG);
        assert_non_null(strstr(err.message, "line "));
    }
    struct hg_review r;
    struct hg_err err = { 0 };
    assert_int_equal(hg_review_scan("a\0b", 3, &r, &err), -1);
}

static void test_types(void **state)
{
    (void)state;
    assert_true(hg_review_types_alike("VARCHAR(255)", "String(255)"));
    assert_true(hg_review_types_alike("BIGINT", "BigInteger"));
    assert_true(hg_review_types_alike(NULL, "Text"));
    assert_false(hg_review_types_alike("Boolean", "Text"));
    char *type = hg_review_type_text("postgresql.ARRAY(sa.String(length=5))", 37);
    assert_string_equal(type, "ARRAY(String(5))");
    free(type);
}

static void check_renames(const char *text, struct hg_findings *findings)
{
    struct hg_review r = scan(text);
    struct hg_revision revision = { .id = (char *)(uintptr_t) "abc", .path = (char *)(uintptr_t) "v/abc.py" };
    hg_review_check_rename(&r, &revision, findings);
    hg_review_done(&r);
}

static void test_renames(void **state)
{
    (void)state;
    struct hg_findings f = HG_FINDINGS_INIT;
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.String(length=9)))\n"
                  "    op.drop_column('t', 'old')\n"
                  "def downgrade():\n"
                  "    op.add_column('t', sa.Column('old', sa.VARCHAR(length=9)))\n"
                  "    op.drop_column('t', 'new')\n",
                  &f);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.items[0].rule->id, "HG209");
    assert_int_equal(f.items[0].severity, HG_SEV_ERROR);
    assert_int_equal(f.items[0].line, 3);
    assert_string_equal(f.items[0].object, "t.old");
    assert_non_null(
        strstr(f.items[0].help, "op.alter_column(\"t\", \"old\", new_column_name=\"new\")"));
    hg_findings_done(&f);
    f = (struct hg_findings)HG_FINDINGS_INIT;
    check_renames("def upgrade():\n"
                  "    op.create_table('b', sa.Column('id', sa.Text()), sa.Column('x', sa.Text()))\n"
                  "    op.drop_table('a')\n"
                  "def downgrade():\n"
                  "    op.create_table('a', sa.Column('id', sa.TEXT()), sa.Column('x', sa.TEXT()))\n"
                  "    op.drop_table('b')\n",
                  &f);
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.items[0].help, "op.rename_table(\"a\", \"b\")"));
    hg_findings_done(&f);
    f = (struct hg_findings)HG_FINDINGS_INIT;
    /* Another type, another table, other columns: no rename. The old type not known: a warning. */
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.Boolean()))\n"
                  "    op.add_column('u', sa.Column('more', sa.Text()))\n"
                  "    op.drop_column('t', 'old')\n"
                  "def downgrade():\n"
                  "    op.add_column('t', sa.Column('old', sa.TEXT()))\n",
                  &f);
    assert_int_equal(f.count, 0);
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.Boolean()))\n"
                  "    op.drop_column('t', 'old')\n",
                  &f);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.items[0].severity, HG_SEV_WARNING);
    hg_findings_done(&f);
    f = (struct hg_findings)HG_FINDINGS_INIT;
    /* The values are carried over, or the new column takes the old one's name: written by somebody who knew. */
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.Text()))\n"
                  "    op.execute('UPDATE t SET new = lower(\"old\")')\n"
                  "    op.drop_column('t', 'old')\n",
                  &f);
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new_id', sa.Uuid()))\n"
                  "    op.drop_column('t', 'id')\n"
                  "    op.alter_column('t', 'new_id', new_column_name='id')\n",
                  &f);
    check_renames("def upgrade():\n"
                  "    op.create_table('b', sa.Column('id', sa.Text()))\n"
                  "    op.execute('INSERT INTO b SELECT id FROM a')\n"
                  "    op.drop_table('a')\n",
                  &f);
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('by_machine', sa.Text()))\n"
                  "    op.add_column('t', sa.Column('by_hand', sa.Text()))\n"
                  "    op.execute('UPDATE t SET by_hand = name')\n"
                  "    op.drop_column('t', 'name')\n",
                  &f);
    assert_int_equal(f.count, 0);
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.Text()))\n"
                  "    op.execute('UPDATE t SET new = 1')\n"
                  "    op.drop_column('t', 'old')\n"
                  "def downgrade():\n"
                  "    op.add_column('t', sa.Column('old', sa.TEXT()))\n",
                  &f);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.items[0].severity, HG_SEV_ERROR);
    /* What Python does between, nobody reads. */
    check_renames("def upgrade():\n"
                  "    op.add_column('t', sa.Column('new', sa.Text()))\n"
                  "    move(op.get_bind())\n"
                  "    op.drop_column('t', 'old')\n"
                  "def downgrade():\n"
                  "    op.add_column('t', sa.Column('old', sa.TEXT()))\n",
                  &f);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.items[1].severity, HG_SEV_WARNING);
    hg_findings_done(&f);
}

static const char *const OLD = "from alembic import op\nrevision = 'a1'\ndown_revision = None\ndef upgrade():\n"
                              "    op.create_table('sources', sa.Column('id', sa.Text()), sa.Column('url', sa.Text()), "
                              "sa.Column('kind', sa.Text()))\n";

/* What is found in a new revision that makes `documents`, after OLD and one with this body; `model` beside it. */
static void left_behind(const char *between, const char *model, bool dynamic, struct hg_findings *ret)
{
    HG_AUTO(hg_freep) char *middle = hg_xasprintf("revision = 'b1'\ndown_revision = 'a1'\ndef upgrade():\n    %s\n", between);
    const char *fresh = "revision = 'c1'\ndown_revision = 'b1'\ndef upgrade():\n    op.create_table('documents', "
                        "sa.Column('id', sa.Text()), sa.Column('url', sa.Text()), sa.Column('kind', sa.Text()))\n";
    struct hg_alembic_source sources[] = { { "a1.py", OLD, strlen(OLD) }, { "b1.py", middle, strlen(middle) },
                                           { "c1.py", fresh, strlen(fresh) } };
    struct hg_review_models models = { .dynamic = dynamic };
    struct hg_findings ignored = HG_FINDINGS_INIT;
    struct hg_graph *g = NULL;
    struct hg_err err = { 0 };
    assert_int_equal(hg_alembic_load_sources(sources, HG_COUNT(sources), &g, &ignored, &err), 0);
    hg_strv_add(&models.tables, "documents");
    hg_strv_add(&models.tables, model);
    const struct hg_revision *last = hg_graph_get(g, "c1");
    struct hg_revlist list = { &last, 1, 1 };
    hg_review_check_left(g, &list, &models, ret);
    hg_graph_free(g);
    hg_findings_done(&ignored);
    hg_review_models_done(&models);
}

static void test_left_behind(void **state)
{
    (void)state;
    struct hg_findings f = HG_FINDINGS_INIT;
    left_behind("op.create_table('other', sa.Column('id', sa.Text()))", "other", false, &f);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.items[0].rule->id, "HG209");
    assert_int_equal(f.items[0].severity, HG_SEV_ERROR);
    assert_non_null(strstr(f.items[0].help, "op.rename_table(\"sources\", \"documents\")"));
    hg_findings_done(&f);
    f = (struct hg_findings)HG_FINDINGS_INIT;
    /* A model has it, its models are not all known, it was dropped, renamed or may have been: no rename. */
    left_behind("pass", "sources", false, &f);
    left_behind("pass", "x", true, &f);
    left_behind("op.drop_table('sources')", "x", false, &f);
    left_behind("op.rename_table('sources', 'x')", "x", false, &f);
    left_behind("op.execute('DROP TABLE IF EXISTS sources')", "x", false, &f);
    left_behind("[op.drop_table(t) for t in ('sources', 'x')]", "x", false, &f);
    assert_int_equal(f.count, 0);
    /* Few columns in common: worth a look. */
    left_behind("op.create_table('papers', sa.Column('id', sa.Text()), sa.Column('url', sa.Text())); "
                "op.drop_table('sources')", "x", false, &f);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.items[0].severity, HG_SEV_WARNING);
    hg_findings_done(&f);
}

static void put(const char *dir, const char *name, const char *text)
{
    struct hg_err err = { 0 };
    char *path = hg_path_join(dir, name);
    char *parent = hg_path_dir(path);
    if (hg_mkdir_p(parent, 0755, &err) < 0 || hg_file_write(path, 0644, text, strlen(text), &err) < 0)
        fail_msg("%s", err.message);
    free(parent);
    free(path);
}

static void remove_tree(const char *dir)
{
    char *command[] = { (char *)(uintptr_t) "rm", (char *)(uintptr_t) "-rf", (char *)(uintptr_t)dir,
                        NULL };
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

static void load_models(char *dir, struct hg_review_models *ret)
{
    struct hg_err err = { 0 };
    struct hg_alembic_config c = { .dir = dir, .shown_dir = (char *)(uintptr_t) "backend",
                                   .script_location = dir };
    if (hg_review_models_load(&c, ret, &err) < 0)
        fail_msg("%s", err.message);
}

static void test_models(void **state)
{
    (void)state;
    char dir[] = "/tmp/test-review-XXXXXX";
    assert_non_null(mkdtemp(dir));
    put(dir, "env.py", "from db.tables import Base\n");
    put(dir, "db/__init__.py", "");
    put(dir, "db/tables/__init__.py",
        "from db.tables.base import Base\nfrom db.tables.notebook import NotebooksTable\n");
    put(dir, "db/tables/base.py", "class Base(DeclarativeBase):\n    pass\n");
    put(dir, "db/tables/notebook.py",
        "class NotebooksTable(Base):\n    __tablename__ = 'notebooks'\n");
    put(dir, "db/tables/source.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from db.tables.tag import Tag\n"
        "class SourcesTable(Base):\n    __tablename__ = 'sources'\n");
    struct hg_review_models m;
    load_models(dir, &m);
    assert_string_equal(m.package, "db.tables");
    assert_string_equal(m.init, "backend/db/tables/__init__.py");
    assert_int_equal(m.tables.count, 1);
    assert_int_equal(m.missing_module.count, 1);
    assert_string_equal(m.missing_path.items[0], "backend/db/tables/source.py");
    assert_string_equal(m.missing_tables.items[0], "sources");
    assert_string_equal(m.missing_line.items[0], "from db.tables.source import SourcesTable");
    hg_review_models_done(&m);

    /* In a package below, which is imported and imports nothing itself. */
    put(dir, "db/tables/notebook.py",
        "from .source import SourcesTable\nfrom db.tables import more\nclass N(Base):\n    __tablename__ = 'notebooks'\n");
    put(dir, "db/tables/more/__init__.py", "");
    put(dir, "db/tables/more/tag.py", "class Tag(Base):\n    __tablename__ = 'tags'\n");
    load_models(dir, &m);
    assert_int_equal(m.missing_module.count, 1);
    assert_string_equal(m.missing_line.items[0], "from db.tables.more.tag import Tag");
    hg_review_models_done(&m);
    put(dir, "db/tables/more/tag.py", "");

    /* Imported by a sibling that is imported: registered after all. */
    put(dir, "db/tables/notebook.py",
        "from .source import SourcesTable\nclass N(Base):\n    __tablename__ = 'notebooks'\n");
    load_models(dir, &m);
    assert_int_equal(m.missing_module.count, 0);
    assert_int_equal(m.tables.count, 2);
    hg_review_models_done(&m);

    /* All modules of the folder are imported in a loop: nothing can be missing. */
    put(dir, "db/tables/notebook.py", "class N(Base):\n    __tablename__ = 'notebooks'\n");
    put(dir, "db/tables/__init__.py",
        "import importlib, pkgutil\nfrom .notebook import N\nfor m in pkgutil.iter_modules(p): "
        "importlib.import_module(m)\n");
    load_models(dir, &m);
    assert_int_equal(m.missing_module.count, 0);
    hg_review_models_done(&m);
    remove_tree(dir);
}

/* The layout of the FastAPI template: db/base.py collects what models/ defines. */
static void test_models_elsewhere(void **state)
{
    (void)state;
    char dir[] = "/tmp/test-review-XXXXXX";
    assert_non_null(mkdtemp(dir));
    put(dir, "env.py", "import os\nfrom app.db.base import Base  # noqa\n");
    put(dir, "app/__init__.py", "");
    put(dir, "app/db/__init__.py", "");
    put(dir, "app/db/base.py",
        "from app.models.user import User\nfrom app.models.item import Item\n");
    put(dir, "app/models/__init__.py", "");
    put(dir, "app/models/user.py", "class User(Base):\n    __tablename__ = 'user'\n");
    put(dir, "app/models/item.py", "class Item(Base):\n    __tablename__: str = 'item'\n");
    put(dir, "app/models/tag.py", "tag = Table('tag', metadata)\n");
    struct hg_review_models m;
    load_models(dir, &m);
    assert_string_equal(m.package, "app.models");
    assert_int_equal(m.missing_module.count, 1);
    assert_string_equal(m.missing_line.items[0], "from app.models.tag import tag");
    assert_string_equal(m.init, "backend/app/db/base.py");
    hg_review_models_done(&m);
    remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_emptiness),  cmocka_unit_test(test_unreadable), cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_types),      cmocka_unit_test(test_renames),
        cmocka_unit_test(test_models),     cmocka_unit_test(test_models_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
