#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: options, variables, streams, help.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "options stand before and after the verb; every verb takes the common ones" {
    hgt_db
    chain p
    one 0 headgate -C p -q --format json status
    one 0 headgate --format=json --no-python -v -C p status -x a=b --timeout 9 --yes
    for verb in status history gate cancel; do
        one 0 headgate "$verb" --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
            --alembic-config alembic.ini --alembic-section alembic
    done
    lines 0 headgate apply --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
        --alembic-config alembic.ini --alembic-section alembic
    lines 0 headgate rollback --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
        --alembic-config alembic.ini --alembic-section alembic a1
    run headgate -C p -t local target pin
    expect_status 0
    run headgate -t local -C p explain HG101
    expect_status 0
    run headgate -C p postgres status
    expect_status 1
}

@test "--alembic-config is relative to -C, and a section may have another name" {
    hgt_db
    chain p
    printf '[other]\nscript_location = %%(here)s\n' > p/second.ini
    one 2 headgate history --offline --format json -C p --alembic-config second.ini
    one 0 headgate history --offline --format json -C p --alembic-config second.ini --alembic-section other
    holds '.heads == ["b2"]'
    one 0 headgate status --format json -C p --alembic-config second.ini --alembic-section other
    unset DATABASE_URL
    one 2 headgate status --format json -C p --alembic-config missing.ini
    holds '.error.message | contains("missing.ini")'
}

@test "without headgate.yaml: the process, then .env beside alembic.ini, then a literal sqlalchemy.url" {
    hgt_db
    url=$DATABASE_URL
    unset DATABASE_URL
    chain p/backend
    git init -q p
    sed -i "\$asqlalchemy.url = $url" p/backend/alembic.ini
    one 0 headgate status --format json -C p
    holds '.target == "local" and .state == "empty" and .database.name == "'"$HGT_DB"'"'
    lines 0 headgate apply --format json -C p
    echo "DATABASE_URL=postgresql://u@127.0.0.1:1/fromdotenv" > p/backend/.env
    one 3 headgate status --format json -C p
    holds '.error.message | contains("fromdotenv")'
    DATABASE_URL=$url one 0 headgate status --format json -C p
    holds '.state == "up-to-date"'
    rm p/backend/.env
    HEADGATE_TARGET=prod RAILWAY_ENVIRONMENT_NAME=staging one 0 headgate status --format json -C p
    holds '.target == "prod"'
    RAILWAY_ENVIRONMENT_NAME=staging one 0 headgate gate --format json -C p
    holds '.target == "staging"'
}

@test "HEADGATE_CONFIG and -c name the configuration, -t its target" {
    hgt_db
    chain p
    cat > other.yaml << EOF
version: 1
migrator: { directory: p }
targets:
  one: { url: "$HGT_PGURL" }
  two: { url: "postgresql://u@127.0.0.1:1/two" }
EOF
    HEADGATE_CONFIG=other.yaml one 0 headgate status -t one --format json
    holds '.target == "one"'
    HEADGATE_TARGET=one one 0 headgate -c other.yaml status --format json
    holds '.target == "one"'
    one 3 headgate -t two -c other.yaml status --format json
    one 2 headgate -t three -c other.yaml status --format json
    holds '.error.detail | contains("one, two")'
}

@test "one state directory: HEADGATE_STATE_DIR, beside headgate.yaml, beside alembic.ini, else the user's" {
    chain p/backend
    git init -q p
    where() { run headgate "$@" postgres status; expect_status 1; }
    shown() { headgate-show 2> /dev/null | sed -n 's/^state_dir=//p'; }
    export DATABASE_URL=postgresql://u@127.0.0.1:1/d
    PATH=$HGT_BUILD/helpers:$PATH
    where -C p; expect_output "under $PWD/p/backend/.headgate"
    (cd p && [ "$(shown)" = "$BATS_TEST_TMPDIR/p/backend/.headgate" ])
    where -C p/backend/versions; expect_output "under $PWD/p/backend/.headgate"
    echo 'version: 1' > p/headgate.yaml
    where -C p; expect_output "under $PWD/p/.headgate"
    where -C p/backend; expect_output "under $PWD/p/.headgate"
    (cd p && [ "$(shown)" = "$BATS_TEST_TMPDIR/p/.headgate" ])
    mkdir none
    where -C none; expect_output "under $HOME/.local/state/headgate"
    XDG_STATE_HOME=$PWD/xdg where -C none; expect_output "under $PWD/xdg/headgate"
    HEADGATE_STATE_DIR=$PWD/here where -C p; expect_output "under $PWD/here"
}

