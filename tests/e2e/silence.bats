#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A server that stops answering in the middle: every verb ends by itself, and says what is true.
# Long for its size: apply gives a database a minute.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    CHILDREN=()
    hgt_db
    hga_project 1
    headgate apply -q --yes
    hga_revision 2 'op.execute("select pg_sleep(4)")' 'op.execute("select 1")'
    RUNNING=()
}
teardown() { [ "${#CHILDREN[@]}" = 0 ] || kill "${CHILDREN[@]}" 2> /dev/null || :; }

# proxied NAME BYTES: a proxy that falls silent after so many bytes, and its address.
proxied() {
    "$HGT_ROOT/tests/lib/stall" "$BATS_TEST_TMPDIR/$1.port" "$HGT_PORT" "$2" "$BATS_TEST_TMPDIR/$1.count" 3>&- &
    PROXY=$!
    CHILDREN+=("$PROXY")
    until [ -s "$BATS_TEST_TMPDIR/$1.port" ]; do sleep 0.05; done
    ADDRESS=${DATABASE_URL/:$HGT_PORT\//:$(cat "$BATS_TEST_TMPDIR/$1.port")/}
}

# in_background NAME ARGS…: headgate through that proxy; NAME.out, NAME.code, NAME.seconds.
in_background() {
    local name=$1
    shift
    (
        cd "$BATS_TEST_TMPDIR/proj" || exit
        code=0
        SECONDS=0
        DATABASE_URL=$ADDRESS headgate "$@" > "$BATS_TEST_TMPDIR/$name.out" 2>&1 || code=$?
        echo "$SECONDS" > "$BATS_TEST_TMPDIR/$name.seconds"
        echo "$code" > "$BATS_TEST_TMPDIR/$name.code"
    ) 3>&- &
    RUNNING+=("$!")
}

# ended NAME CODE SECONDS: it did, with this code and no later, and nothing untrue was said.
ended() {
    local out
    out=$(cat "$BATS_TEST_TMPDIR/$1.out")
    [ "$(cat "$BATS_TEST_TMPDIR/$1.code")" = "$2" ] || fail "$1: exit $(cat "$BATS_TEST_TMPDIR/$1.code")" "$out"
    [ "$(cat "$BATS_TEST_TMPDIR/$1.seconds")" -le "$3" ] || fail "$1: $(cat "$BATS_TEST_TMPDIR/$1.seconds") s" "$out"
    [[ $out != *"pipeline mode"* && $out != *"in progress"* ]] || fail "$1" "$out"
    [[ $out == *"did not answer the query in time"* || $out == *"stopped answering"* || $out == *"no answer from"* ]] ||
        fail "$1 does not say it" "$out"
}

@test "status, gate and snapshot end by --timeout, however far they were" {
    local verb name part whole
    for verb in status gate "snapshot --no-schema-sql -o $BATS_TEST_TMPDIR/s.tar"; do
        name=${verb%% *}
        proxied "$name" 1000000000
        # shellcheck disable=SC2086
        DATABASE_URL=$ADDRESS headgate $verb > /dev/null 2>&1
        whole=$(cat "$BATS_TEST_TMPDIR/$name.count")
        for part in 3 6 9; do
            proxied "$name$part" $((whole * part / 10))
            # shellcheck disable=SC2086
            in_background "$name$part" $verb --timeout 2
        done
    done
    wait "${RUNNING[@]}"
    for name in status gate snapshot; do
        for part in 3 6 9; do ended "$name$part" 3 15; done
    done
}

@test "apply: 3 while it only asks, 4 once the migrator runs" {
    local bytes asked=()
    for bytes in 10000 50000 1000000000; do
        hgt_db
        headgate apply -q --yes r1
        proxied "apply$bytes" "$bytes"
        in_background "apply$bytes" apply --yes
        [ "$bytes" = 1000000000 ] || asked+=("$HGT_PGURL")
    done
    wait_for hgt_sleeps
    kill -USR1 "$PROXY"
    wait "${RUNNING[@]}"
    ended apply10000 3 90
    ended apply50000 3 90
    ended apply1000000000 4 90
    [ "$(hgt_psql "select outcome is null from headgate.run order by seq desc limit 1")" = t ]
    # Its sessions end with the way to them, and the next one says how it ended.
    kill "${CHILDREN[@]}"
    CHILDREN=()
    wait_for hga_no_sessions
    run --separate-stderr headgate status
    expect_status 0
    expect_output "has no outcome"
    for HGT_PGURL in "${asked[@]}"; do
        [ "$(hga_rows) $(hgt_psql "select count(*) from headgate.run")" = "r1 1" ] || fail "something was begun"
    done
}

hgt_sleeps() { [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(4)%' and state = 'active' and pid <> pg_backend_pid() and datname = current_database()")" != 0 ]; }
