"""The cases of tests/e2e/integrity.py: what is done, what must be found, and the exit code.

The database stands at c5, c6 is pending. What is committed on main is invisible to the comparison with
the base branch, so that the ledger alone has to notice it; cases that start with a branch are git's.
"""


def corruptions():
    entries = []

    def bad(name, rule, do, severity="error", exit=1, **more):
        entries.append({"name": name, "do": do, "find": [(rule, severity)], "exit": exit, **more})

    def warned(name, rule, do, **more):
        bad(name, rule, do, severity="warning", exit=0, **more)

    # ---- files that ran ----
    bad("blank inside a string", "HG201", lambda c: c.edit("c3a_views.py", "SELECT id, title", "SELECT id,  title"),
        says=['"line": 18', "+     op.execute"])
    bad("blank inside a string of several lines", "HG201",
        lambda c: c.edit("c3a_views.py", "    new.title := trim", "     new.title := trim"))
    bad("a literal", "HG201", lambda c: c.edit("c1_accounts.py", "length=255", "length=500"),
        says=['"line": 21', "length=500", "length=255"])
    bad("an operation added", "HG201", lambda c: c.edit("c5_tags.py", "def downgrade", "    op.drop_table('notes')\n\ndef downgrade"))
    bad("an operation taken out", "HG201", lambda c: c.edit("c3b_policy.py", '    op.execute("CREATE POLICY own ON notes USING (account_id > 0)")\n', ""))
    bad("operations in another order", "HG201", lambda c: c.edit(
        "c3b_policy.py",
        '    op.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")\n    op.execute("CREATE POLICY own ON notes USING (account_id > 0)")\n',
        '    op.execute("CREATE POLICY own ON notes USING (account_id > 0)")\n    op.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")\n'))
    bad("downgrade edited", "HG201", lambda c: c.edit("c2_notes.py", "op.drop_table('notes')", "pass"))
    bad("put behind a condition", "HG201", lambda c: c.edit("c5_tags.py", "    op.drop_table('tags')", "    if False:\n        op.drop_table('tags')"))
    bad("True for 1", "HG201", lambda c: c.edit("c1_accounts.py", "unique=True", "unique=False"))
    bad("a one-tuple for its element", "HG201", lambda c: c.edit("c1_accounts.py", "['email']", "('email')"))
    bad("edited and not committed", "HG201", lambda c: c.edit("c1_accounts.py", "length=255", "length=500", commit=False))
    bad("deleted and made anew with the same id", "HG201", lambda c: (
        c.delete("c5_tags.py"), c.write("c5_labels.py", c_file("c5", "c4", "op.create_table('labels')"))))
    bad("import of another name", "HG201", lambda c: c.edit("c2_notes.py", "import sqlalchemy as sa", "import sqlmodel as sa"))
    bad("apply refuses an edited history", "HG201", lambda c: c.edit("c1_accounts.py", "length=255", "length=500"), program="apply")
    bad("two edits, two findings", "HG201", lambda c: (c.edit("c1_accounts.py", "255", "500"), c.edit("c2_notes.py", "255", "500")),
        says=['"c1"', '"c2"'])

    # ---- the history ----
    bad("merge taken out", "HG202", lambda c: (c.delete("c4_merge.py", "c3b_policy.py"), c.edit("c5_tags.py", "'c4'", "'c3a'")),
        also=["HG228"], says=["git checkout"])
    bad("merge taken out: the parent", "HG228", lambda c: (c.delete("c4_merge.py", "c3b_policy.py"), c.edit("c5_tags.py", "'c4'", "'c3a'")),
        also=["HG202"], says=["came after c4"])
    bad("base deleted", "HG102", lambda c: c.delete("c1_accounts.py"), also=["HG106", "HG202"])
    bad("head deleted", "HG212", lambda c: c.delete("c5_tags.py", "c6_color.py"))
    bad("parents swapped", "HG228", lambda c: (c.edit("c3a_views.py", "'c2'", "'c3b'"), c.edit("c4_merge.py", "('c3a', 'c3b')", "'c3a'")))
    bad("made a base", "HG228", lambda c: c.edit("c3a_views.py", "down_revision = 'c2'", "down_revision = None"))
    bad("depends_on changed", "HG228", lambda c: c.edit("c3b_policy.py", "depends_on = 'c1'", "depends_on = None"), says=["depended on c1"])
    bad("inserted between two that ran", "HG227", lambda c: (
        c.write("c4b.py", c_file("c4b", "c4", "op.add_column('notes', sa.Column('x', sa.Text()))")),
        c.edit("c5_tags.py", "'c4'", "'c4b'")), also=["HG228"])
    bad("an id twice", "HG104", lambda c: c.write("copy.py", c_file("c5", "c4", "pass")), also=["HG201"])
    bad("another id", "HG213", lambda c: (c.edit("c5_tags.py", "revision = 'c5'", "revision = 'c7'"), c.edit("c6_color.py", "'c5'", "'c7'")),
        also=["HG202"])
    bad("a cycle", "HG103", lambda c: c.edit("c1_accounts.py", "down_revision = None", "down_revision = 'c6'"), also=["HG201"])
    bad("history rewritten on a branch", "HG204", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.edit("c3a_views.py", "'c2'", "'c1'")), args=["--offline"], also=["HG101"])
    bad("label changed on a branch", "HG204", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.edit("c3b_policy.py", "['security']", "None")), args=["--offline"])
    bad("edited on a branch", "HG201", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.edit("c5_tags.py", "50", "60")), args=["--offline"], says=["sa.String(length=60)"])
    bad("deleted on a branch", "HG202", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.delete("c6_color.py")), args=["--offline"])
    bad("pending revision edited on a protected target", "HG201", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.edit("c6_color.py", "sa.Text()", "sa.JSON()")), template="guarded")
    bad("pending revision not in the base on a protected target", "HG205", lambda c: (
        c.git("checkout", "-q", "-b", "change"), c.write("c7.py", c_file("c7", "c6", "op.drop_table('tags')"))), template="guarded")
    bad("pending revision not committed on a protected target", "HG206",
        lambda c: c.write("c7.py", c_file("c7", "c6", "op.add_column('notes', sa.Column('x', sa.Text()))"), commit=False), template="guarded")
    bad("a revision that touches the ledger", "HG220", lambda c: c.write(
        "c7.py", c_file("c7", "c6", 'op.execute("DROP SCHEMA headgate CASCADE")')))

    # ---- the version table ----
    bad("row set upwards by hand", "HG226", lambda c: c.sql("UPDATE alembic_version SET version_num = 'c6'"), says=["adds column color"])
    bad("stamped upwards by Alembic", "HG226", lambda c: c.alembic("stamp", "c6"))
    bad("stamped downwards by Alembic", "HG226", lambda c: c.alembic("stamp", "c4"), says=["no longer has revision c5"])
    bad("apply refuses a stamped row", "HG226", lambda c: c.alembic("stamp", "c4"), program="apply")
    bad("apply with nothing to do refuses a stamped row", "HG226", lambda c: c.alembic("stamp", "c6"), program="apply")
    bad("stamped past what is made and changed later", "HG226", lambda c: (
        c.write("c7.py", c_file("c7", "c6", "op.create_table('x', sa.Column('id', sa.Integer())); op.add_column('x', sa.Column('y', sa.Text()))")),
        c.sql("ALTER TABLE tags ADD COLUMN color text", "UPDATE alembic_version SET version_num = 'c7'")), says=["creates table x"])
    warned("a table that the pending revision creates is there", "HG225", lambda c: (
        c.write("c7.py", c_file("c7", "c6", "op.create_table('x', sa.Column('id', sa.Integer()))")),
        c.sql("CREATE TABLE x (id int)")), says=["Pending revision c7 creates this table"])
    bad("foreign row", "HG212", lambda c: c.sql("UPDATE alembic_version SET version_num = 'ffff'"))
    bad("status --check of a foreign row", "HG212", lambda c: c.sql("UPDATE alembic_version SET version_num = 'ffff'"),
        program="status", args=["--check"])
    bad("version row deleted", "HG214", lambda c: c.sql("DELETE FROM alembic_version"), also=["HG226"])
    bad("version table dropped", "HG214", lambda c: c.sql("DROP TABLE alembic_version"), also=["HG226"])
    bad("two rows", "HG218", lambda c: c.sql("INSERT INTO alembic_version VALUES ('c4')"))
    warned("version table in another schema", "HG222", lambda c: c.sql("CREATE SCHEMA other", "ALTER TABLE alembic_version SET SCHEMA other"))

    # ---- the schema ----
    def drift(name, *statements, says=(), **more):
        bad(name, "HG224", lambda c: c.sql(*statements), says=list(says), **more)

    drift("column dropped", "ALTER TABLE notes DROP COLUMN body", says=["table public.notes is not as it was", ": column body"])
    drift("column added", "ALTER TABLE tags ADD COLUMN extra int", says=["column extra", "+ column extra: integer"])
    drift("column renamed", "ALTER TABLE notes RENAME body TO text", says=["column body renamed"])
    drift("type changed", "ALTER TABLE tags ALTER COLUMN name TYPE text", says=["column name: type", "-> text"])
    drift("default changed", "ALTER TABLE accounts ALTER COLUMN mood SET DEFAULT 'sad'")
    drift("default dropped", "ALTER TABLE accounts ALTER COLUMN mood DROP DEFAULT")
    drift("null allowed", "ALTER TABLE tags ALTER COLUMN name DROP NOT NULL")
    drift("identity dropped", "ALTER TABLE notes ALTER COLUMN id DROP IDENTITY")
    drift("index dropped", "DROP INDEX ix_accounts_email", says=["index public.ix_accounts_email is gone"])
    drift("index of other columns", "DROP INDEX ix_accounts_email", "CREATE UNIQUE INDEX ix_accounts_email ON accounts (email, id)",
          says=["index public.ix_accounts_email is not as it was"])
    drift("constraint dropped", "ALTER TABLE accounts DROP CONSTRAINT email_given")
    drift("foreign key of another kind", "ALTER TABLE notes DROP CONSTRAINT notes_account",
          "ALTER TABLE notes ADD CONSTRAINT notes_account FOREIGN KEY (account_id) REFERENCES accounts")
    drift("primary key dropped", "ALTER TABLE tags DROP CONSTRAINT tags_pkey")
    drift("table dropped", "DROP TABLE tags")
    drift("table renamed", "ALTER TABLE tags RENAME TO labels")
    drift("table unlogged", "ALTER TABLE tags SET UNLOGGED")
    drift("table put in another schema", "CREATE SCHEMA other", "ALTER TABLE tags SET SCHEMA other")
    drift("view of another body", "CREATE OR REPLACE VIEW titles AS SELECT id, lower(title)::varchar(255) AS title FROM notes")
    drift("view dropped", "DROP VIEW titles")
    drift("function of another body", "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'")
    drift("enum value added", "ALTER TYPE mood ADD VALUE 'happy'", says=[": enum"])
    drift("trigger disabled", "ALTER TABLE notes DISABLE TRIGGER touch")
    drift("trigger dropped", "DROP TRIGGER touch ON notes")
    drift("policy changed", "ALTER POLICY own ON notes USING (true)")
    drift("row security off", "ALTER TABLE notes DISABLE ROW LEVEL SECURITY")
    drift("sequence of another step", "ALTER SEQUENCE ticket INCREMENT 1")
    drift("comment changed", "COMMENT ON TABLE tags IS 'mine'")
    drift("apply refuses a changed schema", "ALTER TABLE tags ADD COLUMN color text", program="apply")
    warned("invalid index", "HG607", lambda c: c.sql(
        "CREATE TABLE many (a int)", "INSERT INTO many VALUES (1), (1)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_accounts_email'::regclass"), says=["REINDEX INDEX CONCURRENTLY"])
    warned("constraint never validated", "HG609", lambda c: c.sql("ALTER TABLE tags ADD CONSTRAINT named CHECK (name <> '') NOT VALID"),
           says=["VALIDATE CONSTRAINT named"])

    # ---- the ledger and the place ----
    bad("ledger emptied", "HG229", lambda c: c.sql("TRUNCATE headgate.run CASCADE"))
    bad("a step deleted", "HG229", lambda c: c.sql("DELETE FROM headgate.step WHERE revision = 'c3a'"))
    bad("a digest edited", "HG229", lambda c: c.sql("UPDATE headgate.step SET digest = repeat('0', 64) WHERE revision = 'c2'"))
    bad("a file edited", "HG229", lambda c: c.sql("UPDATE headgate.step SET file = file || '\\x20'::bytea WHERE revision = 'c2'"))
    bad("an object's record edited", "HG229", lambda c: c.sql("UPDATE headgate.change SET objects = regexp_replace(objects, '[0-9a-f]{64}', repeat('0', 64), 'g')"))
    bad("the objects deleted", "HG229", lambda c: c.sql("DELETE FROM headgate.change"))
    bad("the objects cut", "HG229", lambda c: c.sql("UPDATE headgate.change SET objects = left(objects, 200)"))
    bad("label of another target", "HG502", lambda c: c.sql("UPDATE headgate.label SET target = 'other', protected = true"))
    bad("clone of production under another target", "HG502", lambda c: None, template="guarded", target="here")
    bad("clone under a protected target", "HG502", lambda c: None, target="prod")
    bad("another cluster behind the same name", "HG501", another_cluster, template="guarded")
    warned("old backup restored under the same name", "HG509", old_backup, template="guarded", says=["restored or copied"])
    bad("version table alone from an old backup", "HG226", lambda c: c.sql("TRUNCATE alembic_version", "INSERT INTO alembic_version VALUES ('c2')"))
    bad("ledger and version table gone", "HG214", lambda c: c.sql("DROP SCHEMA headgate CASCADE", "DELETE FROM alembic_version"))
    return entries


