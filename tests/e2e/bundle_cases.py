# SPDX-License-Identifier: Apache-2.0
"""The cases T1 to T22: what is known to come out of `alembic upgrade --sql` wrong, or hard to get right.

    python bundle_cases.py HEADGATE URL

URL is a PostgreSQL on whose server databases may be made. All cases are revisions on top of one base, in two
projects: one with psycopg and one transaction for all, one with psycopg2, a transaction for each migration
and the paramstyle that doubles percent signs. One bundle is built of each. Then each case is applied by
Alembic online to a copy of the base and from the bundle to another, and must end as CASES says:

    Equal     both go; same schema, data and version rows (pg_dump), and what the case is about is there
    Alike     both fail, with these words; same schema, data and version rows
    Refused   headgate refuses with this reason (HG260) before its first statement: nothing has changed
    Goes      Alembic online fails with these words of the driver, and from the bundle it goes

What a case renders to is in tests/fixtures/bundle (tests/cli/bundle.bats); what apply tells of transactions,
and version rows that are gone, is in bundle_apply.bats.
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import psycopg

import bundle_differential as both
from bundle_differential import A, B, Difference, Pair

Equal = collections.namedtuple("Equal", "checks")
Alike = collections.namedtuple("Alike", "words checks")
Refused = collections.namedtuple("Refused", "reason")
Goes = collections.namedtuple("Goes", "words checks")

BASE = '''
op.create_table("p", sa.Column("k", sa.Text), sa.Column("m", sa.Text))
op.execute("INSERT INTO p VALUES ('1', 'one'), ('2', 'two'), ('50% off', 'x'), ('50 off', 'x')")
op.execute("CREATE TYPE color AS ENUM ('red')")
op.execute("CREATE TABLE c (v color)")
'''
BLOCK = '''
op.execute("INSERT INTO p VALUES ('10', 'before')")
with op.get_context().autocommit_block():
    op.execute("ALTER TYPE color ADD VALUE 'green'")
    op.create_index("p_k", "p", ["k"], postgresql_concurrently=True)
op.execute("INSERT INTO p VALUES ('10', 'after')")
'''
OWN_COMMIT = '''
op.execute("INSERT INTO p VALUES ('11', 'before')")
op.execute("COMMIT")
op.execute("CREATE INDEX CONCURRENTLY p_m ON p (m)")
op.execute("INSERT INTO p VALUES ('11', 'after')")
'''
LEFT_OPEN = '''
with op.get_context().autocommit_block():
    op.execute("BEGIN; INSERT INTO p VALUES ('10', 'left open')")
op.execute("INSERT INTO p VALUES ('10', 'after')")
op.execute("SELECT 1/0")
'''
OWN_ROLLBACK = '''
op.execute("INSERT INTO p VALUES ('11', 'before')")
op.execute("ROLLBACK")
op.execute("INSERT INTO p VALUES ('11', 'after')")
op.execute("SELECT 1/0")
'''
DEFAULTS = '''
t = sa.Table("p", sa.MetaData(), sa.Column("k", sa.Text, default=lambda: str(uuid.uuid4())),
             sa.Column("m", sa.Text, onupdate=lambda: "z"))
'''
VALUES = '''
op.execute("SET TIME ZONE 'Asia/Tokyo'")
op.execute("SET DateStyle = 'SQL, DMY'")
at = datetime.datetime(2024, 1, 2, 3, 4, 5, 600000, datetime.timezone.utc)
t = op.create_table("v", sa.Column("n", sa.Numeric), sa.Column("f", sa.Float), sa.Column("at", sa.DateTime),
                    sa.Column("d", sa.Text), sa.Column("x", sa.Text),
                    sa.Column("c", pg.ARRAY(pg.ENUM("red", name="color", create_type=False))))
op.bulk_insert(t, [{"n": 0.1 + 0.2, "f": -0.5, "at": at, "d": "", "x": "", "c": ["red"]},
                   {"n": 1.0, "f": 1e20, "at": None, "d": None, "x": None, "c": []}])
op.bulk_insert(sa.table("v", sa.column("d", sa.Date), sa.column("x", sa.Float)), [{"d": at.date(), "x": 1e20}])
op.get_bind().execute(sa.text("UPDATE v SET f = round(n * :v) WHERE n = 1"), {"v": 0.5})
op.execute(t.update().where(t.c.n == 1).values(x=sa.cast(-sa.bindparam("v", -7, sa.Integer), sa.Text)))
'''
ROWS = 'op.bulk_insert(sa.table("p", sa.column("k", %s), sa.column("m", sa.Text)), [{"k": %s, "m": "x"}])'

# Revisions: id -> (parents, body of upgrade()).
REVISIONS = {
    "t01": ("start", 'bind = op.get_bind()\n'
                    'bind.execute(sa.text("UPDATE p SET m=:v WHERE k=:k"), {"v": "it\'s", "k": "1"})\n'
                    'bind.execute(sa.text("UPDATE p SET m=:v WHERE k=:k").bindparams(v=None, k="2"))'),
    "t02": ("start", 'op.get_bind().execute(sa.table("p", sa.column("k", sa.Text)).insert(), [{"k": "a"}, {"k": "b"}])'),
    "t03": ("start", "op.execute(\"\"\"INSERT INTO p VALUES ('3', '{\"a\":true}')\"\"\")"),
    "t03b": ("start", "op.execute(\"INSERT INTO p VALUES ('12:30', 'a:name ' || 1::text || '\\\\:x')\")"),
    "t04": ("start", "op.execute(\"UPDATE p SET m = '100%', k = k || '%(v)s' WHERE k LIKE '50%% %%' OR k LIKE '50% %'\")\n"
                    "op.execute(\"UPDATE p SET m = 'hit' WHERE k LIKE '50\\\\%%'\")"),
    "t05": ("start", ROWS % ("sa.Text", r'"a\\b\tc 100%"')),
    "t06": ("start", 'op.alter_column("p", "k", comment="it\'s 100% \\\\ \\t.", existing_comment=None)'),
    "t07": ("start", DEFAULTS + 'op.bulk_insert(t, [{"m": "a"}])'),
    "t07b": ("start", DEFAULTS + 'op.execute(t.update().values(k="z"))'),
    "t08": ("start", ROWS % ("pg.JSONB", '{"a": 1}')),
    "t08b": ("start", ROWS % ("sa.LargeBinary", 'b"a"')),
    "t08c": ("start", ROWS % ("sa.types.NullType", "datetime.date(2020, 1, 1)")),
    "t08d": ("start", 'op.execute("INSERT INTO p VALUES (\'\\ud800\')")'),
    "t09": ("start", 'pg.ENUM("red", name="color").create(op.get_bind(), checkfirst=True)\n'
                    'pg.ENUM("it\'s", "b", name="shade").create(op.get_bind(), checkfirst=True)'),
    "t09b": ("start", 'sa.Table("p", sa.MetaData(), sa.Column("k", sa.Text)).create(op.get_bind(), checkfirst=True)'),
    "t10": ("start", BLOCK),
    "t10b": ("start", BLOCK + 'op.execute("SELECT 1/0")'),
    "t10c": ("start", LEFT_OPEN),
    "t11": ("start", OWN_COMMIT),
    "t11b": ("start", OWN_ROLLBACK),
    "t12": ("start", "op.execute(\"INSERT INTO p VALUES ('12'); CREATE INDEX CONCURRENTLY p_x ON p (k)\")"),
    "t13": ("start", "op.execute(\"INSERT INTO p VALUES ('13') -- note\")"),
    "t14": ("start", "op.execute(\"\"\"INSERT INTO p VALUES ('14; a');\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS "
                    "$$ BEGIN NULL; RETURN 1; END $$;\"\"\")"),
    "t15": ("start", 'op.execute("-- only")'),
    "t16": ("start", "op.execute(\"INSERT INTO p VALUES ('16')\")\nop.execute(\"COPY p FROM STDIN\")"),
    "t17a": ("start", "op.execute(\"INSERT INTO p VALUES ('17', 'a')\")"),
    "t17b": ("start", "op.execute(\"INSERT INTO p VALUES ('17', 'b')\")"),
    "t17m": ("t17a t17b", "pass"),
    "t17x": ("t17m", 'op.execute("DELETE FROM alembic_version")'),
    "t18": ("start", "op.execute(\"INSERT INTO p VALUES ('18', '%s')\" % uuid.uuid4())"),
    "t19a": ("start", "op.execute(\"ALTER TYPE color ADD VALUE 'blue'\")"),
    "t19b": ("t19a", "op.execute(\"INSERT INTO c VALUES ('blue')\")"),
    "t20a": ("start", "op.execute(\"INSERT INTO p VALUES ('20')\")"),
    "t20b": ("t20a", 'for row in op.get_bind().execute(sa.text("SELECT k FROM p")).fetchall():\n'
                     '    op.execute("DELETE FROM p")'),
    "t21": ("start", ROWS % ("sa.Interval", "datetime.timedelta(days=1, seconds=5)")),
    "v1": ("start", 'op.execute(sa.text("UPDATE p SET m = 5 -:v WHERE k = \'1\'").bindparams(v=-5))'),
    "v2": ("start", 'op.get_bind().execute(sa.text("UPDATE p SET m = :v WHERE k = \'1\'"), {"v": "a\\\\:b \\\\\\\\:c"})'),
    "v3": ("start", 'op.execute("SET standard_conforming_strings = off")\n' + ROWS % ("sa.Text", r"'a\\nb\\'")),
    "v4": ("start", VALUES),
    "v5": ("start", ROWS % ("sa.Integer", "1.7")),
    "v6": ("start", ROWS % ("sa.Numeric", "decimal.Decimal('NaN')")),
    "s1": ("start", "op.execute('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')"),
    "s2": ("start", "op.execute(\"SET client_encoding = 'LATIN1'\")\nop.execute(\"INSERT INTO p VALUES ('s2', 'é')\")"),
    "s3": ("start", "op.execute(\"SET client_encoding = 'UTF8'; SET standard_conforming_strings = off\")\n"
                    "op.execute(r\"INSERT INTO p VALUES ('s3', 'é\\\\n')\")"),
    "s4": ("start", "with op.get_context().autocommit_block():\n"
                    "    op.execute('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE')\n"
                    "op.execute(\"INSERT INTO p VALUES ('s4', current_setting('transaction_isolation'))\")"),
    "t22": ("start", "print(\"INSERT INTO p VALUES ('no SQL')\")\nop.execute(\"INSERT INTO p VALUES ('22')\")"),
}

ROW = "SELECT string_agg(coalesce(m, 'NULL'), ',' ORDER BY m) FROM p WHERE k = '%s'"
COUNT = "SELECT count(*) FROM p WHERE k LIKE '%s%%'"
VERSION = "SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version"
VALID = "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = to_regclass('%s')"
LABELS = "SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = 'color'::regtype"
OUTSIDE = "cannot run inside a transaction block"

# Case -> goals, one after the other, and how it ends in each project (the last goal; those before it are Equal).
ONE, EACH = 0, 1
CASES = {
    "T1 parameters": (["t01"], {ONE: Equal({ROW % 1: "it's", ROW % 2: "NULL"}), EACH: Equal({ROW % 1: "it's"})}),
    "T2 rows of parameters": (["t02"], {ONE: Refused("several rows of parameters")}),
    "T3 :name in a text": (["t03"], {EACH: Refused("the parameter true of a statement has no value")}),
    "T3 colons that are no name": (["t03b"], {EACH: Equal({ROW % "12:30": "a:name 1:x"})}),
    "T4 percent signs": (["t04"], {way: Equal({"SELECT string_agg(k || m, ',' ORDER BY k) FROM p WHERE k LIKE '50%'":
                                               "50 off%(v)s100%,50% off%(v)shit"}) for way in (ONE, EACH)}),
    "T5 backslash and tab in rows": (["t05"], {EACH: Equal({"SELECT count(*) FROM p WHERE k = E'a\\\\b\\tc 100%'": 1})}),
    "T6 a comment": (["t06"], {EACH: Equal({"SELECT col_description('p'::regclass, 1) = E'it''s 100% \\\\ \\t.'": True})}),
    "T7 a default of Python": (["t07"], {ONE: Refused("Python computes the value of column k")}),
    "T7 an onupdate of Python": (["t07b"], {ONE: Refused("Python computes the value of column m")}),
    "T8 JSON": (["t08"], {ONE: Refused("a value cannot be written as SQL text")}),
    "T8 bytes": (["t08b"], {ONE: Refused("bytes|cannot be written as SQL text")}),
    "T8 a date without type": (["t08c"], {ONE: Refused("a value cannot be written as SQL text")}),
    "T8 half a character": (["t08d"], {ONE: Refused("no UTF-8")}),
    "T9 types that are there and not": (["t09"], {EACH: Equal({
        LABELS: "red", "SELECT enum_range(NULL::shade)::text": "{it's,b}"})}),
    "T9 a table that is there": (["t09b"], {EACH: Refused("checkfirst")}),
    "T10 an autocommit block": (["t10"], {way: Equal({
        ROW % 10: "after,before", VALID % "p_k": 1, LABELS: "red,green", VERSION: "t10"}) for way in (ONE, EACH)}),
    "T10 failing behind its block": (["t10b"], {way: Alike("division by zero", {
        ROW % 10: "before", VALID % "p_k": 1, VERSION: "start"}) for way in (ONE, EACH)}),
    "T10 a transaction left open in its block": (["t10c"], {
        ONE: Alike("division by zero", {ROW % 10: "left open", VERSION: "start"}),
        EACH: Alike("division by zero", {COUNT % 10: 0, VERSION: "start"})}),
    "T11 a COMMIT of its own": (["t11"], {
        ONE: Alike(OUTSIDE, {ROW % 11: "before", VALID % "p_m": 0, VERSION: "start"}),
        EACH: Equal({ROW % 11: "after,before", VALID % "p_m": 1, VERSION: "t11"})}),
    "T11 a ROLLBACK of its own": (["t11b"], {
        ONE: Alike("division by zero", {COUNT % 11: 0, VERSION: "start"}),
        EACH: Alike("division by zero", {ROW % 11: "after", VERSION: "start"})}),
    "T12 concurrently behind a semicolon": (["t12"], {EACH: Alike(OUTSIDE, {COUNT % 12: 0, VERSION: "start"})}),
    "T13 a comment at the end": (["t13"], {ONE: Equal({COUNT % 13: 1, VERSION: "t13"})}),
    "T14 several statements": (["t14"], {EACH: Equal({COUNT % "14; a": 1, "SELECT f()": 1})}),
    "T15 nothing but a comment": (["t15"], {ONE: Equal({VERSION: "t15"}),
                                            EACH: Goes("can't execute an empty query", {VERSION: "t15"})}),
    "T16 COPY FROM STDIN": (["t16"], {way: Alike("COPY|another command is already in progress", {COUNT % 16: 0, VERSION: "start"}) for way in (ONE, EACH)}),
    "T17 a branch": (["t17a", "t17b"], {ONE: Equal({VERSION: "t17a,t17b"})}),
    "T17 a merge": (["t17a", "t17b", "t17m"], {ONE: Equal({VERSION: "t17m", ROW % 17: "a,b"})}),
    "T17 a row that is gone": (["t17m", "t17x"], {way: Alike("match one row when updating 't17m' to 't17x'",
                                                            {VERSION: "t17m"}) for way in (ONE, EACH)}),
    "T18 values of Python": (["t18"], {EACH: Equal({COUNT % 18: 1})}),
    "T19 an enum value and its use": (["t19b"], {
        ONE: Alike("unsafe use of new value", {LABELS: "red", VERSION: "start"}),
        EACH: Equal({LABELS: "red,blue", "SELECT v::text FROM c": "blue", VERSION: "t19b"})}),
    "T20 rows that are read": (["t20b"], {ONE: Refused("reads what a query returns")}),
    "T21 an interval": (["t21"], {ONE: Refused("an interval, which is written otherwise")}),
    "V1 a sign behind a sign": (["v1"], {way: Equal({ROW % 1: "10", ROW % 2: "two"}) for way in (ONE, EACH)}),
    "V2 a value with backslash and colon": (["v2"], {way: Equal({ROW % 1: r"a\:b \\:c"}) for way in (ONE, EACH)}),
    "V3 a value where backslashes escape": (["v3"], {way: Equal({"SELECT count(*) FROM p WHERE k = E'a\\\\nb\\\\'": 1})
                                                     for way in (ONE, EACH)}),
    "V4 values of types that are not their column's": (["v4"], {
        ONE: Equal({"SELECT string_agg(x, ' ' ORDER BY x) FROM v": " 1e+20 7", "SELECT f::int FROM v WHERE n = 1": 0}),
        EACH: Equal({"SELECT string_agg(x, ' ' ORDER BY x) FROM v": " 100000000000000000000 7",
                     "SELECT f::int FROM v WHERE n = 1": 1})}),
    "V5 a fraction for whole numbers": (["v5"], {way: Refused("number with a fraction") for way in (ONE, EACH)}),
    "V6 no number": (["v6"], {way: Refused("no number in SQL") for way in (ONE, EACH)}),
    "S9 the isolation of the first transaction": (["s1"], {ONE: Alike("must be called before any query", {VERSION: "start"})}),
    "S9 the isolation of the session": (["s4"], {ONE: Refused("the isolation level of the session")}),
    "S9 another encoding": (["s2"], {ONE: Refused("client_encoding")}),
    "S9 the settings of a dump": (["s3"], {EACH: Equal({ROW % "s3": "é\\n"})}),
    "T22 print()": (["t22"], {EACH: Equal({COUNT % "no SQL": 0, COUNT % 22: 1})}),
}


def write_project(folder, options):
    both.write_settings(folder, options)
    for name, (parents, body) in {"start": ("", BASE), **REVISIONS}.items():
        down = tuple(parents.split())
        with open("%s/m/versions/%s.py" % (folder, name), "w") as file:
            file.write("import datetime\nimport decimal\nimport uuid\n\nfrom alembic import op\n"
                       "import sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql as pg\n\nrevision = %r\ndown_revision = %r\n\n\n"
                       "def upgrade():\n%s" % (name, down or None, both.body(body.strip("\n").split("\n"))))


class Project(Pair):
    def __init__(self, tools, folder, driver, options):
        write_project(folder, options)
        super().__init__(tools, folder, driver)
        if self.run_headgate("bundle", "-q", "--no-verify", "-o", "headgate.bundle"):
            raise Difference(self.said)

    def copy(self, *names):
        for name in names:
            self.clear(name)
            with psycopg.connect(self.address(name), autocommit=True) as connection:
                connection.execute(self.start)

    def begin(self):
        """Where all cases begin: made by both sides, alike."""
        self.clear(A, B)
        self.expect(Equal({VERSION: "start"}), "start")
        text = subprocess.run(["pg_dump", "--inserts", "-d", self.address(A)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        self.start = "\n".join(line for line in text.splitlines() if not line.startswith("\\"))

    def apply(self, goal):
        return self.run_headgate("apply", "--bundle", "headgate.bundle", "--format", "json", goal)

    def value(self, sql):
        with psycopg.connect(self.address(B)) as connection:
            return connection.execute(sql).fetchone()[0]

    def check(self, checks):
        for sql, expected in checks.items():
            found = self.value(sql)
            if found != expected:
                raise Difference("%s\n  is %r, not %r" % (sql, found, expected))

    def refused(self, reason, goal):
        before = self.dump(B)
        code = self.apply(goal)
        lines = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        found = [f["message"] for f in lines[-1]["findings"] if f["rule"] == "HG260"]
        if code != 1 or not any(re.search(reason, message) for message in found):
            raise Difference("not refused for %r: %d, %s\n%s" % (reason, code, found, self.said))
        if self.dump(B) != before:
            raise Difference("refused, but something changed")

    def expect(self, outcome, goal):
        if isinstance(outcome, Refused):
            return self.refused(outcome.reason, goal)
        log = self.folder + "/alembic.log"
        if os.path.exists(log):
            os.unlink(log)
        theirs, ours = self.alembic("upgrade", goal), self.apply(goal)
        with open(log) as file:
            told = file.read()
        wanted = {Equal: (0, 0), Alike: (1, 4), Goes: (1, 0)}[type(outcome)]
        if (theirs, ours) != wanted:
            raise Difference("Alembic %d, headgate %d, not %d and %d\n%s\n%s" % (theirs, ours, *wanted, told, self.said))
        words = getattr(outcome, "words", "")
        if not re.search(words, told) or (wanted[1] and not re.search(words, self.said)):
            raise Difference("it says something else than %r\n%s\n%s" % (words, told, self.said))
        self.check(outcome.checks)
        if not isinstance(outcome, Goes) and self.differ():
            raise Difference(self.differ())
        return None

    def case(self, goals, outcome):
        self.copy(*([B] if isinstance(outcome, Refused) else [A, B]))
        for goal in goals[:-1]:
            self.expect(Equal({}), goal)
        if goals == ["t18"]:
            return self.pinned(outcome)
        return self.expect(outcome, goals[-1])

    def pinned(self, outcome):
        """What Alembic does is another value each time; from one bundle it is the same in every database."""
        values = set()
        for name in (A, B):
            code = subprocess.run([self.headgate + "/headgate", "apply", "--bundle", "headgate.bundle", "t18", "--format",
                                   "json"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env=dict(os.environ, DATABASE_URL=self.address(name, self.driver)))
            if code.returncode or "HG262" not in code.stdout:
                raise Difference("not applied, or not said to be pinned\n" + code.stdout)
        self.check(outcome.checks)
        if self.differ():
            raise Difference(self.differ())
        values.add(self.value(ROW % 18))
        self.run_headgate("bundle", "-q", "--no-verify", "-o", "headgate.bundle")
        self.copy(B)
        self.apply("t18")
        values.add(self.value(ROW % 18))
        if len(values) != 2:
            raise Difference("two builds have the same value")


def main():
    tools, wrong = sys.argv[1:3], 0
    missing = {"T%d" % n for n in range(1, 23)} - {name.split()[0] for name in CASES}
    unused = set(REVISIONS) - {goal for goals, _ in CASES.values() for goal in goals} - {"t19a", "t20a"}
    if missing or unused:
        sys.exit("not tested: %s" % sorted(missing | unused))
    with psycopg.connect(tools[1], autocommit=True) as admin, tempfile.TemporaryDirectory(prefix="hgt-") as top:
        for name in (A, B):
            admin.execute("CREATE DATABASE %s" % name)
        projects = [Project(tools, top + "/one", "psycopg", ""),
                    Project(tools, top + "/each", "psycopg2",
                            ', transaction_per_migration=True, dialect_opts={"paramstyle": "pyformat"}')]
        for way, project in enumerate(projects):
            project.begin()
            for name, (goals, ends) in CASES.items():
                if way not in ends:
                    continue
                try:
                    project.case(goals, ends[way])
                    print("ok %s: %s with %s" % (name, type(ends[way]).__name__.lower(), project.driver), flush=True)
                except Difference as error:
                    wrong += 1
                    print("not ok %s, %s:\n%s" % (name, project.driver, error), flush=True)
        for name in (A, B):
            admin.execute("DROP DATABASE %s WITH (FORCE)" % name)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
