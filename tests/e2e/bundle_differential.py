# SPDX-License-Identifier: Apache-2.0
"""Generated histories, applied by the real Alembic to one database and from a bundle to another.

    python bundle_differential.py HEADGATE URL [SEED [CASES]]         CASES: how many, or FROM:TO

URL is a PostgreSQL on whose server two databases may be made. For each history: `alembic upgrade` (in a process
of its own) beside `headgate bundle` and `headgate apply --bundle`; then, where that went, `alembic
downgrade` beside `headgate rollback --bundle`. Both must succeed or fail together and leave the same
schema, data and version rows (pg_dump); or headgate refuses before its first statement, with nothing
left behind. Prints what differs, with the seed that makes it again.
"""
import collections
import difflib
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings

import alembic.command
import alembic.config
import psycopg
import psycopg2  # noqa: F401  loaded before the forks
import sqlalchemy.dialects.postgresql  # noqa: F401

warnings.simplefilter("ignore")

A, B = "diff_a_%d" % os.getpid(), "diff_b_%d" % os.getpid()

TEXTS = ["plain", "it's", 'say "hi"', "a\\b", "tab\there", "50% of %s", "100%%", "new\nline", "a:name", "12:30",
         "ünïcödé ✓", "$$dollar$$", "; -- no comment", "/* nor this */", "", " ", "C:\\new\\table", "{\"a\": 1}"]

ENV = '''
import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"]
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=None%s)
    with context.begin_transaction():
        context.run_migrations()
'''


# ---- histories ----------------------------------------------------------------------------------


class Revision:
    def __init__(self, number, down, deps):
        self.number, self.id = number, "%04x" % (0xa000 + number * 7)
        self.down, self.deps = down, deps
        self.up, self.back = [], []
        self.table = "t%d" % number
        self.tables, self.enums = [], []

    def lineage(self):
        seen, todo = {}, list(self.down + self.deps)
        while todo:
            other = todo.pop()
            if other.number not in seen:
                seen[other.number] = other
                todo += other.down + other.deps
        return [seen[n] for n in sorted(seen)]


def graph(rnd):
    revisions = []
    for number in range(rnd.randrange(3, 13)):
        tips = [r for r in revisions if not any(r in o.down for o in revisions)]
        shape = rnd.random()
        if not revisions or shape < 0.06:
            down = []
        elif shape < 0.2 and len(tips) > 1:
            down = rnd.sample(tips, 2)
        elif shape < 0.4:
            down = [rnd.choice(revisions)]
        else:
            down = [rnd.choice(tips)]
        revision = Revision(number, down, [])
        others = [r for r in revisions if r not in down and r not in revision.lineage()]
        if others and rnd.random() < 0.12:
            revision.deps = [rnd.choice(others)]
        revisions.append(revision)
    return revisions


def some(rnd):
    return rnd.choice(TEXTS)


