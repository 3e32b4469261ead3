# SPDX-License-Identifier: Apache-2.0
"""Stands behind driver.py when headgate only asks what env.py does; nothing is migrated.

SPEC["look"] is "configured": env.py gets a connection that is none, and the run ends when it calls
context.configure. The addresses it wanted to connect to and the arguments of that call are reported,
passwords left out. Or it is "current": env.py connects, to the judged database only, and each session
is made read-only before env.py gets it; what `alembic current` would print is reported. Or "compare":
likewise, and what autogenerate finds between database and models is reported (compare.py).

Only SQLAlchemy's connections are replaced: an env.py that opens sockets by itself does so here as it
does under any command of Alembic.
"""
import re
from unittest import mock


def engine_report(engine):
    url = engine.url
    hosts = url.query.get("host")
    fields = {"host": url.host, "port": url.port, "database": url.database, "user": url.username,
              "query_host": list(hosts) if isinstance(hosts, (list, tuple)) else hosts,
              "query_port": url.query.get("port"), "service": url.query.get("service"),
              "dialect": engine.dialect.name, "driver": engine.dialect.driver}
    # A creator= replaces what the URL says.
    creator = getattr(engine.pool, "_creator", None)
    fields["creator"] = getattr(creator, "__module__", None) not in (
        "sqlalchemy.engine.create", "sqlalchemy.engine.strategies")
    report("engine", **fields)


def no_connection(engine):
    """Takes every call and answers none; what env.py reads from it is the real engine's."""
    connection = mock.MagicMock(name="connection")
    connection.engine = engine
    connection.dialect = engine.dialect
    connection.execution_options.return_value = connection
    connection.__enter__.return_value = connection
    connection.__exit__.return_value = False
    return connection


def replace_connections():
    from sqlalchemy.engine import Engine

    def connect(engine, *args, **kwargs):
        check_stopped()
        engine_report(engine)
        return no_connection(engine)

    Engine.connect = connect
    Engine.begin = connect
    Engine.raw_connection = connect
    for name in ("contextual_connect", "_contextual_connect"):
        if hasattr(Engine, name):
            setattr(Engine, name, connect)


def asked(function, *args):
    """What env.py's own filter says; None: there is none, or it could not be asked."""
    if function is None:
        return None
    try:
        return bool(function(*args))
    except Exception:
        return None


def sees_headgate(options):
    """Would autogenerate look into the schema `headgate`?"""
    if not options.get("include_schemas"):
        return False
    names = {"schema_name": "headgate", "schema_qualified_table_name": "headgate.run"}
    if False in (asked(options.get("include_name"), "headgate", "schema", {}),
                 asked(options.get("include_name"), "run", "table", names)):
        return False
    from sqlalchemy import Column, MetaData, Table, Text

    table = Table("run", MetaData(), Column("id", Text()), schema="headgate")
    return asked(options.get("include_object"), table, "run", "table", True, None) is not False


def graph_report(script):
    try:
        report("graph", heads=list(script.get_heads()),
               revisions=sum(1 for _ in script.walk_revisions()),
               locations=[os.path.abspath(str(place)) for place in script.version_locations or ()])
    except Exception as error:
        report("graph", heads=None, error=masked(str(error)))


def report_configuration(environment, options):
    graph_report(environment.script)
    connection = options.get("connection")
    dialect = getattr(connection, "dialect", None)
    report("configured", version_table=options.get("version_table") or "alembic_version",
           version_table_schema=options.get("version_table_schema"),
           include_schemas=bool(options.get("include_schemas")),
           include_name=options.get("include_name") is not None,
           sees_headgate=sees_headgate(options),
           transaction_per_migration=bool(options.get("transaction_per_migration")),
           connected=connection is not None,
           url=options.get("url") is not None, driver=getattr(dialect, "driver", None))


def on_connect_readonly(dbapi_connection, record):
    check_stopped()
    session = Session(dbapi_connection)
    session.check_identity()
    comparing = SPEC["look"] == "compare"
    session.rows("select set_config('default_transaction_read_only', 'on', false),"
                 " set_config('application_name', %s, false),"
                 " set_config('lock_timeout', '2s', false),"
                 " set_config('statement_timeout', %s, false)"
                 % (literal("headgate-snapshot" if comparing else "headgate doctor"),
                    literal("60s" if comparing else "10s")))
    session.dbapi.commit()
    report("session", pid=session.pid, driver=session.driver)


def connect_instead(dialect, record, arguments, options):
    """The same driver, at another address."""
    from sqlalchemy.engine import make_url

    url = make_url(SPEC["instead"]).set(drivername="%s+%s" % (dialect.name, dialect.driver))
    arguments[:], found = dialect.create_connect_args(url)
    options.clear()
    options.update(found)


def report_current(environment):
    """Wraps the function of `alembic current`: the rows it is given are those that Alembic read."""

    def told(rows, context):
        revisions = environment.script.get_all_current(rows)
        report("current", rows=sorted(rows), current=sorted(r.revision for r in revisions))
        return []

    environment.context_opts["fn"] = told


def wrap_look():
    from alembic.runtime.environment import EnvironmentContext

    configure = EnvironmentContext.configure

    def configured(self, *args, **options):
        check_stopped()
        if args:
            options["connection"] = args[0]
        if SPEC["look"] == "configured":
            report_configuration(self, options)
            stop("looked", "context.configure was reached")
        if SPEC["look"] == "compare":
            report_compared(self)
        else:
            report_current(self)
        configure(self, **options)

    EnvironmentContext.configure = configured


def install():
    if SPEC["look"] == "configured":
        replace_connections()
    else:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from sqlalchemy.pool import Pool

        if SPEC.get("instead"):
            event.listen(Engine, "do_connect", connect_instead)
        event.listen(Pool, "connect", on_connect_readonly)
    wrap_look()


def masked(text):
    """Without the password of any URL in it."""
    return re.sub(r"(://[^:@/\s]*):[^@\s]*@", r"\1:***@", text)[:4000]


describe_plainly = describe


def describe(error):
    fields = describe_plainly(error)
    fields["message"] = masked(fields["message"])
    return fields