def pinned(c):
    """The target as `headgate target pin` ties it to its database."""
    from integrity import CONFIG
    line = c.headgate("target", "pin", "-t", "prod").stdout.strip().splitlines()[-1].strip()
    c.configure(CONFIG.replace("PIN", ", " + line))
    assert c.ask("gate", [])[0] == 0


def old_backup(c):
    from integrity import admin
    c.headgate("apply", "-t", "prod", "--yes")
    assert "HG509" not in {f["rule"] for f in c.ask("gate", [])[1]["findings"]}
    admin(f"drop database {c.database} with (force)")
    c.base.clone("early", c.database)


def another_cluster(c):
    pinned(c)
    c.elsewhere()


def c_file(id, down, up):
    from integrity_files import revision
    return revision(id, down, up, "pass")


BLACK = '''"""revision c5 says more"""
# fmt: black
import sqlalchemy as sa
from alembic import op
from typing import Union, Sequence

revision = "c5"
down_revision = "c4"
branch_labels = None
depends_on = None


def upgrade():
  op.create_table(
      "tags",
      sa.Column("id", sa.BigInteger(), primary_key=True),
      sa.Column(
          "name",
          sa.String(length=(50)) if False else sa.String(length=50),
          nullable=False,
      ),
  )


def downgrade():
  op.drop_table("tags")
'''.replace('sa.String(length=(50)) if False else ', '')


