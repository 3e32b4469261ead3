#!/usr/bin/env bats
# headgate postgres: a real private cluster, started, killed, started by two, destroyed.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    # Somewhere the unprivileged user can reach, as in most people's projects.
    STATE=$(mktemp -d /tmp/hgt-XXXXXX)
    chmod 755 "$STATE"
    export HEADGATE_STATE_DIR=$STATE/state
}
teardown() {
    headgate-postgres destroy --ephemeral > /dev/null 2>&1 || true
    headgate-postgres destroy > /dev/null 2>&1 || true
    rm -rf "$STATE"
}

pid_of() { headgate-postgres status "$@" | sed 's/.*process \([0-9]*\).*/\1/'; }
gone() { for _ in $(seq 50); do [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" || return 0; sleep 0.1; done; return 1; }

@test "start, url, psql, stop, start again, destroy: nothing is left" {
    run --separate-stderr headgate-postgres start
    expect_status 0
    [[ $output =~ ^postgresql://postgres:[0-9a-f]+@127.0.0.1:[0-9]+/app$ ]] || fail "not a URL"
    url=$output
    [ "$(headgate-postgres url)" = "$url" ]
    [ "$(psql -XAtc 'select current_database()' "$url")" = app ]
    [ "$(headgate-postgres psql -- -XAtc 'select current_user')" = postgres ]
    psql -Xqc 'create table kept (i int)' "$url"
    pid=$(pid_of)
    headgate-postgres stop
    gone "$pid" || fail "the server still runs"
    run headgate-postgres status
    expect_status 1
    expect_output "stopped"
    [ "$(headgate-postgres start)" = "$url" ] || fail "another address after a restart"
    psql -XAtc 'table kept' "$url"
    pid=$(pid_of)
    headgate-postgres destroy
    gone "$pid" || fail "the server still runs"
    [ -z "$(find "$HEADGATE_STATE_DIR" -mindepth 1 ! -name .gitignore)" ] || fail "$(find "$STATE")"
    run headgate-postgres status
    expect_status 1
}

@test "the cluster needs its password, belongs to nobody else, and does not run as root" {
    url=$(headgate-postgres start)
    dir=$(headgate-postgres status | sed 's/.* in //; s/ (ephemeral)//')
    [ "$(stat -c %a "$dir")" = 700 ]
    [ "$(stat -c %a "$dir/password")" = 600 ]
    [ "$(stat -c %u "/proc/$(pid_of)")" != 0 ]
    run psql -w -X -c 'select 1' "${url/:*@/@}"
    [ "$status" -ne 0 ] || fail "let in without a password"
    socket=$(sed -n 5p "$dir/data/postmaster.pid")
    [ "$(stat -c %a "$socket")" = 700 ]
    run env -u PGPASSWORD psql -w -X -h "$socket" -p "$(cat "$dir/port")" -U headgate -d app -c 'select 1'
    [ "$status" -ne 0 ] || fail "let in by the socket without a password"
    ! grep -rq "$(cat "$dir/password")" /proc/"$(pid_of)"/cmdline
}

@test "two starters make one cluster" {
    for i in 1 2 3; do headgate-postgres start > "$BATS_TEST_TMPDIR/$i" & done
    wait
    cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2"
    cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/3"
    [ -s "$BATS_TEST_TMPDIR/1" ]
    psql -XAtc 'select 1' "$(cat "$BATS_TEST_TMPDIR/1")"
}

@test "after a kill -9 the next start recovers what was committed" {
    url=$(headgate-postgres start)
    psql -Xqc 'create table kept as select 7 as i' "$url"
    kill -9 "$(pid_of)"
    run headgate-postgres status
    expect_status 1
    [ "$(headgate-postgres start)" = "$url" ]
    [ "$(psql -XAtc 'table kept' "$url")" = 7 ]
}

@test "a pid file that names another living process is recognised as stale" {
    headgate-postgres start
    dir=$(headgate-postgres status | sed 's/.* in //')
    headgate-postgres stop
    printf '%s\n%s\n' "$$" "$dir/data" > "$dir/data/postmaster.pid"
    run headgate-postgres status
    expect_status 1
    headgate-postgres start
    [ "$(pid_of)" != "$$" ]
}

@test "a taken port is replaced" {
    url=$(headgate-postgres start)
    port=${url##*:}; port=${port%%/*}
    headgate-postgres stop
    python3 -c "
import socket, sys, time
s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen(); print('ready', flush=True); time.sleep(30)" > "$BATS_TEST_TMPDIR/ready" &
    squatter=$!
    until [ -s "$BATS_TEST_TMPDIR/ready" ]; do sleep 0.05; done
    run --separate-stderr headgate-postgres start
    kill "$squatter"
    expect_status 0
    [ "$output" != "$url" ]
    psql -XAtc 'select 1' "$output"
}

@test "--ephemeral: beside the lasting one, fsync off, gone with stop's files after destroy" {
    first=$(headgate-postgres start)
    second=$(headgate-postgres start --ephemeral)
    [ "$first" != "$second" ]
    [ "$(psql -XAtc 'show fsync' "$second")" = off ]
    [ "$(psql -XAtc 'show fsync' "$first")" = on ]
    dir=$(headgate-postgres status --ephemeral | sed 's/.* in //; s/ (ephemeral)//')
    pid=$(pid_of --ephemeral)
    headgate-postgres destroy --ephemeral
    gone "$pid"
    [ ! -e "$dir" ]
    psql -XAtc 'select 1' "$first"
}

@test "a state directory that the server's user cannot reach, and one with a very long name" {
    if [ "$(id -u)" = 0 ]; then
        chmod 700 "$STATE"
        url=$(headgate-postgres start)
        psql -XAtc 'select 1' "$url"
        dir=$(cat "$HEADGATE_STATE_DIR/postgres.location")
        headgate-postgres destroy
        [ ! -e "$dir" ]
        chmod 755 "$STATE"
    fi
    long=$(printf 'x%.0s' $(seq 150))
    export HEADGATE_STATE_DIR=$STATE/$long
    url=$(headgate-postgres start)
    psql -XAtc 'select 1' "$url"
}

@test "a folder without PostgreSQL: exit 2, what to install" {
    run --separate-stderr env HEADGATE_PG_BINDIR="$BATS_TEST_TMPDIR" headgate-postgres start
    expect_status 2
    expect_stderr "HEADGATE_PG_BINDIR"
    [ -z "$output" ]
}

@test "an unknown verb: exit 2; nothing to stop: exit 1" {
    run --separate-stderr headgate-postgres begin
    expect_status 2
    run --separate-stderr headgate-postgres stop
    expect_status 1
    expect_stderr "headgate postgres start"
    headgate-postgres destroy
}

@test "an argument that means nothing: exit 2, and nothing is started" {
    for verb in start stop status url destroy; do
        run --separate-stderr headgate-postgres "$verb" surplus
        expect_status 2
        expect_stderr "takes no argument, not 'surplus'"
    done
    run --separate-stderr headgate-postgres status
    expect_status 1
}
