#!/usr/bin/env bats
# headgate doctor: each check fine once and failing once, on a real PostgreSQL and the real Alembic.

setup_file() {
    load ../lib/common
    load ../lib/pooler
    load ../lib/railway
    hgt_setup_file
    hgt_poolers_start transaction
}
teardown_file() { load ../lib/pooler; hgt_poolers_stop; }
setup() {
    load ../lib/common
    load ../lib/pooler
    load ../lib/railway
    hgt_db
    hgt_project
}
teardown() { hgt_stub_stop; }

doctor() { run --separate-stderr timeout 60 headgate doctor "$@"; }

# is STATUS ID [TEXT]: the line of this check.
is() {
    local found
    found=$(grep -E "^[a-z]+ +$2 " <<< "$output") || fail "no line for $2"
    [[ $found == "$1 "* ]] || fail "expected $1 for $2"
    [[ $found == *"${3:-}"* ]] || fail "expected for $2: ${3:-}"
}

# hint ID TEXT: the way out under this line.
hint() {
    local found
    found=$(awk -v id="$1" '$2 == id { on = 1; next } /^[a-z]/ { on = 0 } on' <<< "$output")
    [[ $found == *"-> "*"$2"* ]] || fail "expected as the way out of $1: $2"
}

none() {
    ! grep -Eq "^[a-z]+ +$1" <<< "$output" || fail "a line for $1"
}

migrated() { hgt_upgraded head > /dev/null 2>&1; }

# env_py OLD NEW: changes env.py of the sample by Python's str.replace.
env_py() {
    python3 - backend/db/migrations/env.py "$1" "$2" << 'EOF'
import sys
name, old, new = sys.argv[1:]
text = open(name).read()
assert old in text
open(name, "w").write(text.replace(old, new))
EOF
}

# A role of its own for this test, without rights beyond connecting.
login() {
    HGT_ROLE=$HGT_DB
    hgt_admin "create role $HGT_ROLE login password 'canary-login-7351'"
    export DATABASE_URL=postgresql+psycopg://$HGT_ROLE:canary-login-7351@127.0.0.1:$HGT_PORT/$HGT_DB
}

# ---- all is well ------------------------------------------------------------------------------------

@test "a project that works: every line is fine, exit 0, and nothing was written" {
    migrated
    doctor
    expect_status 0
    [ -z "$stderr" ] || fail "something on stderr"
    ! grep -Evq '^ok |^local: everything works' <<< "$output" || fail "a line that is not fine"
    expect_output 'DATABASE_URL from the process environment'
    is ok alembic.current 0003
    none railway
    none container
    [ "$(hgt_psql "select to_regnamespace('headgate') is null")" = t ]
    [ "$(hgt_psql "select count(*) from pg_settings where name = 'default_transaction_read_only' and setting = 'on'")" = 0 ]
}

@test "the document is as its schema says, with stable ids; the same verdict" {
    migrated
    doctor --format json
    expect_status 0
    expect_document doctor
    [ "$(json '.healthy')" = true ]
    [ "$(json '.error')" = null ]
    [ "$(json '.counts.ok')" = "$(json '.checks | length')" ]
    [ "$(json '[.checks[].id] | (length) == (unique | length)')" = true ]
    [ "$(json '.checks[] | select(.id == "envpy.url").message')" = "$HGT_DB at 127.0.0.1:$HGT_PORT by psycopg, as headgate does" ]
}

@test "an empty database is no failure" {
    doctor
    expect_status 0
    is ok database.version-table 'is not there yet: the database is empty'
    is ok privileges.version-table 'may create public.alembic_version'
    is ok alembic.current none
    [ "$(hgt_psql "select to_regclass('public.alembic_version') is null")" = t ]
}

# ---- tools and files ----------------------------------------------------------------------------------