def innocent():
    entries = []

    def good(name, do, *find, **more):
        entries.append({"name": name, "do": do, "find": list(find), "exit": 0, **more})

    def silent(name, do, **more):
        good(name, do, silent=True, **more)

    def sql(name, *statements, **more):
        silent(name, lambda c: c.sql(*statements), **more)

    note203, note225, note227 = ("HG203", "note"), ("HG225", "note"), ("HG227", "note")

    # ---- files ----
    silent("nothing at all", lambda c: None)
    good("CRLF", lambda c: c.rewrite("c1_accounts.py", lambda d: d.replace(b"\n", b"\r\n")), note203)
    good("a byte order mark", lambda c: c.rewrite("c1_accounts.py", lambda d: b"\xef\xbb\xbf" + d), note203)
    good("comment at the end", lambda c: c.rewrite("c1_accounts.py", lambda d: d + b"# applied on Monday\n"), note203)
    good("comment in the middle", lambda c: c.edit("c1_accounts.py", "nullable=False),", "nullable=False),  # always"), note203)
    good("blank lines", lambda c: c.rewrite("c1_accounts.py", lambda d: d.replace(b"\ndef ", b"\n\n\n\ndef ")), note203)
    good("blanks at line ends", lambda c: c.rewrite("c2_notes.py", lambda d: d.replace(b"('notes',\n", b"('notes',   \n")), note203)
    good("no line end at the end", lambda c: c.rewrite("c1_accounts.py", lambda d: d.rstrip(b"\n")), note203)
    good("docstring", lambda c: c.edit("c1_accounts.py", "revision c1", "create accounts"), note203)
    good("docstring in upgrade", lambda c: c.edit("c5_tags.py", "def upgrade():\n", 'def upgrade():\n    """Tags."""\n'), note203)
    good("other quotes", lambda c: c.edit("c5_tags.py", "'tags',", '"tags",'), note203)
    good("comma before the bracket", lambda c: c.edit("c5_tags.py", "sa.Column('name', sa.String(length=50), nullable=False))",
                                                      "sa.Column('name', sa.String(length=50), nullable=False),)"), note203)
    good("brackets around a value", lambda c: c.edit("c5_tags.py", "branch_labels = None", "branch_labels = (\n    None\n)"), note203)
    good("a line split by a backslash", lambda c: c.edit("c5_tags.py", "depends_on = None", "depends_on = \\\n    None"), note203)
    good("a string in two parts", lambda c: c.edit("c1_accounts.py", '"email <> \'\'"', '"email " "<> \'\'"'), note203)
    good("imports sorted", lambda c: c.edit("c5_tags.py", "from typing import Sequence, Union\n\nfrom alembic import op\nimport sqlalchemy as sa\n",
                                            "import sqlalchemy as sa\nfrom alembic import op\nfrom typing import Union, Sequence\n"), note203)
    good("indented by tabs", lambda c: c.rewrite("c2_notes.py", lambda d: d.replace(b"\n    op.", b"\n\top.")), note203)
    good("reformatted", lambda c: c.write("c5_tags.py", BLACK), note203)
    good("reformatted and not committed", lambda c: c.write("c5_tags.py", BLACK, commit=False), note203)
    good("reformatted on a branch", lambda c: (c.git("checkout", "-q", "-b", "change"), c.write("c5_tags.py", BLACK)), note203,
         args=["--offline"])
    good("another slug", lambda c: (c.git("mv", "migrations/versions/c5_tags.py", "migrations/versions/c5_labels.py")), note203)
    silent("another slug, committed", lambda c: (
        c.git("mv", "migrations/versions/c5_tags.py", "migrations/versions/c5_labels.py"), c.commit()))
    silent("moved directory", lambda c: (
        c.git("mv", "migrations", "alembic"), (c.dir / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n"), c.commit()))
    silent("new pending revision", lambda c: c.write("c7.py", c_file("c7", "c6", "op.add_column('notes', sa.Column('x', sa.Text()))")
                                                     .replace("    pass", "    op.drop_column('notes', 'x')")))
    good("new pending revision on a branch", lambda c: (c.git("checkout", "-q", "-b", "change"), c.write(
        "c7.py", c_file("c7", "c6", "op.add_column('notes', sa.Column('x', sa.Text()))"))), ("HG205", "note"))
    good("a branch of its own, merged", lambda c: (
        c.write("c7.py", c_file("c7", "c4", "op.add_column('notes', sa.Column('x', sa.Text()))").replace("    pass", "    op.drop_column('notes', 'x')")),
        c.write("c8.py", c_file("c8", ("c6", "c7"), "pass"))), note227)
    silent("other files beside them", lambda c: (
        c.path("README.md").write_text("hello"), c.path(".c9.py.swp").write_text("x"), c.commit()))
    silent("bits of the file", lambda c: (c.path("c1_accounts.py").chmod(0o755), c.commit()))
    silent("line ends by git's own conversion", lambda c: ((c.dir / ".gitattributes").write_text("*.py text eol=lf\n"), c.commit()))
    silent("exported without git", lambda c: None, args=["--fail-on", "error"])

    # ---- the database ----
    sql("vacuum", "VACUUM FULL notes", "VACUUM ANALYZE")
    sql("reindex", "REINDEX TABLE accounts")
    sql("cluster", "CLUSTER accounts USING accounts_pkey")
    sql("rows", "INSERT INTO accounts (email) VALUES ('a@example.org')", "INSERT INTO notes (account_id, title) VALUES (1, 'x')",
        "UPDATE notes SET title = ' y '", "DELETE FROM notes", "TRUNCATE accounts CASCADE")
    sql("sequences", "SELECT nextval('ticket')", "SELECT setval('ticket', 500)", "INSERT INTO accounts (email) VALUES ('b@example.org')")
    sql("rights", "GRANT SELECT ON notes TO PUBLIC", "GRANT USAGE ON SEQUENCE ticket TO PUBLIC", "REVOKE ALL ON FUNCTION touch() FROM PUBLIC")
    sql("rights of a column", "GRANT UPDATE (title) ON notes TO PUBLIC")
    sql("another owner", "ALTER TABLE notes OWNER TO pg_database_owner", "ALTER VIEW titles OWNER TO pg_database_owner")
    sql("statistics targets", "ALTER TABLE notes ALTER COLUMN title SET STATISTICS 500", "ANALYZE notes")
    sql("extended statistics", "CREATE STATISTICS title_stats ON account_id, title FROM notes")
    sql("a temporary table", "CREATE TEMP TABLE scratch (a int)")
    sql("an extension", "CREATE EXTENSION pg_trgm")
    sql("settings of the database", "DO $$ begin execute format('ALTER DATABASE %I SET work_mem = ''8MB''', current_database()); end $$")
    sql("search_path of the database", "DO $$ begin execute format('ALTER DATABASE %I SET search_path = public, pg_temp', current_database()); end $$")
    sql("a reload", "SELECT pg_reload_conf()", "SELECT pg_stat_reset()")
    sql("an empty schema", "CREATE SCHEMA reports")
    sql("a publication", "CREATE PUBLICATION everything FOR TABLE notes")
    sql("clustered on an index", "ALTER TABLE accounts CLUSTER ON accounts_pkey")
    sql("a prepared transaction", "BEGIN; INSERT INTO accounts (email) VALUES ('p@example.org'); PREPARE TRANSACTION 'innocent'",
        "ROLLBACK PREPARED 'innocent'")
    sql("large objects", "SELECT lo_create(0)")
    good("a framework's table", lambda c: c.sql("CREATE TABLE celery_taskmeta (id serial PRIMARY KEY, result bytea)"), note225)
    good("a framework's table changed", lambda c: c.sql(
        "CREATE SCHEMA jobs", "CREATE TABLE jobs.queue (id int)", "ALTER TABLE jobs.queue ADD COLUMN x int"), note225)
    good("somebody's view", lambda c: c.sql("CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM notes"), note225)
    good("made and taken away again by Alembic itself", lambda c: (
        c.write("c7.py", c_file("c7", "c6", "op.create_table('x', sa.Column('id', sa.Integer())); op.create_index('xi', 'x', ['id'])")),
        c.write("c8.py", c_file("c8", "c7", "op.rename_table('x', 'y'); op.add_column('y', sa.Column('z', sa.Text()))")),
        c.write("c9.py", c_file("c9", "c8", "op.drop_table('y'); op.execute('CREATE EXTENSION IF NOT EXISTS plpgsql')")),
        c.alembic("upgrade", "c9")), ("HG215", "note"))
    good("run by Alembic itself", lambda c: c.alembic("upgrade", "c6"), ("HG215", "note"))
    good("undone by Alembic itself", lambda c: c.alembic("downgrade", "c4"), ("HG215", "note"))
    silent("a new record", lambda c: c.headgate("apply", "-t", "here", "--yes"))
    silent("recorded as it is", lambda c: (c.sql("ALTER TABLE tags ADD COLUMN extra int"), c.headgate("apply", "-t", "here", "--yes", "--baseline")))
    silent("down and up", lambda c: (c.headgate("rollback", "-t", "here", "--yes", "c4"), c.headgate("apply", "-t", "here", "--yes", "--release")))
    silent("dumped and restored on another server", lambda c: c.elsewhere())
    silent("the server restarted", lambda c: c.restart())
    silent("protected and untouched", lambda c: None, template="guarded")
    silent("everything on a protected target", lambda c: c.sql("VACUUM", "GRANT SELECT ON notes TO PUBLIC"), template="guarded")
    return entries
