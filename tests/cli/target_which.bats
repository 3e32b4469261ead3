#!/usr/bin/env bats
# DESIGN 5, sentence by sentence: which target.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

@test "without configuration the target is HEADGATE_TARGET, else the Railway environment, else local" {
    export DATABASE_URL=postgresql://127.0.0.1/d
    run headgate show
    has target=local
    RAILWAY_ENVIRONMENT_NAME=production run headgate show
    has target=production
    RAILWAY_ENVIRONMENT_NAME=production HEADGATE_TARGET=mine run headgate show
    has target=mine
}

@test "railway run headgate apply is not local, with a headgate.yaml that has a local either" {
    hgt_yaml <<< 'targets: { local: {} }'
    export DATABASE_URL=postgresql://db.example.com/d RAILWAY_ENVIRONMENT_NAME=production
    run headgate show
    has target=production
    has protected=yes
}

@test "without a file another name is refused" {
    DATABASE_URL=postgresql://h/d run headgate show -t production
    [ "$status" -eq 2 ]
    says 'there is no target `production`: no headgate.yaml was found'
}

@test "remote and unnamed is protected; loopback, a socket or a name in the file is not" {
    DATABASE_URL=postgresql://db.example.com/d run headgate show
    has protected=yes
    DATABASE_URL=postgresql://127.0.0.1/d run headgate show
    has protected=no
    DATABASE_URL=postgresql://localhost:5433/d run headgate show
    has protected=no
    DATABASE_URL='postgresql:///d?host=/run/postgresql' run headgate show
    has protected=no
    DATABASE_URL=postgresql://127.0.0.1,db.example.com/d run headgate show
    has protected=yes
    hgt_yaml <<< 'targets: { local: {} }'
    DATABASE_URL=postgresql://db.example.com/d run headgate show
    has protected=no
}

@test "without configuration: the process, then .env beside alembic.ini, which does not override it" {
    mkdir backend && touch backend/alembic.ini
    echo 'DATABASE_URL=postgresql://from-file/d' > backend/.env
    run headgate show
    has host=from-file
    has 'url_source=DATABASE_URL from backend/.env:1'
    DATABASE_URL=postgresql://from-process/d run headgate show
    has host=from-process
    has 'url_source=DATABASE_URL from the process environment'
}

@test "a literal sqlalchemy.url is the last resort, and its placeholder is none" {
    hgt_project
    cd backend
    printf '[alembic]\nscript_location = db/migrations\nsqlalchemy.url = postgresql+psycopg://ini-host/d\n' > alembic.ini
    run headgate show
    has host=ini-host
    says 'sqlalchemy.url from alembic.ini'
    printf '[alembic]\nscript_location = db/migrations\nsqlalchemy.url = driver://user:pass@localhost/dbname\n' > alembic.ini
    run headgate show
    [ "$status" -eq 2 ]
    says 'no database address'
}

@test "without an address: whose value is empty, and that this is no project" {
    hgt_project
    echo 'DATABASE_URL=postgresql://file-host/d' > backend/.env
    DATABASE_URL='' run headgate show
    [ "$status" -eq 2 ]
    says 'DATABASE_URL is empty in the process environment (looked in: process, backend/.env)'
    says 'hint: give it a value in the process environment, take it out there'
    mkdir "$BATS_TEST_TMPDIR/empty"
    cd "$BATS_TEST_TMPDIR/empty"
    run headgate show
    [ "$status" -eq 2 ]
    says 'there is no alembic.ini in '
    says "hint: go to the project's folder or name it with -C DIR; else set DATABASE_URL"
}

@test "the first line names target, database, host and the source" {
    DATABASE_URL=postgresql+psycopg://u:topsecret@db.example.com:5433/shop run headgate show
    has 'line=local: shop at db.example.com:5433, DATABASE_URL from the process environment'
    lacks topsecret
}
