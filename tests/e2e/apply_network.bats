#!/usr/bin/env bats
# Long for its size: waits for the network to be found gone.
# headgate apply behind a network that fails: its lock session alone, or everything at once.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 1
    hga_revision 2 'op.create_table("t2", sa.Column("id", sa.Integer))
op.execute("select pg_sleep(30)")'
    "$HGT_ROOT/tests/lib/proxy" "$BATS_TEST_TMPDIR/port" "$HGT_PORT" 3>&- &
    PROXY=$!
    until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.1; done
    DIRECT=$DATABASE_URL
    export DATABASE_URL=${DATABASE_URL/:$HGT_PORT\//:$(cat "$BATS_TEST_TMPDIR/port")/}
}
teardown() { kill "$PROXY" 2> /dev/null || :; }

# started: apply runs in the background, and its migrator is in revision r2.
started() {
    headgate apply --format json > out 2> err 3>&- &
    pid=$!
    for _ in $(seq 200); do grep -q '"revision":"r2","phase":"begin"' out && return 0; sleep 0.1; done
    cat out err
    return 1
}

ended() {
    code=0
    wait "$pid" || code=$?
    output=$(cat out) stderr=$(cat err) status=$code
}

@test "the lock session cut by the network: canceled, exit 4; the next apply goes through" {
    started
    kill -USR1 "$PROXY"
    ended
    expect_status 4
    [[ "$(hga_result .error.message)" == *"apply lock was lost"* ]]
    [ "$(hga_result '.to | length')" = 0 ]
    [ "$(hga_rows)" = none ]
    hga_no_sessions
    hga_revision 2
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hgt_psql "select string_agg(outcome, ',' order by seq) from headgate.run")" = failed,applied ]
}

@test "the whole network gone: exit 4, to is null, and the server ends the migrator by itself" {
    started
    kill -USR2 "$PROXY"
    ended
    expect_status 4
    [ "$(hga_result '[.outcome, .to, .error.exit_code] | tojson')" = '["failed",null,4]' ]
    [[ "$(hga_result .error.detail)" == *"could not be read"* ]]
    export DATABASE_URL=$DIRECT
    hga_no_sessions
    [ "$(hga_rows)" = none ]
    hga_revision 2
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hgt_psql "select string_agg(outcome, ',' order by seq) from headgate.run")" = abandoned,applied ]
}