@test "a virtualenv without Alembic, and no client programs" {
    python3 -m venv --without-pip backend/.venv
    printf '#!%s/backend/.venv/bin/python3\n' "$PWD" > backend/.venv/bin/alembic
    chmod +x backend/.venv/bin/alembic
    mkdir bin
    ln -s "$(command -v git)" bin/git
    run --separate-stderr env PATH="$HGT_BUILD:$PWD/bin" headgate doctor
    expect_status 1
    is fail tools.alembic 'alembic -'
    hint tools.alembic 'backend/.venv/bin/python3 -m pip install alembic'
    is ok tools.git
    is warning tools.psql 'no psql on PATH'
    is warning tools.pg_dump
    is skipped envpy.runs 'because of tools.alembic'
    is skipped alembic.current 'because of tools.alembic'
    is ok database.answers
}

@test "no Python with Alembic anywhere" {
    mkdir bin
    ln -s "$(command -v git)" bin/git
    run --separate-stderr env PATH="$HGT_BUILD:$PWD/bin" GIT_TEST_ASSUME_DIFFERENT_OWNER=1 headgate doctor
    expect_status 1
    is warning tools.git 'another user owns it (HG216)'
    hint tools.git 'safe.directory'
    is fail tools.python 'cannot find a Python that has Alembic'
    hint tools.python "activate the project's virtualenv"
    is skipped tools.alembic
}

@test "env.py says by code where the revisions are: which, and what to write into alembic.ini" {
    mkdir backend/db/migrations/versions/pg
    git mv backend/db/migrations/versions/*.py backend/db/migrations/versions/pg
    env_py 'config = context.config' 'import os
config = context.config
context.script.version_locations = [os.path.join(os.path.dirname(__file__), "versions", "pg")]'
    doctor
    expect_status 1
    is unknown config.revisions 'says by code where they are'
    is ok envpy.runs
    is fail alembic.heads "$PWD/backend/db/migrations/versions/pg (3 of them)"
    hint alembic.heads 'alembic.ini: version_locations = %(here)s/db/migrations/versions/pg'
    sed -i 's|^script_location.*|&\nversion_locations = %(here)s/db/migrations/versions/pg|' backend/alembic.ini
    doctor
    expect_status 0
    is ok alembic.heads
}

# python_of FOLDER: a python3 there, and an alembic that names it.
python_of() {
    mkdir -p "$1/bin"
    ln -s "$(command -v python3)" "$1/bin/python3"
    printf '#!%s/bin/python3\n' "$1" > "$1/bin/alembic"
    chmod +x "$1/bin/alembic"
}

@test "which Python: beside alembic.ini, the activated virtualenv, one of a folder above, PATH" {
    local other=$BATS_TEST_TMPDIR/other
    doctor
    is ok tools.python "$HGT_VENV/bin/python"
    python_of "$PWD/.venv"
    doctor
    is fail tools.alembic
    is ok tools.python ", $PWD/.venv/bin/python3"
    mkdir -p "$other/bin"
    VIRTUAL_ENV=$other doctor
    is ok tools.python ", $PWD/.venv/bin/python3"
    python_of "$other"
    VIRTUAL_ENV=$other doctor
    is ok tools.python ", $other/bin/python3"
    VIRTUAL_ENV='' doctor
    is ok tools.python ", $PWD/.venv/bin/python3"
    python_of "$PWD/backend/venv"
    VIRTUAL_ENV=$other doctor
    is ok tools.python ", $PWD/backend/venv/bin/python3"
}

@test "a broken headgate.yaml: file, line and column; what does not depend on it is still told" {
    sed -i 's/protected: true/protected: perhaps/' headgate.yaml
    doctor -t production
    expect_status 1
    is fail config.valid "headgate.yaml:$(grep -n perhaps headgate.yaml | cut -d: -f1):16"
    is ok config.revisions '3 revisions, 1 head'
    is skipped database.answers 'because of config.valid'
    expect_stderr 'config.valid'
}

@test "two heads, and a history that Alembic refuses" {
    local versions=backend/db/migrations/versions
    sed 's/0003c9e2074a/0004aaaaaaaa/' $versions/0003*.py > $versions/0004_twin.py
    doctor
    expect_status 1
    is fail config.revisions '2 heads (HG101)'
    hint config.revisions 'alembic merge heads'
    is ok alembic.heads '0003c9e2074a, 0004aaaaaaaa'
    sed -i 's/^down_revision.*/down_revision = "nowhere"/' $versions/0004_twin.py
    doctor
    expect_status 1
    is fail config.revisions HG102
    is ok database.identity
    is skipped alembic.heads 'because of config.revisions'
}

