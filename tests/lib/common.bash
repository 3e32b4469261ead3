# Loaded by every bats file:
#   setup_file() { load ../lib/common; hgt_setup_file; }
#   setup()      { load ../lib/common; }
# shellcheck shell=bash

HGT_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
HGT_PROFILE=${HGT_PROFILE:-dev}
HGT_BUILD=$HGT_ROOT/build/$HGT_PROFILE
export HGT_ROOT HGT_BUILD

# Secrets that no headgate program may show: one that every test has in its environment, and the password
# of the test servers. tests/lib/leaks looks for them in files and arguments, `run` in what is printed.
HGT_CANARY=canary-6d1f0b7e93-token
HGT_CANARIES=$HGT_CANARY,hgt-secret
# A host that no name server is asked for, so that no test waits for one: labels end at 63 characters.
# shellcheck disable=SC2034
HGT_NO_HOST=$(printf 'n%.0s' {1..64})

# Tests see nothing of the caller's own headgate, Railway, Docker, PostgreSQL or Python settings.
hgt_clean_environment() {
    local name
    for name in $(compgen -e); do
        case $name in
            HEADGATE_PG_BINDIR) ;;
            HEADGATE_* | RAILWAY_* | PG* | DB_* | DATABASE_* | ALEMBIC_* | DOCKER_* | PYTHON* | \
                VIRTUAL_ENV | NO_COLOR | CLICOLOR_FORCE | GITHUB_* | CI)
                unset "$name"
                ;;
        esac
    done
    # In the environment of every program of every test, and never to be seen again: see "leaks".
    export HGT_CANARY_TOKEN=$HGT_CANARY
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C.UTF-8
    export GIT_AUTHOR_NAME=Tess GIT_AUTHOR_EMAIL=tess@example.org
    export GIT_COMMITTER_NAME=Tess GIT_COMMITTER_EMAIL=tess@example.org
}

hgt_setup_file() {
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    HGT_VENV=$("$HGT_ROOT/scripts/test-venv")
    export HGT_VENV
    export PATH=$HGT_BUILD:$HGT_VENV/bin:$PATH
    export HOME=$BATS_FILE_TMPDIR/home
    mkdir -p "$HOME"
    # tests/run starts one server for all files; a file run alone starts its own, and a watcher that
    # stops it when bats is gone, however it ended.
    if [ -z "${HGT_SERVER:-}" ]; then
        HGT_SERVER=$(mktemp -d /tmp/hgt-XXXXXX)
        export HGT_SERVER
        "$HGT_ROOT/tests/server" start "$HGT_SERVER"
        "$HGT_ROOT/tests/server" watch "$HGT_SERVER" "${BATS_ROOT_PID:-$PPID}"
    fi
    HGT_PORT=$(cat "$HGT_SERVER/port")
    # Debian's psql of PATH is a script around this one, and takes five times as long.
    HGT_PSQL=$(cat "$HGT_SERVER/bindir")/psql
    [ -x "$HGT_PSQL" ] || HGT_PSQL=psql
    export HGT_PORT HGT_PSQL
}

# hgt_old_venv VERSION: a virtualenv with an older Alembic, from the cache: HOME is the test's own.
hgt_old_venv() {
    XDG_CACHE_HOME=$(dirname "$(dirname "$HGT_VENV")") "$HGT_ROOT/scripts/test-venv" "$1"
}

# hgt_db [ENCODING]: a fresh, empty database on the shared server. Exports HGT_DB, HGT_PGURL (libpq's spelling)
# and DATABASE_URL (SQLAlchemy's spelling).
hgt_db() {
    HGT_DB=hgt_$$_${RANDOM}${RANDOM}
    hgt_admin "create database $HGT_DB ${1:+template template0 encoding '$1' lc_collate 'C' lc_ctype 'C'}"
    export HGT_DB
    export HGT_PGURL=postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
}

hgt_admin() {
    "$HGT_PSQL" -XqAt -v ON_ERROR_STOP=1 "postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/postgres" -c "$1"
}

# SQL on the current test database.
hgt_psql() {
    "$HGT_PSQL" -XqAt -v ON_ERROR_STOP=1 "$HGT_PGURL" -c "$1"
}

