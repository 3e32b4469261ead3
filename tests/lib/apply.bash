# Projects for the tests of apply, rollback and cancel. Loaded after common.bash.
# shellcheck shell=bash

# hga_project [COUNT]: a repository with COUNT (3) revisions r1…, each making table t1…, in ./proj;
# env.py reads DATABASE_URL. The working directory after.
hga_project() {
    local count=${1:-3} i
    mkdir -p "$BATS_TEST_TMPDIR/proj/mig/versions"
    cd "$BATS_TEST_TMPDIR/proj" || return 1
    cat > alembic.ini << 'EOF'
[alembic]
script_location = %(here)s/mig
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARNING
handlers = console
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
EOF
    hga_env 'os.environ["DATABASE_URL"]'
    for ((i = 1; i <= count; i++)); do hga_revision "$i"; done
    git init -q -b main . && git add -A && git commit -q -m "revisions"
}

# hga_generates DIR: in that copy of the project `alembic revision` makes files; autogenerate finds nothing.
hga_generates() {
    "$HGT_VENV/bin/alembic" init "$BATS_TEST_TMPDIR/template" > /dev/null 2>&1
    cp "$BATS_TEST_TMPDIR/template/script.py.mako" "$1/mig/"
    sed -i 's/target_metadata=None/target_metadata=__import__("sqlalchemy").MetaData(), include_object=lambda *_: False/' \
        "$1/mig/env.py"
}

# hga_new_comes_home TARGET DIR: `headgate new` generates in DIR, brings the file here, and takes an empty one
# away from both.
hga_new_comes_home() {
    local file
    hga_generates "$2"
    run --separate-stderr headgate new -t "$1" --manual -m "it's a \$HOME; true"
    expect_status 0
    file=${lines[-1]}
    [ -f "$file" ] || fail "not here: $file"
    grep -F "it's a \$HOME; true" "$file"
    cmp "$file" "$2/mig/versions/${file##*/}"
    rm "$file" "$2/mig/versions/${file##*/}"
    run --separate-stderr headgate new -t "$1" -m nothing
    expect_status 1
    expect_stderr "the empty revision was removed"
    [ -z "$(find . "$2" -name '*nothing.py')" ] || fail "it lies somewhere yet"
}

# hga_env URL-EXPRESSION [OPTIONS]: writes env.py; OPTIONS are keywords of context.configure.
hga_env() {
    cat > mig/env.py << EOF
import asyncio, os
from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine, pool
fileConfig(context.config.config_file_name, disable_existing_loggers=False)
url = $1

def run(connection):
    context.configure(connection=connection, target_metadata=None${2:+, $2})
    with context.begin_transaction():
        context.run_migrations()

if "asyncpg" in url:
    from sqlalchemy.ext.asyncio import create_async_engine

    async def main():
        engine = create_async_engine(url, poolclass=pool.NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(main())
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        run(connection)
EOF
    hga_commit
}

# The gate compares with the base branch, so what a test changes is committed to it.
hga_commit() {
    [ ! -d .git ] || { git add -A && git commit -q -m "a change"; }
}

# hga_revision N [UPGRADE [DOWNGRADE]]: revision rN on top of rN-1; lines of Python.
hga_revision() {
    local n=$1 up=${2:-} down=${3:-} parent=None
    [ "$n" -eq 1 ] || parent="\"r$((n - 1))\""
    [ -n "$up" ] || up="op.create_table(\"t$n\", sa.Column(\"id\", sa.Integer))"
    [ -n "$down" ] || down="op.drop_table(\"t$n\")"
    {
        printf '"""step %s"""\nfrom alembic import op\nimport sqlalchemy as sa\n' "$n"
        printf 'revision = "r%s"\ndown_revision = %s\n\n\ndef upgrade():\n' "$n" "$parent"
        sed 's/^/    /' <<< "$up"
        printf '\n\ndef downgrade():\n'
        sed 's/^/    /' <<< "$down"
    } > "mig/versions/r$n.py"
    hga_commit
}

# The version rows, comma separated; "none" without the table.
hga_rows() {
    if [ "$(hgt_psql "select to_regclass('alembic_version') is not null")" = t ]; then
        hgt_psql "select string_agg(version_num, ',' order by version_num) from alembic_version"
    else
        echo none
    fi
}

# hga_result FILTER: of the last line of the last run's stdout.
hga_result() {
    tail -n 1 <<< "$output" | jq -r "$1"
}

# Sessions of headgate or a migrator left in the test database; waits a moment for them to end.
hga_no_sessions() {
    local i left
    for ((i = 0; i < 50; i++)); do
        left=$(hgt_psql "select count(*) from pg_stat_activity where application_name like 'headgate%' and datname = current_database()")
        [ "$left" = 0 ] && return 0
        sleep 0.2
    done
    hgt_psql "select pid, application_name, state, query from pg_stat_activity
              where application_name like 'headgate%'" >&2
    return 1
}

# hga_flask: a repository of Flask-Migrate with one revision that makes table thing, in ./flask; WHERE is
# another address for the application to go to. The working directory after.
hga_flask() {
    mkdir -p "$BATS_TEST_TMPDIR/flask"
    cd "$BATS_TEST_TMPDIR/flask" || return 1
    cat > app.py << 'EOF'
import os
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_migrate import Migrate
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("WHERE") or os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
migrate = Migrate(app, db)

class Thing(db.Model):
    id = db.Column(db.Integer, primary_key=True)
EOF
    export FLASK_APP=app.py
    flask db init > /dev/null
    flask db migrate -m "add thing" > /dev/null 2>&1
    git init -q -b main . && hga_commit
}
