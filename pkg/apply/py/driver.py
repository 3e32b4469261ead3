# SPDX-License-Identifier: Apache-2.0
"""Runs Alembic's own command line in this process, on a leash.

headgate puts one line `SPEC = json.loads(...)` and source.py before this text and a call of `main()` behind
it (for a look only, look.py stands between), and has the project's own interpreter run it. Listeners on
SQLAlchemy's pool and engine and a wrapper around EnvironmentContext.configure make sure that the migrator
works in the database that was judged, on the revisions that were judged, and only while the runner that
judged them holds its lock; what happens is reported as JSON lines on a descriptor of its own. Nothing is
printed here but the error that ended Alembic (failure.py, which stands behind this text): stdout and stderr
belong to Alembic.

Works with Alembic 1.8 and SQLAlchemy 1.4 up to the newest, on Python 3.7 and later.
"""
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time


class Stop(BaseException):
    """Ends Alembic at once. Not an Exception, so that no env.py swallows it by accident."""

    def __init__(self, reason, message):
        BaseException.__init__(self, message)
        self.reason = reason


STATE = {"stopped": None, "sessions": 0, "fd": -1, "file": None, "process": None, "files": False,
         "touched": False, "folder": None,
         "step": None, "alone": False, "pid": None, "undone": False, "did": False,
         "through": False, "bytes": False}

# What may stand in a statement without being one, and what ends a transaction.
ASIDE = re.compile(r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'[^']*'|\"[^\"]*\"|\bbegin\s+atomic\b.*?;\s*end\b",
                   re.S | re.I)
ENDING = re.compile(r"(?:^|;)\s*(?:(?:commit|end)\b|(?P<prepared>prepare\s+transaction\b)"
                    r"|(?P<undone>(?:rollback|abort)\b(?!(?:\s+work|\s+transaction)?\s+to\b)))", re.I)
BEGINNING = re.compile(r"\s*(?:begin|start\s+transaction)\b", re.I)

# Statements of env.py after which the database is as before.
ENDS = ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT")
QUIET = ("SELECT", "SHOW", "SET", "RESET") + ENDS


def file_of(fd):
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def report(event, **fields):
    # A process that the migration has forked tells of its own sessions, which may have to be ended, and not
    # of how the migration goes or ends.
    if os.getpid() != STATE["process"] and event != "session":
        return
    fields["event"] = event
    fields["at"] = time.time()
    # What no JSON reader takes, NUL and half characters, may stand in an error's text.
    line = json.dumps(fields, default=str, ensure_ascii=False).replace("\\u0000", "\\ufffd")
    line = (line + "\n").encode("utf-8", "replace")
    try:
        if file_of(STATE["fd"]) != STATE["file"]:
            raise OSError("the migration has closed the descriptor, and another file has its number")
        while line:
            line = line[os.write(STATE["fd"], line):]
    except OSError:
        # Nobody watches any more: what has not been committed must not be.
        if STATE["stopped"] is None:
            STATE["stopped"] = Stop("runner-gone", "the headgate that started this migration is gone")
        if event != "result":
            raise STATE["stopped"]


def stop(reason, message):
    if STATE["stopped"] is None:
        STATE["stopped"] = Stop(reason, message)
        report("stop", reason=reason, message=message)
    raise STATE["stopped"]


def check_stopped():
    if STATE["stopped"] is not None:
        raise STATE["stopped"]


def literal(text):
    """A string constant that reads the same whatever standard_conforming_strings says."""
    text = str(text)
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def text_of(value):
    """psycopg gives bytes for text where client_encoding is SQL_ASCII, which it is in a database of that encoding
    until env.py sets another."""
    if not isinstance(value, bytes):
        return value
    STATE["bytes"] = True
    return value.decode("utf-8", "replace")