@test "no alembic.ini, and a working directory that is gone" {
    rm backend/alembic.ini
    doctor
    expect_status 1
    is fail config.alembic
    is skipped config.revisions
    is skipped envpy.runs
    mkdir -p ../pair/one ../pair/two
    touch ../pair/one/alembic.ini ../pair/two/alembic.ini
    run -2 timeout 60 headgate -C ../pair history --offline
    expect_output $'found:\n    '"$BATS_TEST_TMPDIR"$'/pair/one\n    '"$BATS_TEST_TMPDIR/pair/two"
    expect_output 'migrator: { directory: DIR }'
    mkdir ../gone && cd ../gone && rmdir "$PWD"
    doctor
    expect_status 1
    is fail config.valid 'the folder in which headgate was started is not there any more'
    is skipped database.answers
    run -2 timeout 60 headgate history --offline
    expect_output "no alembic.ini in ."
    run -2 timeout 60 headgate status
    expect_output "name it with -C DIR"
    run -2 timeout 60 headgate -C "$HGT_PROJECT" history --offline
    expect_output "no alembic.ini in $HGT_PROJECT"
}

# ---- sources ------------------------------------------------------------------------------------------

@test "no address; a dotenv file that is counted" {
    unset DATABASE_URL
    doctor
    expect_status 1
    is ok config.valid
    is fail environment.sources 'no database address'
    is skipped database.answers 'because of environment.sources'
    is skipped envpy.runs 'because of environment.sources'
    echo "DATABASE_URL=postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB" > backend/.env
    doctor
    is ok environment.sources 'backend/.env: 1 variable)'
}

@test "dotenv files: lines that tools read differently, secrets that others can read, short ones" {
    printf 'DATABASE_URL="postgresql://hgt:hgt-secret@127.0.0.1:%s/%s"\nAPI_TOKEN=canary # mine\nDB_PASSWORD=x\n' \
        "$HGT_PORT" "$HGT_DB" > backend/.env
    unset DATABASE_URL
    chmod 644 backend/.env
    git add -f backend/.env
    doctor
    expect_status 0
    is warning environment.dotenv '(HG515)'
    expect_output 'backend/.env:2: API_TOKEN'
    is warning environment.secrets '(HG516)'
    expect_output 'git tracks backend/.env'
    hint environment.secrets 'chmod 600 backend/.env'
    is ok environment.masking 'DB_PASSWORD'
    [[ $output$stderr != *canary* ]] || fail "a secret"
    git rm -q --cached backend/.env
    chmod 600 backend/.env
    echo "DATABASE_URL=postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB" > backend/.env
    doctor
    is ok environment.dotenv
    is ok environment.secrets
    is ok environment.masking 'every secret'
    echo 'notify: [ { slack_env: NOT_SET_HERE }, { webhook: "https://a.example" } ]' >> headgate.yaml
    doctor
    is warning environment.notify 'somebody cannot be told: NOT_SET_HERE is not set (HG641)'
    NOT_SET_HERE=$HGT_CANARY doctor
    is warning environment.notify 'NOT_SET_HERE holds no address that begins with https:// or http:// (HG641)'
    export NOT_SET_HERE=https://b.example/1234567
    doctor
    is ok environment.notify '2 to be told of a run'
}

@test "Railway: the token, the API, and a private host's public address" {
    hgt_stub_start --set STUB_PGUSER=hgt --set STUB_PGPASSWORD=hgt-secret \
        --set STUB_PGPASSWORD_URL=hgt-secret --set STUB_PGPORT="$HGT_PORT" \
        --set STUB_PGDATABASE="$HGT_DB"
    unset DATABASE_URL
    doctor -t production
    expect_status 1
    is fail railway.token 'no token'
    hint railway.token 'RAILWAY_TOKEN'
    expect_stderr 'hint: railway.token: railway login'
    is skipped railway.api
    is skipped environment.sources 'because of railway.token'

    RAILWAY_TOKEN=$HGT_TOKEN doctor -t production
    expect_status 0
    is ok railway.token 'a project token'
    is ok railway.api 'railway api@production answered'
    is ok environment.sources 'railway api@production: '
    is ok database.route 'public address of postgres.railway.internal'
    is warning database.identity HG503
    is ok envpy.url "127.0.0.1:$HGT_PORT"

    RAILWAY_DEPLOYMENT_ID=d RAILWAY_SERVICE_NAME=api RAILWAY_ENVIRONMENT_NAME=production \
        DATABASE_URL=$HGT_PGURL doctor -t production
    is ok railway.token 'inside the service'

    RAILWAY_TOKEN=wrong doctor -t production
    expect_status 1
    is fail railway.api
    is skipped environment.sources 'because of railway.api'

    hgt_stub_stop
    RAILWAY_TOKEN=$HGT_TOKEN doctor -t production --timeout 5
    expect_status 1
    is fail railway.api
}

