# SPDX-License-Identifier: Apache-2.0
"""Stands behind render.py: Alembic online, in the database SPEC["instead"], whatever env.py's address is.

Each line on stdin is "up REVISION" or "down REVISION", one step of Alembic's own; each answer is {"ok"}, with
"message" where it failed. Between steps no connection is open, so that the database can be copied.
"""
ENGINES = set()
ADDRESS = ("host", "hostaddr", "port", "user", "password", "database", "dbname", "dsn", "service", "passfile",
           "sslmode", "sslrootcert", "ssl", "ssl_context", "unix_sock")


def connect_there(dialect, _record, arguments, options):
    """The same driver and settings, at another address."""
    from sqlalchemy.engine import make_url

    url = make_url(SPEC["instead"]).set(drivername="%s+%s" % (dialect.name, dialect.driver))
    arguments[:], found = dialect.create_connect_args(url)
    for name in ADDRESS:
        options.pop(name, None)
    options.update(found)


def step(config, script, direction, identifier):
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import RevisionStep

    done = []

    def one(_rows, _context):
        make = RevisionStep.upgrade_from_script if direction == "up" else RevisionStep.downgrade_from_script
        done.append(identifier)
        return [make(script.revision_map, script.get_revision(identifier))]

    with EnvironmentContext(config, script, fn=one, as_sql=False, destination_rev=identifier):
        script.run_env()
    if not done:
        raise RuntimeError("env.py did not run the migration")


def take_steps(config, revision, sql=False, tag=None):
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config)
    answer(ok=True)
    for line in iter(sys.stdin.buffer.readline, b""):
        direction, identifier = line.decode("utf-8").rstrip("\n").split(" ", 1)
        message = None
        try:
            step(config, script, direction, identifier)
        except BaseException as error:
            message = one_line(error)
        for engine in ENGINES:
            engine.dispose()
        ENGINES.clear()
        answer(ok=message is None, message=message)


def online():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    settle_environment()
    event.listen(Engine, "do_connect", connect_there)
    event.listen(Engine, "engine_connect", lambda connection, *_: ENGINES.add(connection.engine))
    run_alembic(take_steps)