class Writer:
    """One revision's body: lines of Python, up and down."""

    def __init__(self, rnd, revision, modes):
        self.rnd, self.r, self.modes = rnd, revision, modes
        before = revision.lineage()
        self.seen = [t for other in before for t in other.tables]
        self.seen_enums = [e for other in before for e in other.enums]
        self.names = 0

    def name(self, kind):
        self.names += 1
        return "%s_%d_%d" % (kind, self.r.number, self.names)

    def execute(self, *statements):
        """One text of several, or one each."""
        for sql in statements if self.rnd.random() < 0.3 else ["; ".join(statements)]:
            self.r.up.append("op.execute(%r)" % sql)

    def any_table(self):
        return self.rnd.choice(self.seen + self.r.tables)

    def back(self, line):
        self.r.back.insert(0, line)

    def create(self):
        rnd, name = self.rnd, self.r.table if self.r.table not in self.r.tables else self.name("t")
        columns = ['sa.Column("id", sa.Integer, %sprimary_key=True)'
                   % rnd.choice(["", "sa.Identity(), ", "sa.Identity(always=False, start=10), "]),
                   'sa.Column("name", sa.String(80), server_default=%r)' % some(rnd),
                   'sa.Column("n", sa.Numeric(10, 3), comment=%r)' % some(rnd)]
        if rnd.random() < 0.3:
            columns.append('sa.Column("twice", sa.Numeric, sa.Computed("n * 2"%s))'
                           % (", persisted=True" if rnd.random() < 0.997 else ""))
        if rnd.random() < 0.3:
            columns.append('sa.Column("at", sa.DateTime(timezone=True))')
        if self.seen and rnd.random() < 0.4:
            columns.append('sa.Column("other", sa.Integer, sa.ForeignKey("%s.id", deferrable=True, '
                           'initially="DEFERRED"))' % rnd.choice(self.seen))
        if rnd.random() < 0.3:
            columns.append('sa.CheckConstraint("n IS NULL OR n %% 1000 <> 999", name="%s")' % self.name("ck"))
        self.r.tables.append(name)
        self.r.up.append('op.create_table("%s", %s, comment=%r)' % (name, ", ".join(columns), some(rnd)))
        self.back('op.execute("DROP TABLE %s CASCADE")' % name)

    def enum(self):
        name = self.name("e")
        self.r.up.append('op.create_table("%s_of", sa.Column("id", sa.Integer), sa.Column("v", sa.Enum("a", '
                         '"b%%", "it\'s", name="%s")))' % (name, name))
        self.back('op.drop_table("%s_of"); op.execute("DROP TYPE %s")' % (name, name))
        self.r.enums.append(name)

    def enum_value(self):
        if not self.seen_enums + self.r.enums:
            return self.enum()
        name, value = self.rnd.choice(self.seen_enums + self.r.enums), self.name("v")
        add = 'op.execute("ALTER TYPE %s ADD VALUE IF NOT EXISTS \'%s\'")' % (name, value)
        block = self.rnd.random() < 0.7
        if block:
            add = "with op.get_context().autocommit_block():\n    " + add
        self.r.up.append(add)
        if self.rnd.random() < (0.7 if block else 0.02):  # the latter fails, alike
            self.r.up.append('op.execute("INSERT INTO %s_of (v) VALUES (\'%s\')")' % (name, value))

    def columns(self):
        rnd, table, column = self.rnd, self.any_table(), self.name("c")
        kind = rnd.choice(["sa.Text", "sa.Boolean", "sa.Integer", "pg.JSONB", "pg.ARRAY(sa.Text)", "pg.UUID"])
        default = {"sa.Text": ", server_default=%r" % some(rnd),
                   "sa.Boolean": ", nullable=False, server_default=sa.text(\"false\")",
                   "pg.JSONB": ", server_default=sa.text(\"'{}'::jsonb\")"}.get(kind, "")
        add = 'op.add_column("%s", sa.Column("%s", %s%s))' % (table, column, kind, default)
        if rnd.random() < 0.2:
            add = 'with op.batch_alter_table("%s") as batch:\n    batch.%s' % (
                table, add.replace('op.add_column("%s", ' % table, "add_column("))
        self.r.up.append(add)
        self.back('op.drop_column("%s", "%s")' % (table, column))
        if kind == "sa.Text" and rnd.random() < 0.5:
            self.r.up.append('op.alter_column("%s", "%s", server_default=None)' % (table, column))
            self.r.up.append('op.alter_column("%s", "%s", type_=sa.Integer, '
                             'postgresql_using="length(%s)")' % (table, column, column))

    def index(self):
        table, index = self.any_table(), self.name("ix")
        what = self.rnd.choice(['["name"]', '[sa.text("lower(name)")]', '["n"], unique=False, '
                                'postgresql_where=sa.text("name LIKE \'50%%\'")', '["n", sa.text("id DESC")]'])
        self.r.up.append('op.create_index("%s", "%s", %s)' % (index, table, what))
        self.back('op.execute("DROP INDEX IF EXISTS %s")' % index)

    def concurrently(self):
        table, index = self.any_table(), self.name("cix")
        line = 'op.execute("CREATE INDEX CONCURRENTLY %s ON %s (n)")' % (index, table)
        if self.rnd.random() < 0.5:
            line = 'op.create_index("%s", "%s", ["n"], postgresql_concurrently=True)' % (index, table)
        if self.rnd.random() < 0.98:
            line = "with op.get_context().autocommit_block():\n    " + line
        self.r.up.append(line)
        self.back('op.execute("DROP INDEX IF EXISTS %s")' % index)

    def bulk(self):
        rows = [{"id": 100 * self.r.number + 10 * self.names + k, "name": some(self.rnd),
                 "n": self.rnd.choice([None, k, -k, k * 10])} for k in range(self.rnd.randrange(1, 4))]
        self.names += 1
        self.r.up.append('op.bulk_insert(sa.table("%s", sa.column("id", sa.Integer), sa.column("name", sa.String), '
                         'sa.column("n", sa.Numeric)), %r)' % (self.any_table(), rows))

    def raw(self):
        table, rnd = self.any_table(), self.rnd
        text = some(rnd).replace("'", "''").replace(":", "\\:")
        sql = rnd.choice([
            "UPDATE {t} SET name = '{v}', n = n + 1 WHERE n > 0",
            "UPDATE {t} SET name = 'x' || name WHERE name LIKE '50%' OR n::text = '1'",
            "INSERT INTO {t} (id, name) VALUES ({i}, '{v}')\0UPDATE {t} SET n = 5 WHERE id = {i}",
            "DELETE FROM {t} WHERE n < 0;",
            "INSERT INTO {t} (id, name) SELECT max(id) + 1, '{v}' FROM {t} HAVING max(id) IS NOT NULL -- note",
            "DO $q$ BEGIN UPDATE {t} SET n = 7 WHERE name = '{v}'; END $q$",
            "SELECT setval(pg_get_serial_sequence('{t}', 'id'), 500) WHERE pg_get_serial_sequence('{t}', 'id') IS NOT NULL",
            "COMMENT ON COLUMN {t}.name IS '{v}'",
        ]).format(t=table, v=text, i=5000 + 100 * self.r.number + self.names)
        self.names += 1
        self.execute(*sql.split("\0"))

    def function(self):
        name = self.name("f")
        self.execute("CREATE FUNCTION %s(a int) RETURNS int LANGUAGE plpgsql AS $body$\nBEGIN\n\tRETURN a %% 7; "
                     "-- it's\nEND;\n$body$" % name, "CREATE VIEW v_%s AS SELECT %s(12) AS x" % (name, name))
        self.back('op.execute("DROP VIEW v_%s; DROP FUNCTION %s(int)")' % (name, name))

    def values(self):
        table = self.any_table()
        self.r.up.append(self.rnd.choice([
            'op.get_bind().execute(sa.text("UPDATE %s SET name = :v WHERE n = :n"), {"v": %r, "n": %d})'
            % (table, some(self.rnd), self.rnd.randrange(5)),
            'op.execute(sa.text("UPDATE %s SET name = :v").bindparams(v=%r))' % (table, some(self.rnd)),
            'op.execute(sa.update(sa.table("%s", sa.column("name", sa.String), sa.column("n", sa.Numeric)))'
            '.where(sa.column("n", sa.Numeric) > 1).values(name=%r))' % (table, some(self.rnd)),
        ]))

    def odd(self):
        self.r.up.append(self.rnd.choice([
            'print("said by a migration")',
            'op.create_unique_constraint("%s", "%s", ["name", "id"])' % (self.name("uq"), self.any_table()),
            'op.execute("SET LOCAL search_path TO public, pg_catalog")',
            'op.create_table_comment("%s", %r)' % (self.any_table(), some(self.rnd)),
            'op.execute("LOCK TABLE %s")' % self.any_table(),
        ]))

    def typed(self):
        """A table of most types, with rows that are written as literals."""
        rnd, name = self.rnd, self.name("ty")
        columns = {"d": ("sa.Date", "datetime.date(2024, 2, 29)"),
                   "at": ("sa.DateTime(timezone=True)",
                          "datetime.datetime(2024, 1, 2, 3, 4, 5, 678, datetime.timezone.utc)"),
                   "u": ("sa.Uuid", "uuid.UUID(int=%d)" % rnd.randrange(2 ** 100)),
                   "m": ("sa.Numeric(20, 6)", "decimal.Decimal('-%d.000001')" % rnd.randrange(10 ** 9)),
                   "f": ("sa.Float", "%r" % (rnd.random() * 10 ** rnd.randrange(-3, 12))),
                   "b": ("sa.Boolean", rnd.choice(["True", "False", "None"])),
                   "big": ("sa.BigInteger", str(rnd.randrange(-2 ** 62, 2 ** 62))),
                   "words": ("pg.ARRAY(sa.Text)", "[%r, %r]" % (some(rnd), some(rnd))),
                   "e": ("sa.Enum('a', \"it's\", name='%s_e')" % name, '"it\'s"'),
                   "w": ("sa.String", repr(some(rnd)))}
        chosen = rnd.sample(sorted(columns), rnd.randrange(2, 7))
        self.r.up.append("table = op.create_table('%s', %s)\nop.bulk_insert(table, [{%s}])" % (
            name, ", ".join("sa.Column('%s', %s)" % (c, columns[c][0]) for c in chosen),
            ", ".join("'%s': %s" % (c, columns[c][1]) for c in chosen)))
        self.back("op.drop_table('%s')%s" % (name, "; op.execute('DROP TYPE %s_e')" % name if "e" in chosen else ""))

    def trigger(self):
        table, name = self.any_table(), self.name("tr")
        self.execute(
            "CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN\n\tIF NEW.name IS NULL THEN NEW.name %s "
            "'by me; 100%%'; END IF;\n\tRETURN NEW; END$$" % (name, self.rnd.choice([":=", "\\:=", "="])),
            "CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION %s()" % (name, table, name))
        self.back('op.execute("DROP FUNCTION %s() CASCADE")' % name)

    def schema(self):
        name = self.name("s")
        self.r.up.append('op.execute("CREATE SCHEMA %s")\n'
                         'op.create_table("inner", sa.Column("id", sa.BigInteger, primary_key=True), '
                         'sa.Column("v", pg.JSONB, server_default=sa.text("\'{\\"a\\": 1}\'")), schema="%s")\n'
                         'op.execute("INSERT INTO %s.inner SELECT g FROM generate_series(1, 3) g")'
                         % (name, name, name))
        self.back('op.execute("DROP SCHEMA %s CASCADE")' % name)

    def block(self):
        """Several statements outside of a transaction, between rows of two."""
        table, index = self.any_table(), self.name("bix")
        self.bulk()
        self.r.up.append('with op.get_context().autocommit_block():\n'
                         '    op.create_index("%s", "%s", ["name"], postgresql_concurrently=True)\n'
                         '    op.execute("VACUUM %s")\n'
                         '    op.execute("UPDATE %s SET n = 4 WHERE n = 3")' % (index, table, table, table))
        self.back('op.execute("DROP INDEX IF EXISTS %s")' % index)
        self.raw()

    def own_commit(self):
        self.r.up.append('op.execute("COMMIT")')
        if self.rnd.random() < 0.3:
            self.r.up.append('op.execute("BEGIN")')

    def fails(self):
        self.r.up.append(self.rnd.choice(['op.execute("SELECT 1/0")', 'op.execute("INSERT INTO nosuch VALUES (1)")',
                                          'op.execute("SELECT 1; SELECT nosuch")']))

    def python(self):
        self.r.up.append('assert op.get_bind().execute(sa.text("SELECT count(*) FROM %s")).scalar() >= 0'
                         % self.any_table())

    def write(self):
        if self.rnd.random() < 0.08 and self.seen:
            return  # an empty one
        if not self.seen or self.rnd.random() < 0.6:
            self.create()
        usual = [self.bulk, self.bulk, self.raw, self.raw, self.columns, self.index, self.values, self.enum, self.odd,
                 self.function, self.create, self.enum_value, self.typed, self.trigger, self.schema]
        for _ in range(self.rnd.randrange(0, 5)):
            self.rnd.choice(usual)()
        for chance, what in ((0.12, self.concurrently), (0.08, self.block), (0.02, self.own_commit),
                             (0.006, self.fails), (0.003, self.python)):
            if self.rnd.random() < chance:
                what()
                self.rnd.choice(usual)()


