#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How often a verb waits for the server: to a database far away that is most of its time.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
    headgate bundle -q --no-verify -o p.bundle > /dev/null
    headgate apply -q --bundle p.bundle r1 > /dev/null
    "$HGT_ROOT/tests/lib/round-trips" "$BATS_TEST_TMPDIR/port" "$HGT_PORT" "$BATS_TEST_TMPDIR/trips" 3>&- &
    PROXY=$!
    until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.1; done
    export DATABASE_URL=${DATABASE_URL/:$HGT_PORT\//:$(cat "$BATS_TEST_TMPDIR/port")/}
}
teardown() { kill "$PROXY" 2> /dev/null || :; }

# at_most TRIPS ARGS…: the verb succeeds and waits no more often; it does wait.
at_most() {
    local most=$1 before now
    shift
    before=$(cat "$BATS_TEST_TMPDIR/trips" 2> /dev/null || echo 0)
    run --separate-stderr headgate "$@"
    expect_status 0
    now=$(cat "$BATS_TEST_TMPDIR/trips")
    [ "$((now - before))" -gt 2 ] && [ "$((now - before))" -le "$most" ] || fail "$* waited $((now - before)) times"
}

@test "status, gate, apply, rollback and snapshot ask at once what they can" {
    at_most 6 status --bundle p.bundle
    at_most 14 gate --bundle p.bundle
    at_most 70 apply --bundle p.bundle --no-progress
    [ "$(hga_rows)" = r2 ]
    at_most 26 apply --bundle p.bundle --no-progress
    at_most 72 rollback --bundle p.bundle --yes -- -1
    at_most 16 snapshot --no-schema-sql -o s.tar
}
