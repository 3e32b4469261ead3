# SPDX-License-Identifier: Apache-2.0
"""Renders revisions as SQL, one by one, without a database and without secrets.

headgate puts one line `SPEC = json.loads(...)` and source.py before this text and gives all to the project's own
interpreter: Alembic's command line (or Flask's), the revisions in order, the rows to start from, and the
seconds this may take. env.py runs with addresses that lead nowhere: for a plan as for `alembic upgrade
--sql`; for a bundle first as if there were a database, because what it configures then is what counts.

Each answer is one line of JSON: {"revision", "direction", "sql": [statement, ...]} or {"revision",
"direction", "code", "reason"}; or {"fatal": why nothing could be rendered}. For a bundle also "kinds",
one for each statement, "computed" where it holds today's date, and once {"settings"}. What Alembic writes
under --sql is not always what it does with a database (parameters become NULL, backslashes double,
"create unless it is there" becomes "create"): wherever that may be so the revision is refused.

Works with Alembic 1.8 and SQLAlchemy 1.4 up to the newest.
"""
import contextlib
import datetime
import decimal
import importlib.util
import json
import os
import re
import signal
import sys
import traceback
import warnings

ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
if sys.path and sys.path[0] == "":
    del sys.path[0]  # as for the alembic script; prepend_sys_path says what comes first

STATE = {"revision": None, "file": None, "code": None, "reason": None, "sql": [], "kinds": [],
         "configured": False, "arguments": {}, "script": None, "offline": True, "driver": None,
         "guessed": False, "statements": [], "own": [], "external": False, "version_table": None,
         "readers": {}, "reached": False,
         "direction": None, "types": {}, "values": False, "in_text": 0}
PLACEHOLDER = "headgate_placeholder" if SPEC["bundle"] else "headgate"
OTHER_SERVERS = ("mysql", "mariadb", "sqlite", "oracle", "mssql")
STANDARD_LIBRARY = os.path.dirname(os.__file__)
# From there on psycopg writes what follows in another encoding than the one that a bundle is in; psycopg2 does not.
OTHER_ENCODING = re.compile(r"\bclient_encoding\b(?!\s*(?:=|\bto\b)\s*['\"]?(?:utf-?8|unicode)\b)"
                            r"|\bset\s+names\s+(?!['\"]?utf-?8\b)", re.I)
# Behind every autocommit block Alembic sets the level from before it; plain SQL would keep this one.
SESSION_ISOLATION = re.compile(r"\bsession\s+characteristics\b|\bdefault_transaction_isolation\b", re.I)
DATABASE_PACKAGES = ("alembic", "sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pg8000")


def answer(**fields):
    ANSWERS.write(json.dumps(fields) + "\n")
    ANSWERS.flush()


class NeedsDatabase(BaseException):
    """Not an Exception, so that no migration takes it for an answer of the database."""


class TimeUp(BaseException):
    pass


class Unfit(Exception):
    """Our own word about env.py, not an error of Python."""


def refuse(code, reason):
    if STATE["reason"] is None:
        STATE.update(code=code, reason=reason)
    raise NeedsDatabase(reason)


def one_line(error):
    text = re.sub(r"(://[^:@/\s]*):[^@\s]*@", r"\1:***@", " ".join(str(error).split()))
    text = re.sub("0x[0-9a-f]+", "0x...", text)[:300]
    if isinstance(error, Unfit):
        return text
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__


# ---- an environment that leads nowhere -----------------------------------------------------------


def default_driver():
    """Of SQLAlchemy for a plain postgresql://, the only shape that some settings accept."""
    from sqlalchemy.dialects import postgresql

    return postgresql.dialect.driver


def placeholder_url():
    scheme = SPEC["scheme"]
    if not scheme:
        found = [m for m in ("psycopg", "asyncpg", "psycopg2", "pg8000") if importlib.util.find_spec(m)]
        scheme = "postgresql+" + found[0] if found and found[0] != default_driver() else "postgresql"
    return "%s://%s:headgate@headgate.invalid:5432/headgate" % (scheme, PLACEHOLDER)