def written(value):
    ids = [r.id for r in value]
    return "None" if not ids else repr(ids[0]) if len(ids) == 1 else repr(tuple(ids))


def body(lines):
    return "".join("    %s\n" % line.replace("\n", "\n    ") for line in lines or ["pass"])


def write_settings(folder, options):
    """All of a project but its revisions; `options` are more arguments of context.configure()."""
    os.makedirs(folder + "/m/versions")
    with open(folder + "/alembic.ini", "w") as file:
        file.write("[alembic]\nscript_location = %(here)s/m\n")
    with open(folder + "/headgate.yaml", "w") as file:
        file.write("version: 1\nmigrator: { kind: alembic, upgrade_to: heads }\ntargets:\n"
                   "  local: { environment: [ process ], ledger: off }\n")
    with open(folder + "/m/env.py", "w") as file:
        file.write(ENV % options)


def write_project(rnd, folder):
    modes = {"transaction_per_migration": rnd.random() < 0.5, "transactional_ddl": rnd.random() < 0.85,
             "driver": rnd.choice(["psycopg", "psycopg2"]), "table": rnd.random() < 0.15,
             "paramstyle": rnd.choice(["", "", "named", "pyformat"])}
    options = ""
    if modes["transaction_per_migration"]:
        options += ", transaction_per_migration=True"
    if not modes["transactional_ddl"]:
        options += ", transactional_ddl=False"
    if modes["table"]:
        options += ', version_table="My versions", version_table_schema="public"'
    if modes["paramstyle"]:
        options += ', dialect_opts={"paramstyle": "%s"}' % modes["paramstyle"]
    write_settings(folder, options)
    revisions = graph(rnd)
    for r in revisions:
        Writer(rnd, r, modes).write()
        with open("%s/m/versions/%02d_%s.py" % (folder, r.number, r.id), "w") as file:
            file.write('"""%d"""\nimport datetime\nimport decimal\nimport uuid\n\n'
                       "from alembic import op\nimport sqlalchemy as sa\n"
                       "from sqlalchemy.dialects import postgresql as pg\n\nrevision = %r\ndown_revision = %s\n"
                       "depends_on = %s\n\n\ndef upgrade():\n%s\n\ndef downgrade():\n%s"
                       % (r.number, r.id, written(r.down), written(r.deps), body(r.up), body(r.back)))
    return modes, revisions


