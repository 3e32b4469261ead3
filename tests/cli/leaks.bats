# SPDX-License-Identifier: Apache-2.0
# Secrets are seen nowhere: not printed, not in arguments, files, the ledger, the server's log or a core
# file. And each of these looks can fail: a planted leak is found.
# Runs on the released build too: what memory and core files hold depends on the build.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR"
    LEAKS=$HGT_ROOT/tests/lib/leaks
}

@test "run: a secret that a headgate program prints fails the test" {
    run headgate env -- sh -c 'echo "$HGT_CANARY_TOKEN"' # masked
    [ "$output" = '***' ]
    hgt_bats_run bash -c "$(declare -f run hgt_no_canary); HGT_CANARIES=$HGT_CANARIES"'
        hgt_bats_run() { output=$("${@}" 2>&1) || status=$?; }
        run headgate env --mask=never -- sh -c "echo \$HGT_CANARY_TOKEN"
        echo not reached'
    [ "$status" -eq 1 ] || fail planted
    [[ $output == 'a secret was printed by: headgate env --mask=never'* && $output != *'not reached'* ]]
}

@test "scan: a secret in a file is found, across reads, and shown by its place only" {
    mkdir -p left/data
    head -c 4194300 /dev/zero > left/data/big
    printf 'xx%syy' "$HGT_CANARY" >> left/data/big
    run "$LEAKS" scan "$HGT_CANARIES" left
    [ "$status" -eq 1 ]
    [ "$output" = 'leak: left/data/big: 4194302' ]
    truncate -s 4194300 left/data/big
    "$LEAKS" scan "$HGT_CANARIES" left
}

@test "watch: a secret in the arguments of our programs, or of what they start, is found" {
    local HGT_CANARY=planted-$RANDOM$RANDOM # not the one that tests/run itself watches for
    mkfifo until
    "$LEAKS" watch "$HGT_CANARY" "$HGT_BUILD" < until > seen 3>&- &
    local watcher=$! code=0 i
    exec 4> until
    sleep 2 "$HGT_CANARY" 2> sleep.err || true # not ours
    supervise=$HGT_BUILD/helpers/supervise
    "$supervise" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s seen ] && exit; sleep 0.5; done' \
        "$HGT_CANARY" 4>&- 3>&-
    echo >&4
    exec 4>&-
    wait "$watcher" || code=$?
    [ "$code" -eq 1 ]
    grep -q '^leak: arguments of .*sh -c .* \*\*\*' seen
    ! grep -q "$HGT_CANARY" seen
}

@test "the whole job leaves no secret: output, trace, state, ledger, server log, arguments" {
    hgt_cluster
    hgt_project
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\nledger: required\n' > headgate.yaml
    git add -A && git commit -qm config
    mkfifo "$BATS_TEST_TMPDIR/until"
    "$LEAKS" watch "$HGT_CANARIES" "$HGT_BUILD" < "$BATS_TEST_TMPDIR/until" > "$BATS_TEST_TMPDIR/seen" 3>&- &
    local watcher=$!
    exec 4> "$BATS_TEST_TMPDIR/until"
    export HEADGATE_TRACE=$BATS_TEST_TMPDIR/out/trace HEADGATE_STATE_DIR=$BATS_TEST_TMPDIR/out/state
    mkdir -p "$BATS_TEST_TMPDIR/out"
    cd "$HGT_PROJECT"
    for words in 'status -vv' 'apply --yes -vv' 'status --format json' 'history' 'gate -vv' 'doctor' \
        'env --print' 'target pin'; do
        # shellcheck disable=SC2086
        headgate $words > "$BATS_TEST_TMPDIR/out/${words// /_}" 2>&1 || true
    done
    # Errors, too: wrong password, host, database, and a value that is no URL.
    for url in "${DATABASE_URL/127.0.0.1/127.0.0.9}" "${DATABASE_URL%/*}/nowhere" "nonsense://u:hgt-secret@h/d" \
        "postgresql://hgt:hgt-secret@127.0.0.1:1/x?nonsense=1" "${DATABASE_URL/hgt:/nobody:}" \
        "host=127.0.0.1 port=1 password=hgt-secret"; do
        DATABASE_URL=$url headgate status -vv > "$BATS_TEST_TMPDIR/out/error_$((i += 1))" 2>&1 || true
    done
    echo >&4
    exec 4>&-
    wait "$watcher"
    grep -q '"verb":"apply"' "$HEADGATE_TRACE"
    [ "$(hgt_psql 'select count(*) > 0 from headgate.run' 2> /dev/null || hgt_psql "select count(*) > 0 from pg_tables where schemaname = 'headgate'")" = t ]
    run "$LEAKS" scan "$HGT_CANARIES" "$BATS_TEST_TMPDIR/out" "$HGT_CLUSTER_DIR"
    expect_status 0
    hgt_cluster_stop
}

teardown() { hgt_cluster_stop; }