def placeholder(name):
    if name.endswith("PORT"):
        return "5432"
    if re.search("URL|URI|DSN", name):
        return placeholder_url()
    return PLACEHOLDER


def note_reader(name):
    """A migration must not depend on the environment that it is rendered in."""
    frame = sys._getframe(2)
    while frame and frame.f_code.co_filename.startswith(("<frozen ", STANDARD_LIBRARY)) \
            and "-packages" not in frame.f_code.co_filename:
        frame = frame.f_back
    module = (frame.f_globals.get("__name__") or "").partition(".")[0] if frame else "sqlalchemy"
    if module in DATABASE_PACKAGES:
        return
    if STATE["revision"] is not None:
        refuse("environment", "it reads the environment variable %s" % name)
    STATE["readers"].setdefault(os.path.realpath(frame.f_code.co_filename), name)


class Variables(type(os.environ)):
    """os.environ["NAME"] of a project has an answer, whatever the name; get() and `in` do not."""

    def __getitem__(self, name):
        if SPEC["bundle"]:
            note_reader(name)
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


def record(text, kind="sql"):
    if STATE["revision"] is None:
        return
    if "\0" in text:
        refuse("literal", "a statement holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        refuse("literal", "a statement holds half a character, which is no UTF-8")
    if PLACEHOLDER in text and SPEC["bundle"]:
        refuse("environment", "a statement holds a value of the environment")
    if SPEC["bundle"] and OTHER_ENCODING.search(text):
        refuse("encoding", "it changes client_encoding, or asks for it")
    if SPEC["bundle"] and SESSION_ISOLATION.search(text):
        refuse("isolation", "it changes the isolation level of the session, or asks for it")
    STATE["sql"].append(text)
    STATE["kinds"].append(kind)


class Result:
    def unknown(self, *_args, **_kwargs):
        refuse("query", "it reads what a query returns")

    __iter__ = __next__ = __len__ = __bool__ = __getitem__ = __enter__ = unknown

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        refuse("query", "it reads what a query returns")


def with_parameters(statement, parameters):
    from sqlalchemy.sql.dml import Insert
    from sqlalchemy.sql.elements import TextClause

    if isinstance(parameters, (list, tuple)) and len(parameters) == 1:
        parameters = parameters[0]
    if not isinstance(parameters, dict):
        refuse("parameters", "it gives a statement several rows of parameters")
    if isinstance(statement, TextClause):
        return statement.bindparams(**parameters)
    if isinstance(statement, Insert):
        return statement.values(**parameters)
    refuse("parameters", "it gives parameters to a statement that is no text")


def made_before(element):
    """Does a table bring this type with it that one of an earlier revision brought? In one run Alembic then creates
    it only once; where the earlier revision ran long ago, or the type was dropped since, it is created."""
    frame = sys._getframe(2)
    while frame and frame.f_code.co_name in ("create", "_run_ddl_visitor"):
        frame = frame.f_back
    if STATE["direction"] != "up" or not frame or frame.f_code.co_name != "_on_table_create":
        return False
    name = (getattr(element, "schema", None), element.name)
    return STATE["types"].setdefault(name, STATE["revision"]) != STATE["revision"]


def enum_text(visitor, element, dialect):
    """CREATE TYPE and DROP TYPE behind the question whether it is there; else None."""
    from sqlalchemy.dialects import postgresql

    if not SPEC["bundle"] or not isinstance(element, postgresql.ENUM):
        return None
    creates = "Generator" in visitor.__name__
    kind = postgresql.CreateEnumType if creates else postgresql.DropEnumType
    statement = str(kind(element).compile(dialect=dialect)).strip()

    def quoted(value):
        return "'" + value.replace("'", "''") + "'"

    where = ("n.nspname = " + quoted(element.schema) if element.schema
             else "pg_catalog.pg_type_is_visible(t.oid)")
    tag = "$headgate$"
    while tag in statement:
        tag = "$headgate_" + tag[1:]
    return ("DO %s BEGIN\nIF %sEXISTS (SELECT 1 FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
            " ON n.oid = t.typnamespace\n    WHERE t.typname = %s AND %s)\nTHEN %s; END IF;\nEND %s"
            % (tag, "NOT " if creates else "", quoted(element.name), where, statement, tag))


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
                return False  # an autocommit block asks, or a batch
            refuse("connection", "it uses the connection (in_transaction)")

        def begin(self):
            if "alembic" in sys._getframe(1).f_globals.get("__name__", ""):
                return contextlib.nullcontext()  # a batch makes sure of a transaction
            refuse("connection", "it uses the connection (begin)")

        def exec_driver_sql(self, statement, *more, **named):
            if more or named or "%" in statement:
                refuse("connection", "it uses the connection (exec_driver_sql)")
            record(statement)
            return Result()

        def execute(self, statement, parameters=None, *more, **named):
            named.pop("execution_options", None)
            if more and not isinstance(more[0], dict):
                refuse("parameters", "it gives a statement several rows of parameters")
            if isinstance(statement, str):
                statement = text(statement)
            if parameters or named:
                statement = with_parameters(statement, parameters or named)
            self.take(statement)
            return Result()

        def _run_ddl_visitor(self, visitor, element, **options):
            if STATE["revision"] is None:  # env.py's own; the version table is made without it
                if getattr(element, "name", None) != STATE["version_table"]:
                    note_statement("%s %s" % (visitor.__name__, getattr(element, "name", None) or "objects"))
                return None
            asks = options.get("checkfirst") or made_before(element)
            guarded = asks and enum_text(visitor, element, self.dialect)
            if guarded:
                return record(guarded)
            if options.get("checkfirst"):
                refuse("checkfirst", "it creates or drops %s only where the database does not or does have it"
                       " (checkfirst)" % (getattr(element, "name", None) or "objects"))
            return super()._run_ddl_visitor(visitor, element, **options)

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            if name == "_sa_instance_state":
                refuse("inspector", "it looks into the database (inspect)")
            refuse("connection", "it uses the connection (%s)" % name)

    return Connection


# ---- statements as text ------------------------------------------------------------------------------


def check_literal(value):
    """What SQLAlchemy writes as text that is not the same value."""
    if isinstance(value, datetime.timedelta):
        refuse("literal", "it holds an interval, which is written otherwise when rendered")
    if isinstance(value, (bytes, bytearray, memoryview)):
        refuse("literal", "it holds bytes, which are written as text when rendered")
    if isinstance(value, (float, decimal.Decimal)) and not decimal.Decimal(value).is_finite():
        refuse("literal", "it holds a value that is no number in SQL (%s)" % value)
    if isinstance(value, (list, tuple, set)):
        for item in value:
            check_literal(item)


def sql_type_of(value):
    if isinstance(value, datetime.datetime):
        return "timestamptz" if value.tzinfo else "timestamp"
    if isinstance(value, datetime.time):
        return "timetz" if value.tzinfo else "time"
    return "date"


def float_text(value, text, kind):
    """psycopg2 writes the digits, which are a numeric. The others send a double, which arithmetic and text know from
    a numeric, and which a numeric column takes 15 digits of."""
    from sqlalchemy.types import Float, Numeric

    numeric = isinstance(kind, Numeric) and not isinstance(kind, Float)
    if STATE["driver"] == "psycopg2":
        return text
    if STATE["driver"] == "asyncpg" and STATE["in_text"]:
        refuse("literal", "it gives a float to a text, of which asyncpg makes what the text wants")
    if STATE["driver"] == "asyncpg" and numeric:
        return format(decimal.Decimal(value), "f")
    return "'%s'::float8" % text + ("::numeric" if numeric and STATE["driver"] == "pg8000" else "")


def as_sent(compiler, value, kind, text):
    """What SQLAlchemy writes for a value, made what the driver's parameter is to the server: of the value's own type,
    one operand, and the same whatever standard_conforming_strings says."""
    from sqlalchemy.sql.compiler import BIND_PARAMS_ESC
    from sqlalchemy.types import Integer

    if isinstance(value, (float, decimal.Decimal)) and isinstance(kind, Integer) and value != int(value):
        refuse("literal", "it gives a number with a fraction to a column of whole numbers")
    if isinstance(value, float) and text in (str(value), repr(value)):
        text = float_text(value, text, kind)
    elif isinstance(value, (datetime.date, datetime.time)) \
            and text.replace("T", " ") == "'%s'" % value.isoformat().replace("T", " "):
        text += "::" + sql_type_of(value)
    elif isinstance(value, (list, tuple)) and text.startswith("ARRAY["):
        types = getattr(compiler.dialect, "type_compiler_instance", None) or compiler.dialect.type_compiler
        text += "::" + types.process(kind)
    elif isinstance(value, str) and text.startswith("'") and "\\" in text:
        text = "E" + text.replace("\\", "\\\\")
    if text.startswith("-"):
        text = "(%s)" % text
    # Of the whole text \\: becomes : in the end.
    return BIND_PARAMS_ESC.sub(r"\\\g<0>", text) if STATE["in_text"] else text


def check_values(compiled):
    for name, bind in (getattr(compiled, "binds", None) or {}).items():
        if bind.required:
            refuse("parameters", "the parameter %s of a statement has no value" % name)
    for kind in ("insert_prefetch", "update_prefetch"):
        for column in getattr(compiled, kind, None) or ():
            refuse("default", "Python computes the value of column %s for each row" % column.name)


# What SQLAlchemy's dialect asks the server's version for, and writes otherwise for PostgreSQL 13 to 17.
BY_VERSION = ("supports_virtual_generated_columns", "_supports_jsonb_subscripting")


def as_text(construct, dialect):
    from sqlalchemy.sql.elements import TextClause

    text = text_for(construct, dialect)
    if SPEC["bundle"] and not isinstance(construct, TextClause):
        check_versions(construct, dialect, text)
    return text


def check_versions(construct, dialect, text):
    """A bundle does not know on which server it will be applied."""
    from sqlalchemy import exc

    before = {name: getattr(dialect, name) for name in BY_VERSION if hasattr(dialect, name)}
    for supported in (False, True):
        for name in before:
            setattr(dialect, name, supported)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                same = text_for(construct, dialect, exc.CompileError) == text
        except exc.CompileError:
            same = False
        finally:
            for name, value in before.items():
                setattr(dialect, name, value)
        if not same:
            refuse("server", "its SQL depends on the version of the server (of a computed column say "
                             "persisted=True)")


def text_for(construct, dialect, let_through=()):
    from sqlalchemy import exc
    from sqlalchemy.schema import DDLElement

    options = {}
    try:
        if not isinstance(construct, DDLElement):
            check_values(construct.compile(dialect=dialect))
            STATE["values"] = SPEC["bundle"]
            options = {"compile_kwargs": {"literal_binds": True}}
        text = str(construct.compile(dialect=dialect, **options))
        return text.strip() if isinstance(construct, DDLElement) else text
    except let_through:
        raise
    except (exc.CompileError, NotImplementedError) as error:
        if "it has no name" in str(error):
            refuse("fails", "it adds or drops a constraint without a name, which Alembic cannot")
        kind = re.search(r"datatype (\w+)", str(error))
        refuse("literal", "a value cannot be written as SQL text" + (" (%s)" % kind.group(1) if kind else ""))
    finally:
        STATE["values"] = False


def wrap_statements():
    from alembic.ddl.impl import DefaultImpl
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import text
    from sqlalchemy.sql.compiler import SQLCompiler

    connection = connection_class()
    bulk_insert = DefaultImpl.bulk_insert
    literal = SQLCompiler.render_literal_value
    textclause = SQLCompiler.visit_textclause

    def render_literal_value(self, value, type_, *args, **kwargs):
        check_literal(value)
        text = literal(self, value, type_, *args, **kwargs)
        return as_sent(self, value, type_, text) if STATE["values"] else text

    def visit_textclause(self, *args, **kwargs):
        STATE["in_text"] += 1
        try:
            return textclause(self, *args, **kwargs)
        finally:
            STATE["in_text"] -= 1

    def execute(self, construct, execution_options=None, multiparams=None, params=None):
        if multiparams or params:
            refuse("parameters", "it gives a statement parameters")
        if STATE["revision"] is None:
            note_statement(construct)
        else:
            record(as_text(text(construct) if isinstance(construct, str) else construct,
                           self.dialect))

    def insert_rows(self, table, rows, *args, **kwargs):
        if isinstance(rows, list) and len({tuple(sorted(row)) for row in rows}) > 1:
            refuse("rows", "the rows it inserts have different columns")
        return bulk_insert(self, table, rows, *args, **kwargs)

    def output(self, statement):
        pass  # Alembic's own BEGIN, COMMIT and comments

    @contextlib.contextmanager
    def autocommit_block(self):
        if STATE["external"]:  # an assertion of Alembic's fails
            refuse("fails", "it has an autocommit block, for which Alembic has to begin the transaction, and not env.py")
        end = ";" if SPEC["bundle"] else ""
        record("COMMIT" + end, "commit")
        try:
            yield
        finally:
            record("BEGIN" + end, "begin")

    SQLCompiler.render_literal_value = render_literal_value
    SQLCompiler.visit_textclause = visit_textclause
    DefaultImpl._exec = execute
    DefaultImpl.bulk_insert = insert_rows
    DefaultImpl.static_output = output
    MigrationContext.autocommit_block = autocommit_block
    MigrationContext._stdout_connection = lambda self, _connection: connection(
        self.dialect, lambda construct: self.impl._exec(construct))


# ---- Alembic -------------------------------------------------------------------------------------------


def note_statement(statement):
    STATE["statements"].append(" ".join(str(statement).split())[:200])


def note_own(what, value=None):
    """What env.py gives its connection beyond the address."""
    text = what if value is None else "%s %s" % (what, value)
    if text not in STATE["own"]:
        STATE["own"].append(text[:200])


def note_options(options):
    for name in ("isolation_level", "schema_translate_map"):
        if options.get(name):
            note_own(name, options[name])


def of_project(function):
    path = getattr(getattr(function, "__code__", None), "co_filename", "<")
    return not path.startswith(("<", STANDARD_LIBRARY)) and "-packages" not in path


def with_wrapped(function):
    """What SQLAlchemy puts around a listener has it in its closure."""
    return [function] + [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def note_engine(engine):
    note_options({"isolation_level": getattr(engine.dialect, "_on_connect_isolation_level", None)})
    note_options(engine.get_execution_options())
    creator = getattr(engine.pool, "_creator", None)
    if hasattr(creator, "__code__"):
        held = dict(zip(creator.__code__.co_freevars, with_wrapped(creator)[1:])).get("cparams") or {}
        for name in ("options", "server_settings"):
            if held.get(name) and name not in engine.url.query:
                note_own(name, held[name])
    for dispatch, events in ((engine.pool.dispatch, ("connect", "first_connect", "checkout")),
                             (engine.dispatch, ("engine_connect", "begin", "before_execute",
                                                "before_cursor_execute"))):
        for name in events:
            # One that only looks at statements is behind a wrapper, and harmless.
            if any(of_project(f) for listener in getattr(dispatch, name)
                   for f in (with_wrapped(listener) if not name.startswith("before") else [listener])):
                note_own("a listener for", name)


def begins_by_itself(engine):
    """Not so before SQLAlchemy 2."""
    import sqlalchemy

    return not sqlalchemy.__version__.startswith("1.") or getattr(engine, "_is_future", False)


def connection_like(engine, began):
    from unittest import mock

    connection = mock.MagicMock(name="connection")
    transaction = mock.MagicMock(name="transaction")
    state = {"began": began}

    def to(value, given):
        def effect(*_args, **_kwargs):
            state["began"] = value
            return given
        return effect

    def note(statement, *_args, **_kwargs):
        note_statement(statement)
        state["began"] = state["began"] or begins_by_itself(engine)
        return mock.MagicMock(name="result")

    def with_options(**options):
        note_options(options)
        return connection

    for name in ("execute", "exec_driver_sql", "scalar", "scalars"):
        getattr(connection, name).side_effect = note
    connection.engine = engine
    connection.dialect = engine.dialect
    connection.execution_options.side_effect = with_options
    connection.begin.side_effect = to(True, transaction)
    connection.in_transaction.side_effect = lambda: state["began"]
    for ending in (connection.commit, connection.rollback, transaction.commit, transaction.rollback,
                   transaction.close):
        ending.side_effect = to(False, None)
    transaction.__enter__.return_value = transaction
    transaction.__exit__.side_effect = to(False, False)
    connection.__enter__.return_value = connection
    connection.__exit__.return_value = False
    return connection


def no_connections():
    """For an env.py that connects all the same: it gets what looks like a connection and is none."""
    from sqlalchemy.engine import Engine

    def connect(engine, *_args, **_kwargs):
        note_engine(engine)
        return connection_like(engine, False)

    def begin(engine, *_args, **_kwargs):
        note_engine(engine)
        return connection_like(engine, True)

    for name in ("connect", "raw_connection", "contextual_connect", "_contextual_connect"):
        if hasattr(Engine, name):
            setattr(Engine, name, connect)
    Engine.begin = begin


def note_driver(options):
    """Who would run the migrations with a database; guessed when the address was ours."""
    from sqlalchemy.engine.url import make_url

    url = getattr(getattr(options.get("connection"), "engine", None), "url", None) or options.get("url")
    if url is None:
        return
    url = make_url(url)
    try:
        STATE["driver"] = url.get_dialect().driver
    except Exception:  # not installed here
        STATE["driver"] = url.drivername.partition("+")[2] or None
    STATE["guessed"] = url.host == "headgate.invalid" and not SPEC["scheme"]


def settings_of(context):
    external = STATE["external"]  # Alembic leaves transactions to it, whatever it has configured
    columns = ["%s %s" % (column.name, column.type) for column in context._version.columns]
    if columns != ["version_num VARCHAR(32)"]:
        note_own("a version table of", ", ".join(columns))
    return {"version_table": context.version_table,
            "version_table_schema": context.version_table_schema,
            "version_table_pk": bool(context.opts.get("version_table_pk", True)),
            "transaction_per_migration": not external and bool(context._transaction_per_migration),
            "transactional_ddl": external or bool(context.impl.transactional_ddl),
            "hooks": bool(context.on_version_apply_callbacks), "driver": STATE["driver"],
            "driver_guessed": STATE["guessed"], "statements": STATE["statements"],
            "own": STATE["own"], "offline": STATE["offline"]}


def versions():
    import alembic
    import sqlalchemy

    return {"alembic": alembic.__version__, "sqlalchemy": sqlalchemy.__version__,
            "python": "%d.%d.%d" % sys.version_info[:3]}


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

    def configured(self, *args, **options):
        options.update(zip(("connection", "url", "dialect_name", "transactional_ddl"), args))
        note_driver(options)
        if server_of(options) in OTHER_SERVERS:
            raise Unfit("it works on %s" % server_of(options))
        if STATE["configured"]:
            raise Unfit("it migrates more than once (several schemas or databases)")
        STATE["configured"] = True
        STATE["external"] = bool(options.get("connection") is not None and options["connection"].in_transaction())
        options.update(connection=None, url=None, dialect_name="postgresql", literal_binds=True,
                       dialect_opts={"paramstyle": "named"})
        self.context_opts["as_sql"] = True
        configure(self, **options)
        self.get_context().dialect._backslash_escapes = False
        STATE["version_table"] = self.get_context().version_table

    def run_migrations(self, **arguments):
        STATE["arguments"] = arguments
        return run(self, **arguments)

    def is_offline(self):
        if STATE["revision"] is not None:
            refuse("offline", "it does something else when it is rendered (is_offline_mode)")
        return STATE["offline"]

    def as_sql(self):
        if STATE["file"] and sys._getframe(1).f_code.co_filename == STATE["file"]:
            refuse("offline", "it does something else when it is rendered (as_sql)")
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


def why_not(error, script, direction):
    """Code and reason."""
    if type(error).__name__ == "NoInspectionAvailable":
        return "inspector", "it looks into the database (inspect)"
    frames = traceback.extract_tb(error.__traceback__)
    if direction == "down" and frames and frames[-1].filename == script.path \
            and (frames[-1].line or "").startswith("raise"):
        return "irreversible", "it says that there is no way back: " + one_line(error)
    return "fails", "without a database it fails: " + one_line(error)


def run_one(script, direction):
    function = getattr(script.module, "upgrade" if direction == "up" else "downgrade", None)
    reader = STATE["readers"].get(os.path.realpath(script.path)) if SPEC["bundle"] else None
    if reader:
        refuse("environment", "it reads the environment variable %s" % reader)
    if function is None:
        refuse("irreversible", "it has no downgrade()" if direction == "down" else "it has no upgrade()")
    function(**STATE["arguments"])


def render_one(identifier, direction):
    script = STATE["script"].get_revision(identifier)
    STATE.update(revision=identifier, file=script.path, code=None, reason=None, sql=[], kinds=[],
                 direction=direction)
    computed = False
    try:
        run_one(script, direction)
        computed = STATE["reason"] is None and dated_today(STATE["sql"], script.path)
        if computed and not SPEC["bundle"]:
            STATE.update(code="computed",
                         reason="it holds today's date, which Python puts in when it runs")
    except TimeUp:
        raise
    except BaseException as error:
        if STATE["reason"] is None:
            STATE["code"], STATE["reason"] = why_not(error, script, direction)
    told = {key: STATE[key] for key in ("code", "reason", "sql", "kinds")}
    STATE.update(revision=None, file=None)
    if told["reason"] is not None:
        answer(revision=identifier, direction=direction, code=told["code"], reason=told["reason"])
    elif SPEC["bundle"]:
        answer(revision=identifier, direction=direction, sql=told["sql"], kinds=told["kinds"],
               computed=computed)
    else:
        answer(revision=identifier, direction=direction, sql=told["sql"])


def render_all(_heads, context):
    for identifier in SPEC["revisions"]:
        for direction in ("up", "down") if SPEC["bundle"] else ("up",):
            if SPEC["bundle"]:
                context.impl.memo.clear()  # the types that another revision created
            render_one(identifier, direction)
    if SPEC["bundle"]:
        STATE["context"] = context
    STATE["reached"] = True
    answer(done=True)
    return []


def run_env(config, revision, offline, tag):
    """True when the migrations were reached; else why not."""
    from alembic.runtime.environment import EnvironmentContext

    STATE.update(offline=offline, configured=False, external=False, reached=False, statements=[], own=[])
    try:
        with EnvironmentContext(config, STATE["script"], fn=render_all, as_sql=offline,
                                starting_rev=SPEC["rows"] or None, destination_rev=revision, tag=tag):
            STATE["script"].run_env()
    except TimeUp:
        raise
    except BaseException as error:
        return STATE["reached"] or one_line(error)
    return STATE["reached"] or "it does not run the migrations"


def upgrade(config, revision, sql=False, tag=None):
    from alembic.script import ScriptDirectory

    STATE["script"] = ScriptDirectory.from_config(config)
    told = []
    try:
        for offline in (False, True) if SPEC["bundle"] else (True,):
            told.append(run_env(config, revision, offline, tag))
            if told[-1] is True:
                break
    except TimeUp:
        answer(fatal="rendering took longer than %g seconds" % SPEC["seconds"])
        return
    if told[-1] is not True:
        answer(fatal="env.py fails without a database: " + told[-1])
    elif SPEC["bundle"]:
        answer(settings=settings_of(STATE["context"]), versions=versions(),
               online_failed=told[0] if len(told) > 1 else None)


def time_up(_signal, _frame):
    raise TimeUp()


def run_alembic(instead):
    """Alembic's command line (or Flask's), with this function for `upgrade`."""
    from alembic import command

    instead.__module__, instead.__name__ = command.__name__, "upgrade"
    command.upgrade = instead
    make_alembic_load_source()
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


def main():
    settle_environment()
    no_connections()
    wrap_statements()
    wrap_environment()
    run_alembic(upgrade)
