#!/usr/bin/env bats
# headgate doctor where the migrator is another: in a container, through other drivers, an older Alembic,
# Flask-Migrate.

setup_file() { load ../lib/common; hgt_setup_file; load ../lib/docker; hgt_docker; }
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/docker
    hgt_db
}
teardown() { hgt_containers_remove; }

doctor() { run --separate-stderr timeout 90 headgate doctor "$@"; }

is() { # STATUS ID [TEXT]
    local found
    found=$(grep -E "^[a-z]+ +$2 " <<< "$output") || fail "no line for $2"
    [[ $found == "$1 "* ]] || fail "expected $1 for $2"
    [[ $found == *"${3:-}"* ]] || fail "expected for $2: ${3:-}"
}

@test "asyncpg, psycopg2 and pg8000: env.py is looked at without connecting, and read-only with" {
    hga_project 2
    headgate apply > /dev/null 2>&1
    # What env.py does to the session must not write either.
    sed -i 's/^def run(connection):/&\n    connection.exec_driver_sql("select current_setting('"'default_transaction_read_only'"')").scalar()/' mig/env.py
    for driver in asyncpg psycopg2 pg8000; do
        export DATABASE_URL=postgresql+$driver://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
        doctor
        expect_status 0
        is ok envpy.url "by $driver, as headgate does"
        is ok alembic.current r2
    done
    # An env.py that writes is stopped by the server, not by luck.
    sed -i 's/^def run(connection):/&\n    connection.exec_driver_sql("create table written (id int)")/' mig/env.py
    doctor
    expect_status 1
    is ok envpy.runs
    is fail alembic.current 'read-only transaction'
    [ "$(hgt_psql "select to_regclass('written') is null")" = t ]
}

@test "Alembic 1.8.1 with SQLAlchemy 1.4" {
    old=$(hgt_old_venv 1.8.1)
    hga_project 2
    export PATH=$old/bin:$PATH DATABASE_URL=$HGT_PGURL
    doctor
    expect_status 0
    is ok tools.alembic 'alembic 1.8.1, SQLAlchemy 1.4'
    is ok envpy.url 'by psycopg2, as headgate does'
    is ok alembic.heads r2
    is ok alembic.current none
}

@test "Flask-Migrate" {
    hga_flask
    doctor
    expect_status 0
    is ok envpy.url "$HGT_DB at 127.0.0.1"
    is ok alembic.current none
    WHERE=postgresql+psycopg://hgt:canary-flask@127.0.0.1:1/elsewhere doctor
    expect_status 1
    is fail envpy.url 'env.py goes to elsewhere at 127.0.0.1:1'
    [[ $output$stderr != *canary* ]] || fail "a password"
}

@test "a container: found running, stopped and not at all; env.py is looked at inside" {
    hga_project 2
    headgate apply > /dev/null 2>&1
    hgt_project_container "$PWD:/app:ro"
    doctor -t docker
    expect_status 0
    is ok container.running "$HGT_CONTAINER runs (headgate-base); the migrator runs in it"
    is ok environment.sources "container $HGT_CONTAINER: "
    is ok envpy.runs "in $HGT_CONTAINER"
    is ok alembic.current r2
    ! grep -q tools.python <<< "$output" || fail "this host's Python does not matter"
    docker stop -t 0 "$HGT_CONTAINER" > /dev/null
    doctor -t docker
    expect_status 1
    is fail container.running
    is skipped envpy.runs 'because of container.running'
    hgt_containers_remove
    doctor -t docker --format json
    expect_status 1
    expect_document doctor
    [ "$(json '.checks[] | select(.id == "container.running").status')" = fail ]
    [ "$(json '.checks[] | select(.id == "environment.sources").status')" = skipped ]
}
