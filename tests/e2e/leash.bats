#!/usr/bin/env bats
# The leash: wherever env.py would lead Alembic, it works in the judged database or not at all.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    OTHER=other_$$_$RANDOM
    hgt_admin "create database $OTHER"
    OTHER_URL=postgresql+psycopg2://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$OTHER
}
teardown() { hgt_admin "drop database if exists $OTHER with (force)"; }

other_is_empty() {
    [ "$(psql -XqAt "postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$OTHER" \
        -c "select count(*) from pg_class where relnamespace = 'public'::regnamespace")" = 0 ]
}

stopped_by() {
    expect_status 4
    [ "$(hga_result .outcome)" = failed ]
    [[ "$(hga_result .error.message)" == *"$1"* ]] || fail "expected: $1"
    other_is_empty
}

@test "env.py with load_dotenv(override=True) pointing elsewhere" {
    hga_project 1
    echo "DATABASE_URL=$OTHER_URL" > other.env
    hga_env '(__import__("dotenv").load_dotenv("other.env", override=True), os.environ["DATABASE_URL"])[1]'
    run --separate-stderr headgate apply --format json
    stopped_by "env.py connected to database $OTHER"
    [ "$(hga_rows)" = none ]
}

@test "env.py with a hard-coded URL, by each driver" {
    hga_project 1
    for driver in psycopg psycopg2 asyncpg pg8000; do
        hga_env "\"postgresql+$driver://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$OTHER\""
        run --separate-stderr headgate apply --format json
        stopped_by "env.py connected to database $OTHER"
    done
}

@test "env.py with SQLite is not the judged database" {
    hga_project 1
    hga_env '"sqlite:///elsewhere.db"'
    run --separate-stderr headgate apply --format json
    stopped_by "not the judged database"
}

@test "creator= cannot lead away, and works when it does not" {
    hga_project 1
    sed -i 's|create_engine(url, poolclass=pool.NullPool)|create_engine("postgresql+psycopg2://", creator=lambda: __import__("psycopg2").connect(os.environ["WHERE"]))|' mig/env.py
    hga_commit
    export WHERE=postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$OTHER
    run --separate-stderr headgate apply --format json
    stopped_by "env.py connected to database $OTHER"
    export WHERE=$HGT_PGURL
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "a template with several databases: the second one ends the run" {
    hga_project 1
    cat >> mig/env.py << EOF
with create_engine("$OTHER_URL").connect() as second:
    second.exec_driver_sql("create table leaked (a int)")
    second.exec_driver_sql("commit")
EOF
    hga_commit
    run --separate-stderr headgate apply --format json
    stopped_by "env.py connected to database $OTHER"
    # The first database was done by then, and that is said.
    [ "$(hga_result '.to[0]')" = r1 ]
}

@test "an env.py that opens several connections to the right database works" {
    hga_project 1
    cat >> mig/env.py << 'EOF'
engine = create_engine(url)
with engine.connect() as one, engine.connect() as two:
    assert one.exec_driver_sql("select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and database = (select oid from pg_database where datname = current_database())").scalar() == 2
    assert two.exec_driver_sql("select current_setting('application_name')").scalar().startswith("headgate migrator")
EOF
    hga_commit
    run --separate-stderr headgate apply --format json
    expect_status 0
}

@test "settings beat options in the URL, for every driver" {
    hga_project 1
    hga_revision 1 'got = op.get_bind().exec_driver_sql("select current_setting('"'lock_timeout'"')").scalar()
assert got == "2s", got
op.create_table("t1", sa.Column("id", sa.Integer))'
    export DATABASE_URL=$DATABASE_URL'?options=-c%20lock_timeout%3D0'
    run --separate-stderr headgate apply --format json
    expect_status 0
    for driver in psycopg2 asyncpg pg8000; do
        hgt_psql "drop schema headgate cascade; drop table t1, alembic_version"
        export DATABASE_URL=postgresql+$driver://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
        run --separate-stderr headgate apply --format json
        expect_status 0
        [ "$(hga_rows)" = r1 ]
    done
}

@test "Alembic 1.8.1 with SQLAlchemy 1.4" {
    old=$(hgt_old_venv 1.8.1)
    hga_project 3
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    export PATH=$old/bin:$PATH DATABASE_URL=$HGT_PGURL
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = r3 ]
    [ "$(jq -rs 'map(select(.event == "step" and .phase == "committed").revision) | join(",")' <<< "$output")" = r1,r2,r3 ]
    hga_env '"'"$OTHER_URL"'"'
    hga_revision 4
    run --separate-stderr headgate apply --format json
    stopped_by "env.py connected to database $OTHER"
    run --separate-stderr headgate rollback -1
    expect_status 4
    [ "$(hga_rows)" = r3 ]
}

