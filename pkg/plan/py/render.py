# SPDX-License-Identifier: Apache-2.0
"""Renders revisions as SQL, one by one, without a database and without secrets.

headgate puts one line `SPEC = json.loads(...)` before this text and gives both to the project's own
interpreter: Alembic's command line (or Flask's), the revisions in order, the rows to start from, and the
seconds this may take. env.py runs as for `alembic upgrade --sql`, with addresses that lead nowhere.

Each answer is one line of JSON: {"revision", "sql": [statement, ...]} or {"revision", "reason"}; or
{"fatal": why nothing could be rendered}. What Alembic writes under --sql is not always what it does
with a database (parameters become NULL, backslashes double, "create unless it is there" becomes
"create"): wherever that may be so the revision is refused with the reason.

Works with Alembic 1.8 and SQLAlchemy 1.4 up to the newest.
"""
import datetime
import importlib.util
import json
import os
import re
import signal
import sys

ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
if sys.path and sys.path[0] == "":
    del sys.path[0]  # as for the alembic script; prepend_sys_path says what comes first

STATE = {"revision": None, "file": None, "reason": None, "sql": [], "configured": False,
         "arguments": {}, "script": None}
OTHER_SERVERS = ("mysql", "mariadb", "sqlite", "oracle", "mssql")
STANDARD_LIBRARY = os.path.dirname(os.__file__)


def answer(**fields):
    ANSWERS.write(json.dumps(fields) + "\n")
    ANSWERS.flush()


class NeedsDatabase(BaseException):
    """Not an Exception, so that no migration takes it for an answer of the database."""


class TimeUp(BaseException):
    pass


def refuse(reason):
    if STATE["reason"] is None:
        STATE["reason"] = reason
    raise NeedsDatabase(reason)


def one_line(error):
    text = re.sub(r"(://[^:@/\s]*):[^@\s]*@", r"\1:***@", " ".join(str(error).split()))
    text = re.sub("0x[0-9a-f]+", "0x...", text)[:300]
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__


# ---- an environment that leads nowhere -----------------------------------------------------------


def placeholder_url():
    scheme = SPEC["scheme"]
    if not scheme:
        found = [m for m in ("psycopg", "asyncpg", "psycopg2", "pg8000") if importlib.util.find_spec(m)]
        scheme = "postgresql+" + found[0] if found else "postgresql"
    return scheme + "://headgate:headgate@headgate.invalid:5432/headgate"


def placeholder(name):
    if name.endswith("PORT"):
        return "5432"
    if re.search("URL|URI|DSN", name):
        return placeholder_url()
    return "headgate"


class Variables(type(os.environ)):
    """os.environ["NAME"] of a project has an answer, whatever the name; get() and `in` do not."""

    def __getitem__(self, name):
        try:
            return super().__getitem__(name)
        except KeyError:
            caller = sys._getframe(1).f_code.co_filename
            if caller.startswith(("<frozen ", STANDARD_LIBRARY)) and "-packages" not in caller:
                raise
            return placeholder(name)


def settle_environment():
    for name, shape in SPEC["names"].items():
        os.environ[name] = placeholder(name) if shape == "" else shape
    os.environ.setdefault("DATABASE_URL", placeholder_url())
    os.environ.__class__ = Variables


# ---- what a revision gets instead of a connection --------------------------------------------------


def record(text):
    if STATE["revision"] is not None and text.strip():
        STATE["sql"].append(text.strip())


class Result:
    def unknown(self, *_args, **_kwargs):
        refuse("it reads what a query returns")

    __iter__ = __next__ = __len__ = __bool__ = __getitem__ = __enter__ = unknown

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        refuse("it reads what a query returns")


def with_parameters(statement, parameters):
    from sqlalchemy.sql.dml import Insert
    from sqlalchemy.sql.elements import TextClause

    if isinstance(parameters, (list, tuple)) and len(parameters) == 1:
        parameters = parameters[0]
    if not isinstance(parameters, dict):
        refuse("it gives a statement several rows of parameters")
    if isinstance(statement, TextClause):
        return statement.bindparams(**parameters)
    if isinstance(statement, Insert):
        return statement.values(**parameters)
    refuse("it gives parameters to a statement that is no text")


