#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Long for its size: all of it on six servers.
# PostgreSQL 13 to 18, by HEADGATE_PG_BINDIR: every statement is understood, and the main job works with the real Alembic.
# 15 is the distribution's in most places, and then all other tests run on it.

setup_file() {
    load ../lib/common
    HGT_BINDIRS=$("$(dirname "$BATS_TEST_FILENAME")/../../scripts/test-postgres-versions")
    export HGT_BINDIRS
    hgt_setup_file
}
setup() { load ../lib/common; }
teardown() {
    headgate postgres destroy --ephemeral > /dev/null 2>&1 || true
    rm -rf "$STATE"
}

# The programs of one major version.
bindir() {
    HEADGATE_PG_BINDIR=$(grep -- "postgres-$1\." <<< "$HGT_BINDIRS") || fail "no PostgreSQL $1"
    export HEADGATE_PG_BINDIR
}

# Every file of pkg/*/sql, as the programs send it: one statement each. Run after the ledger is made;
# schema.sql, a DO block that cannot be prepared, made it.
prepare_statements() {
    local file count=0
    {
        echo "select set_config('search_path', 'public', false);"
        echo "create table headgate.object (run bigint, seq bigint);" # of version 3, for old_objects.sql
        for file in "$HGT_ROOT"/pkg/*/sql/*.sql; do
            [ "${file##*/}" != schema.sql ] || continue
            count=$((count + 1))
            printf '\\echo %s\nprepare s%s as\n%s\n;\n' "${file#"$HGT_ROOT/"}" "$count" "$(cat "$file")"
        done
    } > "$BATS_TEST_TMPDIR/all.sql"
    run psql -XqAt -v ON_ERROR_STOP=1 -f "$BATS_TEST_TMPDIR/all.sql" "$HGT_PGURL"
    expect_status 0
    [ "$(hgt_count "$output" '^pkg/')" -eq "$count" ] && [ "$count" -ge 20 ] || fail "$count statements"
}
hgt_count() { grep -c -- "$2" <<< "$1"; }

state() {
    run --separate-stderr headgate status --format json
    [ "$(json .state)" = "$1" ] || fail "expected state $1"
    expect_document status
}

# The main job on the sample: nothing there, behind, applied, back by one.
main_job() {
    hgt_project
    state empty
    hgt_alembic upgrade 0001 > "$BATS_TEST_TMPDIR/alembic" 2>&1
    state behind
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ "$(json .verdict)" = open ] || fail "shut"
    run --separate-stderr headgate apply
    expect_status 0
    expect_output "2 revisions applied"
    state up-to-date
    [ "$(json .ledger.last.outcome)" = applied ] || fail "the ledger"
    [ "$(hgt_psql "select string_agg(revision, ' ' order by seq) from headgate.step where outcome = 'done'
                     and committed_at >= started_at and octet_length(file) > 0")" = "0002b41f6d28 0003c9e2074a" ] || fail "the steps recorded"
    run --separate-stderr headgate rollback -1 --yes
    expect_status 0
    state behind
    [ "$(hgt_psql "select direction || ' ' || outcome from headgate.run order by seq desc limit 1")" = "down applied" ]
}

# Every kind of object, but for the extension, which these servers do not bring. No pg_dump is that new.
snapshot() {
    run --separate-stderr headgate postgres psql --ephemeral -- -Xqc 'create database kinds'
    local url=${HGT_PGURL%/*}/kinds
    sed '/trgm/d' "$HGT_ROOT/tests/lib/every-kind.sql" | psql -Xq -v ON_ERROR_STOP=1 "$url"
    DATABASE_URL=$url run --separate-stderr headgate snapshot --no-schema-sql --format json -C /
    expect_status 0
    expect_document snapshot
    [ "$(json '.unreadable | length')" = 0 ] || fail "unreadable"
    [ "$(json '.catalog.objects | keys | length')" = 24 ] || fail "$(json '.catalog.objects | keys')"
    [ "$(json '.catalog.objects.table | length')" = 10 ] || fail "$(json '.catalog.objects.table | keys')"
}

# On a private server of that version, as `headgate postgres` makes it.
one_version() {
    bindir "$1"
    STATE=$(mktemp -d /tmp/hgt-XXXXXX)
    chmod 755 "$STATE"
    export HEADGATE_STATE_DIR=$STATE/state
    run --separate-stderr headgate postgres start --ephemeral
    expect_status 0
    export HGT_PGURL=$output DATABASE_URL=postgresql+psycopg${output#postgresql}
    [ "$(hgt_psql "select current_setting('server_version_num')::int / 10000")" = "$1" ]
    main_job
    prepare_statements
    snapshot
    run headgate postgres destroy --ephemeral
    expect_status 0
    run psql -XAtc 'select 1' "$HGT_PGURL"
    [ "$status" -ne 0 ] || fail "the server still runs"
}

@test "PostgreSQL 13: a private server, the main job, every statement" { one_version 13; }

@test "PostgreSQL 14: a private server, the main job, every statement" { one_version 14; }

@test "PostgreSQL 16: a private server, the main job, every statement" { one_version 16; }

@test "PostgreSQL 17: a private server, the main job, every statement" { one_version 17; }

@test "PostgreSQL 18: a private server, the main job, every statement" { one_version 18; }