@test "Flask-Migrate: flask db upgrade runs under the driver" {
    hga_flask
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hgt_psql "select to_regclass('thing') is not null and (select count(*) from alembic_version) = 1")" = t ]
    flask db revision -m "two" > /dev/null 2>&1
    hga_commit
    WHERE=$OTHER_URL run --separate-stderr headgate apply --format json
    stopped_by "env.py connected to database $OTHER"
}

@test "the files that run are those that were judged" {
    hga_project 1
    cat >> mig/versions/r1.py << 'EOF'
EOF
    # env.py changes a revision file before Alembic loads it.
    sed -i '1i open("mig/versions/r1.py", "a").write("# changed\\n")' mig/env.py
    hga_commit
    run --separate-stderr headgate apply --format json
    stopped_by "differs from the files that were judged"
    [ "$(hga_result '[.findings[].rule] | index("HG506") != null')" = true ]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "a version table that only headgate finds: stopped, and nothing is created" {
    hga_project 2
    hgt_psql "create schema s2; create table s2.alembic_version (version_num varchar(32)); insert into s2.alembic_version values ('r1')"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [[ "$(hga_result .error.hint)" == *version_table_schema* ]]
    [ "$(hga_rows)" = none ]
    [ "$(hgt_psql "select version_num from s2.alembic_version")" = r1 ]
}

@test "a version table that env.py keeps elsewhere is not the judged one" {
    hga_project 1
    hga_env 'os.environ["DATABASE_URL"]' 'version_table="ver" + "sions"'
    run --separate-stderr headgate apply --format json
    [ "$status" -ne 0 ]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "a migration that closes every descriptor is told what ended it" {
    hga_project 2
    hga_revision 2 'import os
os.closerange(3, 200)
op.create_table("t2", sa.Column("id", sa.Integer))'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [[ "$(hga_result .error.message)" == *"in the middle of revision r2"*"close file descriptors"* ]] || fail "the cause"
    # The number of ours is another file by then: nothing of ours goes there.
    hga_revision 2 'import os
for fd in range(3, 200):
    try:
        os.dup2(os.open("taken", os.O_CREAT | os.O_WRONLY), fd)
    except OSError:
        break
op.create_table("t2", sa.Column("id", sa.Integer))'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ ! -s taken ] && [ ! -s mig/taken ] || fail "$(cat taken mig/taken)"
    hga_revision 2 'import os
os._exit(3)'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [[ "$(hga_result .error.message)" == *"exit code 3 in the middle of revision r2"* ]] || fail "the place"
}

@test "a process that a revision forks does not tell how the migration ended" {
    hga_project 2
    hga_revision 2 'import os
child = os.fork()
if not child:
    os.close(op.get_bind().connection.driver_connection.fileno())
    raise RuntimeError("of the child")
os.waitpid(child, 0)
op.create_table("t2", sa.Column("id", sa.Integer))'
    HEADGATE_TRACE=$PWD/trace run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(grep -c '"report":"result"' trace)" = 1 ]
}