# ---- both sides ---------------------------------------------------------------------------------


def in_child(function, log):
    """0 or 1: did it go; what it prints goes to a file."""
    pid = os.fork()
    if pid:
        return 0 if os.waitpid(pid, 0)[1] == 0 else 1
    code = 1
    try:
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        logging.disable(logging.CRITICAL)
        function()
        code = 0
    except BaseException as error:
        print("%s: %s" % (type(error).__name__, error), flush=True)
    finally:
        os._exit(code)


class Pair:
    """A project, a database of Alembic's and one of headgate's. Also for bundle_cases.py."""

    def __init__(self, tools, folder, driver):
        self.headgate, self.url, self.folder, self.driver = *tools, folder, driver
        self.said = ""

    def address(self, name, driver=None):
        scheme = "postgresql+" + driver if driver else "postgresql"
        return re.sub(r"^\w+(\+\w+)?://(.*)/[^/]*$", r"%s://\2/%s" % (scheme, name), self.url)

    def alembic(self, verb, goal):
        os.environ["DATABASE_URL"] = self.address(A, self.driver)
        config = alembic.config.Config(self.folder + "/alembic.ini")
        return in_child(lambda: getattr(alembic.command, verb)(config, goal), self.folder + "/alembic.log")

    def run_headgate(self, *words):
        env = dict(os.environ, DATABASE_URL=self.address(B, self.driver))
        done = subprocess.run([self.headgate + "/headgate", *words], cwd=self.folder, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = done.stdout
        return done.returncode

    def clear(self, *names):
        for name in names:
            with psycopg.connect(self.address(name), autocommit=True) as connection:
                for (schema,) in connection.execute(
                        "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"):
                    connection.execute("DROP SCHEMA %s CASCADE" % schema)
                connection.execute("CREATE SCHEMA public")

    def dump(self, name):
        text = subprocess.run(["pg_dump", "--no-owner", "--no-privileges", "-d", self.address(name)], check=True,
                              text=True, stdout=subprocess.PIPE).stdout
        out, rows = [], None
        for line in text.splitlines():
            if line.startswith(("\\restrict", "\\unrestrict")):
                continue
            if rows is not None:
                rows.append(line)
                if line == "\\.":
                    out += sorted(rows[:-1]) + [line]
                    rows = None
                continue
            out.append(line)
            if line.startswith("COPY "):
                rows = []
        return out

    def differ(self):
        a, b = self.dump(A), self.dump(B)
        return "\n".join(list(difflib.unified_diff(a, b, "alembic", "bundle", lineterm="", n=2))[:60])


class Case(Pair):
    def __init__(self, tools, number, rnd, folder):
        self.modes, self.revisions = write_project(rnd, folder)
        super().__init__(tools, folder, self.modes["driver"])
        self.number, self.rnd, self.why = number, rnd, None

    def step(self, what, theirs, ours):
        """None when both did the same and it went; "failed" when both failed alike; else raises."""
        if ours not in (0, 4) or bool(theirs) != bool(ours):
            with open(self.folder + "/alembic.log") as file:
                raise Difference("%s: Alembic %s, headgate %d\n%s\n-- Alembic: %s"
                                 % (what, "fails" if theirs else "goes", ours, self.said, file.read()[-1500:]))
        found = self.differ()
        if found:
            raise Difference("%s (%s): databases differ\n%s\n%s"
                             % (what, "both failed" if theirs else "both went", found, self.said))
        if theirs:
            self.why = self.reason()
        return "failed alike" if theirs else None

    def reason(self):
        """The server's or headgate's own words, without names."""
        found = re.search(r"(?:needs Python: |statement \d+ of \d+: |error HG\d+ +|headgate: error: )(.*)", self.said)
        return re.sub(r"\b(\w+_)?\w*\d\w*|\"[^\"]*\"|'[^']*'", "…", found.group(1))[:90] if found else self.said[-200:]

    def needs_python(self):
        """Code of each revision that cannot be upgraded without Python. None may be there that only the trial
        found (HG258): what was rendered would have been wrong."""
        shown = subprocess.run([self.headgate + "/headgate-bundle", "show", "headgate.bundle", "--format", "json"],
                               cwd=self.folder, check=True, text=True, stdout=subprocess.PIPE).stdout
        codes = {(r["revision"], way): r[way]["code"] for r in json.loads(shown)["revisions"]
                 for way in ("up", "down") if r[way]["class"] == "needs-python"}
        if "differs" in codes.values():
            raise Difference("tried, a revision does something else: %s\n%s" % (codes, self.said))
        return {revision: code for (revision, way), code in codes.items() if way == "up"}

    def run(self):
        """How it ended. One in ten is also tried in a private PostgreSQL when the bundle is built."""
        self.clear(A, B)
        if self.run_headgate("bundle", "-o", "headgate.bundle", "--verify" if self.number % 10 == 9 else "--no-verify"):
            raise Difference("headgate bundle\n" + self.said)
        python = self.needs_python()
        goals = ["heads"]
        if self.rnd.random() < 0.4:
            goals.insert(0, self.rnd.choice(self.revisions).id)
        for goal in goals:
            before = self.dump(B)
            ours = self.run_headgate("apply", "--bundle", "headgate.bundle", goal)
            if python and ours == 1 and "HG260" in self.said:
                if self.dump(B) != before:
                    raise Difference("refused, but something changed\n" + self.said)
                self.why = self.reason()
                return "refused"
            if ours == 1 and "Alembic would fail here too" in self.said:
                if self.dump(B) != before or not self.alembic("upgrade", goal):
                    raise Difference("refused, but something changed, or Alembic goes\n" + self.said)
                self.why = self.reason()
                return "refused"
            outcome = self.step("upgrade " + goal, self.alembic("upgrade", goal), ours)
            if outcome:
                return outcome
        return self.down()

    def down(self):
        bases = [r for r in self.revisions if not r.down and not r.deps]
        goal = "base" if self.rnd.random() < 0.5 or len(bases) > 1 else bases[0].id
        before = self.dump(B)
        ours = self.run_headgate("rollback", "--bundle", "headgate.bundle", "--allow-empty-downgrade",
                                 *(["--to-base"] if goal == "base" else [goal]))
        if ours == 1:
            if self.dump(B) != before:
                raise Difference("the way down is refused, but something changed\n" + self.said)
            self.why = self.reason()
            return "up, and the way down refused"
        if self.step("downgrade " + goal, self.alembic("downgrade", goal), ours):
            return "up, and the way down failed alike"
        return "up and down"


class Difference(Exception):
    pass


def main():
    headgate, url = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3] else random.SystemRandom().randrange(10 ** 9)
    first, _, end = (sys.argv[4] if len(sys.argv) > 4 else "300").rpartition(":")
    cases = range(int(first or 0), int(end))
    print("# seed %d, %d histories" % (seed, len(cases)), flush=True)
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (A, B):
            connection.execute("CREATE DATABASE %s" % name)
    counted, reasons, wrong, revisions = collections.Counter(), collections.Counter(), 0, 0
    for number in cases:
        rnd = random.Random("%d/%d" % (seed, number))
        with tempfile.TemporaryDirectory(prefix="hgt-") as top:
            case = Case((headgate, url), number, rnd, top + "/p")
            revisions += len(case.revisions)
            try:
                outcome = case.run()
                counted[outcome] += 1
                if case.why:
                    reasons[outcome + ": " + case.why] += 1
            except Difference as error:
                wrong += 1
                print("case %d of seed %d (%s):\n%s" % (number, seed, case.modes, error), flush=True)
                keep = os.environ.get("HGT_KEEP")
                if keep:
                    subprocess.run(["cp", "-R", top + "/p", "%s/case-%d-%d" % (keep, seed, number)], check=True)
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (A, B):
            connection.execute("DROP DATABASE %s WITH (FORCE)" % name)
    for reason, n in reasons.most_common():
        print("#   %d %s" % (n, reason))
    print("# %d histories of %d revisions: %s; %d differences; seed %d"
          % (len(cases), revisions, ", ".join("%d %s" % (n, what) for what, n in sorted(counted.items())), wrong, seed))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