# ---- the database ---------------------------------------------------------------------------------------

@test "a wrong password, an unknown host, nobody listening" {
    local url=$DATABASE_URL
    export DATABASE_URL=${url/hgt-secret/canary-wrong-password}
    doctor -v
    expect_status 1
    is fail database.answers 'refused the password of user "hgt"'
    hint database.answers 'correct the password'
    is skipped database.identity 'because of database.answers'
    is skipped privileges.ledger 'because of database.answers'
    is ok envpy.url
    is skipped alembic.current 'because of database.answers'
    [[ $output$stderr != *canary* ]] || fail "a password"
    export DATABASE_URL=${url/127.0.0.1/$HGT_NO_HOST}
    doctor
    expect_status 1
    is fail database.answers 'does not resolve'
    export DATABASE_URL=${url/:$HGT_PORT/:1}
    doctor
    expect_status 1
    is fail database.answers 'nothing listens there'
}

@test "identity: pinned elsewhere, and the label of another target" {
    cat > headgate.yaml << EOF
version: 1
targets:
  local:
    protected: true
    environment: [ process ]
    identity: { system_identifier: "42", database: $HGT_DB }
EOF
    doctor
    expect_status 1
    is fail database.identity 'pinned is 42 (HG501)'
    hint database.identity 'headgate target pin'
    sed -i '/identity/d' headgate.yaml
    headgate target relabel --yes > /dev/null 2>&1
    sed -i 's/local:/other:/' headgate.yaml
    doctor -t other
    expect_status 1
    is fail database.identity 'carries the label of target local (protected), and this is target other (HG502)'
}

@test "a role that may only read" {
    migrated
    login
    hgt_psql "grant select on all tables in schema public to $HGT_ROLE"
    doctor
    expect_status 1
    is fail privileges.version-table "may not write public.alembic_version"
    hint privileges.version-table 'grant select, insert, update, delete on public.alembic_version'
    is warning privileges.ledger 'may not create the schema headgate (HG507)'
    is ok privileges.locks
    is ok privileges.cancel
    is warning privileges.tables 'may not alter 4 tables of other owners'
    hint privileges.tables "grant \"hgt\" to \"$HGT_ROLE\""
    is ok alembic.current
    [[ $output$stderr != *canary* ]] || fail "a password"
    hgt_psql "revoke execute on function pg_try_advisory_lock(int, int), pg_cancel_backend(int) from public"
    hgt_psql "revoke select on alembic_version from $HGT_ROLE"
    doctor
    is fail privileges.locks 'may not take advisory locks'
    is warning privileges.cancel
    is fail database.version-table HG604
    is skipped alembic.current 'because of database.version-table'
}

@test "read-only sessions" {
    hgt_psql "alter database $HGT_DB set default_transaction_read_only = on"
    doctor
    expect_status 1
    is fail database.writable HG602
}

@test "a pooler in between: found, and env.py is not sent through it" {
    migrated
    local past=$DATABASE_URL
    hgt_through transaction
    doctor
    expect_status 1
    is fail database.pooler HG603
    is skipped alembic.current 'because of database.pooler'
    cat > headgate.yaml << EOF
version: 1
targets:
  local:
    environment: [ process ]
    direct_url: "$past"
EOF
    doctor
    expect_status 0
    is ok database.direct PostgreSQL
    is ok database.pooler
    is ok alembic.current 0003
}