def connection_class():
    from sqlalchemy import text
    from sqlalchemy.engine.mock import MockConnection

    class Connection(MockConnection):
        def __init__(self, dialect, take):
            super().__init__(dialect, take)
            self.__dict__.pop("execute", None)  # SQLAlchemy 1.4 puts it there
            self.take = take

        def in_transaction(self):
            if "alembic" in sys._getframe(1).f_globals.get("__name__", ""):
                return False  # an autocommit block asks
            refuse("it uses the connection (in_transaction)")

        def execute(self, statement, parameters=None, *more, **named):
            named.pop("execution_options", None)
            if more and not isinstance(more[0], dict):
                refuse("it gives a statement several rows of parameters")
            if isinstance(statement, str):
                statement = text(statement)
            if parameters or named:
                statement = with_parameters(statement, parameters or named)
            self.take(statement)
            return Result()

        def _run_ddl_visitor(self, visitor, element, **options):
            if options.get("checkfirst"):
                refuse("it creates or drops %s only where the database does not or does have it"
                       " (checkfirst)" % (getattr(element, "name", None) or "objects"))
            return super()._run_ddl_visitor(visitor, element, **options)

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            refuse("it uses the connection (%s)" % name)

    return Connection


# ---- statements as text ------------------------------------------------------------------------------


def check_values(compiled):
    for name, bind in (getattr(compiled, "binds", None) or {}).items():
        if bind.required:
            refuse("the parameter %s of a statement has no value" % name)
        values = bind.value if isinstance(bind.value, (list, tuple)) else [bind.value]
        if any(isinstance(value, datetime.timedelta) for value in values):
            refuse("it holds an interval, which is written otherwise when rendered")
    for kind in ("insert_prefetch", "update_prefetch"):
        for column in getattr(compiled, kind, None) or ():
            refuse("Python computes the value of column %s for each row" % column.name)


def as_text(construct, dialect):
    from sqlalchemy import exc
    from sqlalchemy.schema import DDLElement

    options = {}
    try:
        if not isinstance(construct, DDLElement):
            check_values(construct.compile(dialect=dialect))
            options = {"compile_kwargs": {"literal_binds": True}}
        return str(construct.compile(dialect=dialect, **options))
    except (exc.CompileError, NotImplementedError) as error:
        kind = re.search(r"datatype (\w+)", str(error))
        refuse("a value cannot be written as SQL text" + (" (%s)" % kind.group(1) if kind else ""))


def wrap_statements():
    from alembic.ddl.impl import DefaultImpl
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import text

    connection = connection_class()
    bulk_insert = DefaultImpl.bulk_insert

    def execute(self, construct, execution_options=None, multiparams=None, params=None):
        if multiparams or params:
            refuse("it gives a statement parameters")
        if STATE["revision"] is not None:
            record(as_text(text(construct) if isinstance(construct, str) else construct,
                           self.dialect))

    def insert_rows(self, table, rows, *args, **kwargs):
        if isinstance(rows, list) and len({tuple(sorted(row)) for row in rows}) > 1:
            refuse("the rows it inserts have different columns")
        return bulk_insert(self, table, rows, *args, **kwargs)

    def output(self, statement):
        if not statement.startswith("-- Running"):
            record(statement.rstrip().rstrip(";"))  # COMMIT and BEGIN around an autocommit block

    DefaultImpl._exec = execute
    DefaultImpl.bulk_insert = insert_rows
    DefaultImpl.static_output = output
    MigrationContext._stdout_connection = lambda self, _connection: connection(
        self.dialect, lambda construct: self.impl._exec(construct))


# ---- Alembic -------------------------------------------------------------------------------------------


def no_connections():
    """For an env.py that connects all the same: it gets what looks like a connection and is none."""
    from unittest import mock

    from sqlalchemy.engine import Engine

    def connect(engine, *_args, **_kwargs):
        connection = mock.MagicMock(name="connection")
        connection.engine = engine
        connection.dialect = engine.dialect
        connection.execution_options.return_value = connection
        connection.__enter__.return_value = connection
        connection.__exit__.return_value = False
        return connection

    for name in ("connect", "begin", "raw_connection", "contextual_connect", "_contextual_connect"):
        if hasattr(Engine, name):
            setattr(Engine, name, connect)


def server_of(options):
    from sqlalchemy.engine.url import make_url

    dialect = getattr(options.get("connection"), "dialect", None)
    if dialect is not None:
        return dialect.name
    if options.get("url"):
        return make_url(options["url"]).get_backend_name()
    return options.get("dialect_name") or "postgresql"