class Session:
    """A new connection of the migrator, before env.py gets it."""

    def __init__(self, dbapi_connection):
        self.dbapi = dbapi_connection
        self.raw = getattr(dbapi_connection, "driver_connection", None) or getattr(
            dbapi_connection, "_connection", dbapi_connection)
        self.driver = type(self.raw).__module__.split(".")[0]
        self.pid = None

    def wire_pid(self):
        """The process that the server named when the connection began; None when the driver does
        not tell. A pooler names one of its own making."""
        if hasattr(self.raw, "get_server_pid"):
            return self.raw.get_server_pid()
        return getattr(getattr(self.raw, "info", None), "backend_pid", None)

    def rows(self, sql):
        cursor = self.dbapi.cursor()
        try:
            cursor.execute(sql)
            return [tuple(text_of(value) for value in row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def check_identity(self):
        want = SPEC["identity"]
        try:
            row = self.rows(
                "select current_database()::text,"
                " (select oid::text from pg_catalog.pg_database where datname = current_database()),"
                " pg_backend_pid()::text,"
                " has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::text"
            )[0]
        except Exception as error:
            stop("identity", "env.py opened a connection (%s) that is not the judged database: %s"
                 % (self.driver, str(error).splitlines()[0] if str(error) else type(error).__name__))
        self.pid = int(row[2])
        have = {"database": row[0], "oid": row[1], "system_identifier": None}
        if row[3] == "true" and want.get("system_identifier"):
            have["system_identifier"] = self.rows(
                "select system_identifier::text from pg_catalog.pg_control_system()")[0][0]
        for key in ("system_identifier", "database", "oid"):
            if want.get(key) and have[key] and want[key] != have[key]:
                stop("identity", "env.py connected to database %s (oid %s, system %s), but %s"
                     " (oid %s, system %s) was judged"
                     % (have["database"], have["oid"], have["system_identifier"] or "unknown",
                        want.get("database"), want.get("oid"),
                        want.get("system_identifier") or "unknown"))
        wire = self.wire_pid()
        if wire is not None and wire != self.pid and not SPEC.get("pooler"):
            stop("pooler", "env.py connects through a pooler (server process %d, told as %d)"
                 % (self.pid, wire))

    def smaller(self, name, ours):
        """In milliseconds: what address, PGOPTIONS, role or database gave this session, where that is
        a limit and shorter than ours."""
        theirs = int(self.rows("select setting from pg_catalog.pg_settings where name = %s"
                               % literal(name))[0][0])
        return theirs if 0 < theirs < ours else ours

    def holds(self):
        """The time limits of this session, and where each comes from."""
        return {name: {"value": value, "source": source} for name, value, source in self.rows(
            "select name, current_setting(name), source from pg_catalog.pg_settings"
            " where name in ('lock_timeout', 'statement_timeout', 'transaction_timeout',"
            " 'idle_in_transaction_session_timeout')")}

    def settle(self):
        """Sets our settings and reads them back: a pooler or a proxy may drop them silently."""
        told, settings = {}, dict(SPEC["settings"])
        for name, ours in SPEC.get("limits", {}).items():
            settings[name] = "%dms" % self.smaller(name, ours)
        for name, value in settings.items():
            told[name] = self.rows("select set_config(%s, %s, false)"
                                   % (literal(name), literal(value)))[0][0]
        self.dbapi.commit()
        for name, value in SPEC.get("wishes", {}).items():
            try:
                self.rows("select set_config(%s, %s, false)" % (literal(name), literal(value)))
                self.dbapi.commit()
            except Exception:
                self.dbapi.rollback()
        for name, value in told.items():
            got = self.rows("select current_setting(%s)" % literal(name))[0][0]
            if got != value:
                stop("settings", "%s was set to %s but reads %s: a pooler between the migrator and"
                     " the database does not keep a session" % (name, value, got))

    def lock(self):
        """Takes the migrator lock, shared: it ends with this backend, whoever else dies before.

        The runner's own lock is looked at afterwards: had it been lost before, another runner could
        have tried the migrator lock, found it free and started. Now it can no longer.
        """
        lock = SPEC["lock"]
        if not self.rows("select pg_try_advisory_lock_shared(%d, %d)"
                         % (lock["migrator_class"], lock["key"]))[0][0]:
            stop("lock", "another headgate is about to start a migration of this database")
        holder = self.rows(
            "select count(*) from pg_catalog.pg_locks where locktype = 'advisory' and granted"
            " and objsubid = 2 and classid::bigint = %d and objid::bigint = %d and pid = %d"
            " and database = (select oid from pg_catalog.pg_database"
            " where datname = current_database())"
            % (lock["apply_class"] & 0xffffffff, lock["key"] & 0xffffffff, lock["pid"]))
        if int(holder[0][0]) < 1:
            stop("lock", "the session that held the apply lock is gone")
        self.dbapi.commit()


def on_connect(dbapi_connection, record):
    check_stopped()
    session = Session(dbapi_connection)
    session.check_identity()
    session.settle()
    session.lock()
    record.info["headgate_pid"] = session.pid
    holds = session.holds()
    dbapi_connection.commit()
    STATE["sessions"] += 1
    report("session", pid=session.pid, driver=session.driver, number=STATE["sessions"], holds=holds)


def pid_of(connection):
    try:
        return connection.connection.info.get("headgate_pid")
    except Exception:
        return None


def on_commit(connection):
    check_stopped()
    pid = pid_of(connection)
    STATE["did"] = STATE["did"] and pid != STATE["pid"]
    report("commit", pid=pid)


def report_undone(pid, stays):
    """With it goes what the revision under way did before in this transaction."""
    report("undone", pid=pid, stays=stays, lost=STATE["did"] and not stays)
    STATE["did"] = False


def on_rollback(connection):
    # Never raises: SQLAlchemy rolls back while an error is on its way up. Whether the revision goes on
    # all the same, its next statement tells.
    STATE["undone"] = STATE["step"] is not None and pid_of(connection) == STATE["pid"]
    if STATE["stopped"] is None:
        try:
            report("rollback", pid=pid_of(connection))
        except Stop:
            pass


def on_options(connection, options):
    if "isolation_level" in options:
        report("isolation", pid=pid_of(connection), level=options["isolation_level"])


def on_statement(connection, cursor, statement, parameters, context, executemany):
    check_stopped()
    words = statement.lstrip().split(None, 2)
    word = words[0].rstrip(";").upper() if words else ""
    STATE["touched"] = STATE["touched"] or word not in QUIET
    if STATE["step"] is None:
        return
    pid = pid_of(connection)
    if STATE["undone"] and pid == STATE["pid"]:
        STATE["undone"] = False
        report_undone(pid, False)
    if not STATE["alone"] and word not in ENDS and stands_alone(connection):
        STATE["alone"] = True
        report("alone", pid=pid)
    report_endings(pid, statement)
    STATE["did"] = STATE["did"] or (pid == STATE["pid"] and word not in QUIET and not STATE["alone"])


def report_endings(pid, statement):
    """The transactions that the text of a statement ends. What stands behind a ROLLBACK in the same text is
    a transaction of its own, unless it begins one."""
    text = ASIDE.sub(" ", statement)
    for ending in ENDING.finditer(text):
        behind = text[ending.end():].partition(";")[2]
        if ending.group("undone") or ending.group("prepared"):
            report_undone(pid, bool(ending.group("prepared")))
        if not ending.group("prepared") and (
                not ending.group("undone") or (behind.strip("; \t\r\n") and not BEGINNING.match(behind))):
            STATE["did"] = False
            report("literal-commit", pid=pid, statement=statement.strip()[:80])


def stands_alone(connection):
    """Does the next statement commit itself? psycopg2 and asyncpg go by the BEGIN that they sent, also where
    the migration has ended that transaction since; the others ask the server."""
    session = Session(connection.connection)
    if getattr(session.dbapi, "autocommit", False) is True:
        return True
    if session.driver == "psycopg2":
        from psycopg2 import extensions

        return (session.raw.status == extensions.STATUS_BEGIN
                and session.raw.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE)
    if session.driver == "asyncpg":
        return getattr(session.dbapi, "_transaction", None) is not None and not session.raw.is_in_transaction()
    return False


def revision_of(step):
    revision = getattr(step, "revision", None)
    return getattr(revision, "revision", None)


def watch_steps(function):
    """Wraps the function that yields the steps: they are compared before the first one runs, and
    each is reported just before it does."""

    def steps(rev, context):
        listed = list(function(rev, context))
        check_stopped()
        have = sorted((str(revision_of(s)), bool(getattr(s, "is_upgrade", True))) for s in listed)
        want = sorted((str(r), SPEC["direction"] == "up") for r in SPEC["steps"])
        if STATE["through"] and not have:
            return  # env.py runs Alembic once more, and all is done
        if have != want:
            stop("steps", "Alembic is about to run %s, but %s was judged"
                 % (", ".join(r for r, _ in have) or "nothing",
                    ", ".join(r for r, _ in want) or "nothing"))
        for number, step in enumerate(listed):
            if number:
                wait_for_word(context, number)
            STATE["step"], STATE["alone"] = revision_of(step), False
            STATE["pid"], STATE["undone"], STATE["did"] = pid_of(context.connection), False, False
            report("step", revision=revision_of(step), phase="begin")
            yield step
        STATE["through"] = True

    return steps


def wait_for_word(context, number):
    """Between two revisions, when the one before is committed: headgate gives its word by a lock of
    its session on (pace class, number). No transaction of ours is open meanwhile."""
    connection = context.connection
    if "pace" not in SPEC or context.as_sql or connection.in_transaction():
        return
    lock, session, pause = SPEC["lock"], Session(connection.connection), 0.005
    report("pace", number=number)
    while True:
        check_stopped()
        word, held = session.rows(
            "select count(*) filter (where classid::bigint = %d and objid::bigint = %d),"
            " count(*) filter (where classid::bigint = %d and objid::bigint = %d)"
            " from pg_catalog.pg_locks where locktype = 'advisory' and granted and objsubid = 2"
            " and pid = %d and database = (select oid from pg_catalog.pg_database"
            " where datname = current_database())"
            % (lock["pace_class"] & 0xffffffff, SPEC["pace"] + number,
               lock["apply_class"] & 0xffffffff, lock["key"] & 0xffffffff, lock["pid"]))[0]
        session.dbapi.commit()
        if int(held) < 1:
            stop("lock", "the session that held the apply lock is gone")
        if int(word) > 0:
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.25)


def on_version_apply(ctx=None, step=None, heads=None, run_args=None, **_):
    check_stopped()
    STATE["step"] = None
    report("step", revision=getattr(step, "up_revision_id", None), phase="end",
           heads=sorted(heads or ()))


def check_files(script):
    """The files that run must be those that were judged: headgate read them earlier, and perhaps on
    another machine than this container."""
    want = SPEC.get("digests")
    if want is None or script is None:
        return
    have = {}
    for revision in script.walk_revisions():
        path = getattr(revision, "path", None)
        if path and path.endswith(".py") and os.path.exists(path):
            have[revision.revision] = digest(path)
    differ = sorted(r for r in set(have) | set(want) if have.get(r) != want.get(r))
    if differ:
        stop("files", "revision %s%s" % (", ".join(differ[:5]), " and others" if differ[5:] else "")
             + (" differs from" if len(differ) == 1 else " differ from") + " the files that were judged")


def wrap_configure():
    from alembic.runtime.environment import EnvironmentContext

    configure = EnvironmentContext.configure

    def configured(self, *args, **options):
        check_stopped()
        options["on_version_apply"] = as_tuple(options.get("on_version_apply")) + (on_version_apply,)
        function = self.context_opts.get("fn")
        if function is not None and not getattr(function, "headgate", False):
            watched = watch_steps(function)
            watched.headgate = True
            self.context_opts["fn"] = watched
        if not STATE["files"]:
            STATE["files"] = True
            check_files(self.script)
        if SPEC.get("one_by_one"):
            options["transaction_per_migration"] = True
        configure(self, *args, **options)
        context = self.get_context()
        around = bool(getattr(context, "_in_external_transaction", False))
        each = bool(options.get("transaction_per_migration")) or not getattr(
            context.impl, "transactional_ddl", True)
        if SPEC.get("one_by_one") and around:
            stop("transaction", "env.py opens a transaction of its own around all revisions, so they"
                 " cannot be committed one by one")
        table = SPEC["version_table"]
        if context.version_table != table["name"] or (
                context.version_table_schema and context.version_table_schema != table["schema"]):
            stop("version-table", "env.py keeps its versions in %s, but %s.%s was judged"
                 % (".".join(filter(None, (context.version_table_schema, context.version_table))),
                    table["schema"], table["name"]))
        report("configure", transaction_per_migration=each and not around,
               offline=bool(context.as_sql))

    EnvironmentContext.configure = configured


def quoted(name):
    return '"' + str(name).replace('"', '""') + '"'


def check_version_table(context):
    """The last moment before Alembic looks for its table, or creates one: is the table that this
    session would find the one that was judged?"""
    connection, want = context.connection, SPEC.get("version_table")
    if context.as_sql or connection is None or want is None:
        return
    name = ".".join(quoted(part) for part in (context.version_table_schema, context.version_table)
                    if part)
    session = Session(connection.connection)
    found = session.rows(
        "select (select n.nspname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
        " on n.oid = c.relnamespace where c.oid = pg_catalog.to_regclass(%s))" % literal(name))[0][0]
    if not connection.in_transaction():
        session.dbapi.commit()
    judged = want["schema"] if want["exists"] else None
    if found != judged:
        stop("version-table", "env.py keeps its versions in %s, where there is %s, but %s.%s was judged%s"
             % (name, "a table in schema %s" % found if found else "no table", want["schema"],
                want["name"], "" if want["exists"] else ", which does not exist"))


def wrap_run_migrations():
    from alembic.runtime.environment import EnvironmentContext

    run_migrations = EnvironmentContext.run_migrations

    def checked(self, **options):
        check_stopped()
        check_version_table(self.get_context())
        return run_migrations(self, **options)

    EnvironmentContext.run_migrations = checked


def as_tuple(value):
    if value is None:
        return ()
    if callable(value):
        return (value,)
    return tuple(value)


def guard(folder):
    """A process of its own that removes the folder when this one is gone, however it ended."""
    ours, theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return theirs
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.dup2(ours, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 65536 else 65536)
        os.read(3, 1)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)