@test "a clock that is a minute off is a warning" {
    cat > clock.c << 'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = ((int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime"))(id, t);
    if (id == CLOCK_REALTIME)
        t->tv_sec += 60;
    return rc;
}
EOF
    cc -shared -fPIC -o clock.so clock.c -ldl
    # The sanitizers' runtime wants to be first, and need not be here.
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 LD_PRELOAD=$PWD/clock.so doctor
    expect_status 0
    is warning database.clock "clock is 60 s behind this machine's"
    expect_output 'everything works ('
    expect_output ', 1 warning)'
}

# ---- env.py ------------------------------------------------------------------------------------------------

@test "env.py with an address of its own: said without its password, and not connected to" {
    env_py 'create_engine(db_url' 'create_engine("postgresql+psycopg://app:canary-hard-coded@127.0.0.1:1/other"'
    doctor -v
    expect_status 1
    is fail envpy.url 'env.py goes to other at 127.0.0.1:1, headgate to'
    hint envpy.url 'os.environ["DATABASE_URL"]'
    is skipped alembic.current 'because of envpy.url'
    [[ $output$stderr != *canary* ]] || fail "a password"
    doctor --format json
    expect_document doctor
    [ "$(json '.error.exit_code')" = 1 ]
    [[ $output$stderr != *canary* ]] || fail "a password"
}

@test "env.py that reaches another database by a creator: stopped before its first statement" {
    migrated
    hgt_admin "create database ${HGT_DB}_b"
    env_py 'create_engine(db_url' "create_engine('postgresql+psycopg://', creator=lambda: __import__('psycopg').connect('${HGT_PGURL}_b')"
    doctor
    expect_status 1
    is ok envpy.url
    is fail alembic.current "env.py connected to database ${HGT_DB}_b"
    hint alembic.current "target's variables"
    [ "$(psql -XAt "${HGT_PGURL}_b" -c "select to_regclass('alembic_version') is null")" = t ]
}

@test "a version table that only running env.py tells, and the line for headgate.yaml" {
    env_py 'connection=connection,' \
        'connection=connection, version_table="app" + "_version", version_table_schema="public",'
    migrated
    doctor
    expect_status 1
    is fail envpy.version-table 'env.py keeps its versions in public.app_version'
    hint envpy.version-table 'version_table: app_version, version_table_schema: public'
    sed -i 's/^  local:/&\n    version_table: app_version\n    version_table_schema: public/' headgate.yaml
    doctor
    expect_status 0
    is ok envpy.version-table public.app_version
    is ok alembic.current 0003
}

@test "include_schemas would see the ledger: the line that helps, helps" {
    env_py 'include_name=include_name,' ''
    env_py 'connection=connection,' 'connection=connection, include_schemas=True,'
    doctor
    expect_status 0
    is warning envpy.schemas '(HG220)'
    local line
    line=$(grep -o 'include_name=lambda.*"headgate")' <<< "$output")
    env_py 'include_schemas=True,' "include_schemas=True, $line,"
    doctor
    expect_status 0
    is ok envpy.schemas 'left out'
}

@test "env.py that raises, and one that waits: fails and unknown" {
    env_py 'target_metadata = Base.metadata' 'raise RuntimeError("no postgresql://app:canary-raised@h/d today")'
    doctor
    expect_status 1
    is fail envpy.runs 'RuntimeError: no postgresql://app:***@h/d today'
    is skipped envpy.url
    [[ $output$stderr != *canary* ]] || fail "a password"
    env_py 'raise RuntimeError' '__import__("time").sleep(60); raise RuntimeError'
    doctor --timeout 4
    expect_status 3
    is unknown envpy.runs
    is skipped alembic.current 'because of envpy.runs'
    doctor --timeout 4 --format json
    expect_status 3
    [ "$(json '.healthy')" = null ]
    expect_document doctor
}

@test "a database that Alembic and headgate see differently" {
    migrated
    hgt_psql "create schema side; create table side.alembic_version (version_num varchar(32)); insert into side.alembic_version values ('0001a7c35e90')"
    env_py 'with engine.connect() as connection:' 'with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to side, public")'
    doctor
    expect_status 1
    is fail alembic.current 'alembic current says 0001a7c35e90, headgate 0003c9e2074a'
}