def wrap_environment():
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext

    configure = EnvironmentContext.configure
    run = EnvironmentContext.run_migrations
    offline = EnvironmentContext.is_offline_mode

    def configured(self, *args, **options):
        options.update(zip(("connection", "url", "dialect_name", "transactional_ddl"), args))
        if server_of(options) in OTHER_SERVERS:
            raise RuntimeError("env.py works on %s" % server_of(options))
        if STATE["configured"]:
            raise RuntimeError("env.py migrates more than once (several schemas or databases)")
        STATE["configured"] = True
        options.update(connection=None, url=None, dialect_name="postgresql", literal_binds=True,
                       dialect_opts={"paramstyle": "named"})
        configure(self, **options)
        self.get_context().dialect._backslash_escapes = False

    def run_migrations(self, **arguments):
        STATE["arguments"] = arguments
        return run(self, **arguments)

    def is_offline(self):
        if STATE["revision"] is not None:
            refuse("it does something else when it is rendered (is_offline_mode)")
        return offline(self)

    def as_sql(self):
        if STATE["file"] and sys._getframe(1).f_code.co_filename == STATE["file"]:
            refuse("it does something else when it is rendered (as_sql)")
        return self.__dict__["as_sql"]

    EnvironmentContext.configure = configured
    EnvironmentContext.run_migrations = run_migrations
    EnvironmentContext.is_offline_mode = is_offline
    MigrationContext.as_sql = property(
        as_sql, lambda self, value: self.__dict__.__setitem__("as_sql", value))


def dated_today(statements, path):
    """A date that Python made: it will be another one when the migration runs."""
    days = {str(datetime.date.today()),
            str(datetime.datetime.now(datetime.timezone.utc).date())}
    with open(path, encoding="utf-8", errors="replace") as file:
        source = file.read()
    return any(day in statement and day not in source for day in days for statement in statements)


def why_not(error):
    if type(error).__name__ == "NoInspectionAvailable":
        return "it looks into the database (inspect)"
    return "without a database it fails: " + one_line(error)


def render_one(identifier):
    script = STATE["script"].get_revision(identifier)
    STATE.update(revision=identifier, file=script.path, reason=None, sql=[])
    try:
        script.module.upgrade(**STATE["arguments"])
        if STATE["reason"] is None and dated_today(STATE["sql"], script.path):
            STATE["reason"] = "it holds today's date, which Python puts in when it runs"
    except TimeUp:
        raise
    except BaseException as error:
        STATE["reason"] = STATE["reason"] or why_not(error)
    reason, statements = STATE["reason"], STATE["sql"]
    STATE.update(revision=None, file=None)
    if reason is None:
        answer(revision=identifier, sql=statements)
    else:
        answer(revision=identifier, reason=reason)


def render_all(_heads, _context):
    for identifier in SPEC["revisions"]:
        render_one(identifier)
    answer(done=True)
    return []


def upgrade(config, revision, sql=False, tag=None):
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    STATE["script"] = ScriptDirectory.from_config(config)
    try:
        with EnvironmentContext(config, STATE["script"], fn=render_all, as_sql=True,
                                starting_rev=SPEC["rows"] or None, destination_rev=revision, tag=tag):
            STATE["script"].run_env()
    except TimeUp:
        answer(fatal="rendering took longer than %g seconds" % SPEC["seconds"])
    except BaseException as error:
        answer(fatal="env.py fails without a database: " + one_line(error))


def time_up(_signal, _frame):
    raise TimeUp()


def main():
    settle_environment()
    no_connections()
    wrap_statements()
    wrap_environment()
    from alembic import command

    upgrade.__module__ = command.__name__
    command.upgrade = upgrade
    signal.signal(signal.SIGALRM, time_up)
    signal.setitimer(signal.ITIMER_REAL, SPEC["seconds"])
    if SPEC["flask"]:
        from flask.cli import main as flask

        sys.path.insert(0, os.getcwd())
        sys.argv = ["flask"] + SPEC["argv"]
        flask()
    else:
        from alembic.config import main as alembic

        alembic(prog="alembic", argv=SPEC["argv"])


try:
    main()
except TimeUp:
    answer(fatal="rendering took longer than %g seconds" % SPEC["seconds"])
except ImportError as error:
    answer(fatal=one_line(error))