def add_files():
    """What headgate's ledger kept of revisions that are not here, in a folder that only we can read
    and that ends with us; for Alembic it is one more version location of this run."""
    folder = tempfile.mkdtemp(prefix="headgate-")
    STATE["guard"] = guard(folder)
    STATE["folder"] = folder
    for name, text in SPEC["files"].items():
        with open(os.path.join(folder, name), "xb") as file:
            file.write(bytes.fromhex(text))

    from alembic.script import ScriptDirectory

    from_config = ScriptDirectory.from_config.__func__

    def extended(cls, config):
        script = from_config(cls, config)
        script.version_locations = [str(path) for path in script._version_locations] + [folder]
        script.__dict__.pop("_version_locations", None)
        return script

    ScriptDirectory.from_config = classmethod(extended)


def install():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    event.listen(Pool, "connect", on_connect)
    event.listen(Engine, "commit", on_commit)
    event.listen(Engine, "rollback", on_rollback)
    event.listen(Engine, "before_cursor_execute", on_statement)
    event.listen(Engine, "set_connection_execution_options", on_options)
    wrap_configure()
    wrap_run_migrations()


def run_migrator():
    """Alembic's command line, or Flask's where env.py needs Flask's application."""
    argv = list(SPEC["argv"])
    if SPEC.get("flask"):
        from flask.cli import main

        sys.argv = ["flask"] + argv
        main()
    else:
        from alembic.config import CommandLine

        sys.argv = ["alembic"] + argv
        CommandLine(prog="alembic").main(argv)