@test "HEADGATE_TRACE: a file or a descriptor, one JSON event a line, no name twice" {
    hgt_db
    chain p
    HEADGATE_TRACE=$PWD/trace headgate apply -C p -q > out 2>&1
    HEADGATE_TRACE=9 headgate status -C p 9> trace9 > /dev/null
    for file in trace trace9; do
        [ -s "$file" ] || fail "$file is empty"
        python - "$file" << 'EOF'
import json, sys
def once(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)
for line in open(sys.argv[1]):
    event = json.loads(line, object_pairs_hook=once)
    assert "event" in event and event["at"].endswith("Z"), event
EOF
    done
    jq -se 'any(.[]; .event == "child_start") and .[-1].event == "exit"' trace > /dev/null
    jq -se '.[-1] | .event == "exit" and .verb == "status" and .code == "0"' trace9 > /dev/null
    run cat trace trace9
    [[ $output != *hgt-secret* ]] || fail "the password is in the trace"
}

@test "NO_COLOR, CLICOLOR_FORCE, --color; no colour in a pipe and never in JSON" {
    hgt_db
    chain p
    cd p
    coloured() { grep -q $'\033' <<< "$1" || fail "no colour: $1"; }
    plain() { if grep -q $'\033' <<< "$1"; then fail "colour: $1"; fi; }
    coloured "$(CLICOLOR_FORCE=1 headgate status)"
    coloured "$(headgate status --color always)"
    plain "$(headgate status)"
    plain "$(CLICOLOR_FORCE=1 NO_COLOR=1 headgate status)"
    plain "$(CLICOLOR_FORCE=1 headgate status --format json)"
    plain "$(CLICOLOR_FORCE=1 headgate status --color never)"
}

@test "HEADGATE_PG_BINDIR chooses the PostgreSQL of a private cluster" {
    run env HEADGATE_PG_BINDIR=/nonexistent headgate -C "$BATS_TEST_TMPDIR" postgres start --state-dir "$PWD/s"
    expect_status 2
    expect_output /nonexistent
}

@test "a closed or full stdout is never exit 0" {
    hgt_db
    chain p
    cd p
    for args in "status --format json" "status" "history --offline" "history --format json" "gate --format json" \
        "--help" "--version" "status --help" "env --print" "explain HG101"; do
        # shellcheck disable=SC2086
        headgate $args >&- 2> /dev/null && fail "closed: $args"
        # shellcheck disable=SC2086
        headgate $args > /dev/full 2> /dev/null && fail "full: $args"
    done
    headgate status < /dev/null 2>&- > out
    [ -s out ]
}

@test "the line of target, host, database and source: status on stdout, the others on stderr" {
    hgt_db
    chain p
    cd p
    line="local: $HGT_DB at 127.0.0.1:$HGT_PORT, DATABASE_URL from"
    [[ $(headgate status 2> /dev/null | head -n 1) == "$line"* ]]
    for verb in history gate apply cancel "target pin" "rollback a1 --yes"; do
        # shellcheck disable=SC2086
        headgate $verb 2> err > out || fail "$verb"
        [[ $(head -n 1 err) == "$line"* ]] || fail "$verb: $(cat err)"
        ! grep -qF "$line" out || fail "$verb: on stdout"
    done
    [ -z "$(headgate env -- true 2>&1)" ]
    [[ $(headgate env -v -- true 2>&1) == *"$line"* ]]
}

@test "--help is one screen on stdout, for headgate and each verb; --version" {
    run --separate-stderr headgate --help
    expect_status 0
    [ -z "$stderr" ]
    local verbs
    verbs=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' <<< "$output")
    for verb in status history new gate apply rollback cancel env exec postgres target explain; do
        grep -qx "$verb" <<< "$verbs" || fail "headgate --help lacks $verb"
        run --separate-stderr headgate "$verb" --help
        expect_status 0
        [[ $output == "usage: headgate $verb "* ]] || fail "$verb"
        [ "${#lines[@]}" -le 50 ] || fail "$verb: ${#lines[@]} lines"
        [ -z "$stderr" ] || fail "$verb"
    done
    run headgate --version
    [[ $output =~ ^headgate\ [0-9]+\. ]] || fail "version"
}