# An own server for tests that kill or fill it: exports HGT_CLUSTER_DIR, HGT_CLUSTER_PID, HGT_PGURL,
# DATABASE_URL; ended by hgt_cluster_stop.
hgt_cluster() {
    HGT_CLUSTER_DIR=$(mktemp -d "${HGT_SERVER%/*}/hgt-XXXXXX")
    "$HGT_ROOT/tests/server" start "$HGT_CLUSTER_DIR"
    HGT_CLUSTER_PID=$(cat "$HGT_CLUSTER_DIR/pid")
    HGT_CLUSTER_PORT=$(cat "$HGT_CLUSTER_DIR/port")
    export HGT_CLUSTER_DIR HGT_CLUSTER_PID HGT_CLUSTER_PORT
    export HGT_PGURL=postgresql://hgt:hgt-secret@127.0.0.1:$HGT_CLUSTER_PORT/postgres
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$HGT_CLUSTER_PORT/postgres
}

hgt_cluster_stop() {
    if [ -n "${HGT_CLUSTER_DIR:-}" ]; then
        "$HGT_ROOT/tests/server" stop "$HGT_CLUSTER_DIR"
        unset HGT_CLUSTER_DIR
    fi
}

# The sample application's repository as a git checkout of its own; the working directory after.
hgt_project() {
    HGT_PROJECT=$BATS_TEST_TMPDIR/project
    cp -R "$HGT_ROOT/containers/notebook-api" "$HGT_PROJECT"
    cd "$HGT_PROJECT" || return 1
    find . -name __pycache__ -prune -exec rm -rf {} +
    git init -q -b main .
    git add -A
    git commit -q -m "The sample"
    export HGT_PROJECT
}

# The real Alembic, started where its users start it.
hgt_alembic() {
    (cd "${HGT_PROJECT:-.}/backend" && alembic -c alembic.ini "$@")
}

# hgt_upgraded REVISION: hgt_alembic upgrade REVISION, for an empty database and the sample as it is. Alembic does
# it once; then it is a copy of what Alembic made, for the time that importing SQLAlchemy takes.
hgt_upgraded() {
    local known=$HGT_SERVER/upgraded-$1 sample=$HGT_ROOT/containers/notebook-api/backend
    if [ "$(hgt_psql "select count(*) from pg_tables where schemaname = 'public'")" != 0 ] ||
        ! diff -rq -x __pycache__ "${HGT_PROJECT:-.}/backend/db" "$sample/db" > /dev/null ||
        ! diff -q "${HGT_PROJECT:-.}/backend/alembic.ini" "$sample/alembic.ini" > /dev/null; then
        hgt_alembic upgrade "$1"
    elif [ -s "$known" ]; then
        hgt_admin "drop database $HGT_DB"
        hgt_admin "create database $HGT_DB template $(cat "$known")"
    else
        hgt_alembic upgrade "$1"
        hgt_admin "create database ${HGT_DB}_made template $HGT_DB"
        echo "${HGT_DB}_made" > "$known.$$"
        mv "$known.$$" "$known"
    fi
}

# `run` as bats has it, which then looks at what a headgate program printed.
if ! declare -F hgt_bats_run > /dev/null; then
    eval "hgt_bats_$(declare -f run)"
fi
run() {
    hgt_bats_run "$@"
    case " $* " in
        *" headgate"* | *"/headgate"*) hgt_no_canary "$@" ;;
    esac
}

# Commands that are told to show everything are not looked at.
hgt_no_canary() {
    case " $* " in
        *" --reveal "* | *" --mask never "*) return 0 ;;
    esac
    local canary
    for canary in ${HGT_CANARIES//,/ }; do
        if [[ ${output:-} == *"$canary"* || ${stderr:-} == *"$canary"* ]]; then
            printf 'a secret was printed by: %s\n' "$*" >&2
            exit 1
        fi
    done
}

# json FILTER: what jq makes of the last `run`'s stdout (use `run --separate-stderr`).
json() {
    jq -r "$1" <<< "${output:-}"
}

# wait_for CONDITION…: until the command succeeds, at most 20 s.
wait_for() {
    local i
    for ((i = 0; i < 400; i++)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    fail "waited for: $*"
}

# Fails with what was seen, so that a red test explains itself.
fail() {
    printf '%s\n' "$@" >&2
    printf -- '--- status %s, output:\n%s\n' "${status:-}" "${output:-}" >&2
    [ -z "${stderr:-}" ] || printf -- '--- stderr:\n%s\n' "$stderr" >&2
    return 1
}

expect_status() {
    [ "$status" -eq "$1" ] || fail "expected exit $1"
}

expect_output() {
    [[ $output == *"$1"* ]] || fail "expected in output: $1"
}

expect_stderr() {
    [[ ${stderr:-} == *"$1"* ]] || fail "expected in stderr: $1"
}

# expect_document NAME: the last `run --separate-stderr`'s stdout is one JSON document that
# docs/schema/NAME.schema.json allows.
expect_document() {
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" "$1" <<< "$output" ||
        fail "not a $1 document"
}