def open_report():
    """Our own descriptor; without one (in a container) it is stdout, and Alembic's stdout becomes
    its stderr, so that the two never mix."""
    fd = SPEC.get("fd")
    if fd is None:
        sys.stdout.flush()
        fd = os.dup(1)
        os.dup2(2, 1)
    os.set_inheritable(fd, False)
    STATE["fd"], STATE["file"], STATE["process"] = fd, file_of(fd), os.getpid()


def main():
    try:
        drive()
    finally:
        if STATE["folder"] is not None and os.getpid() == STATE["process"]:
            shutil.rmtree(STATE["folder"], ignore_errors=True)


def drive():
    open_report()
    # Behind a shell's `&` it is ignored; headgate sends it when Alembic has to end, and only then.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Behind a command the environment crosses with the program: in its argv everybody could read it.
    os.environ.update(SPEC.get("environment") or {})
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.reconfigure(line_buffering=True)
        except AttributeError:
            pass
    # As the alembic script has it: the folder of the script, not the working directory.
    sys.path[0] = os.path.dirname(sys.executable)
    if SPEC.get("flask"):
        sys.path[0] = os.getcwd()
    try:
        import alembic
        import sqlalchemy

        make_alembic_load_source()
        install()
        if SPEC.get("files"):
            add_files()
        report("start", alembic=alembic.__version__, sqlalchemy=sqlalchemy.__version__,
               python="%d.%d.%d" % sys.version_info[:3], pid=os.getpid())
        run_migrator()
    except Stop as error:
        report("result", ok=False, stopped=error.reason, message=str(error),
               touched=STATE["touched"])
        sys.exit(70)
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (0, None):
            report("result", ok=True)
            raise
        if STATE["stopped"] is not None:
            report("result", ok=False, stopped=STATE["stopped"].reason,
                   message=str(STATE["stopped"]), touched=STATE["touched"])
            sys.exit(70)
        fields = describe(error)
        if STATE["bytes"] and isinstance(error, TypeError):
            fields["message"] += (" (psycopg gives bytes for text, because client_encoding is SQL_ASCII:"
                                  " create_engine(url, client_encoding=\"utf8\") in env.py)")
        report("result", ok=False, stopped=None, **fields)
        if tell_briefly(error):
            sys.exit(1)
        raise
    if STATE["stopped"] is not None:
        report("result", ok=False, stopped=STATE["stopped"].reason, message=str(STATE["stopped"]),
               touched=STATE["touched"])
        sys.exit(70)
    report("result", ok=True, sessions=STATE["sessions"])
