#!/usr/bin/env bats
# HEADGATE_TRACE: docs/trace.md says what is written; and no secret is, there or in an error.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    export HEADGATE_TRACE=$BATS_TEST_TMPDIR/trace
}

events() { jq -r .event "$HEADGATE_TRACE"; }

# Each event in order, with others between them.
in_order() {
    local event
    exec 4< <(events)
    for event in "$@"; do
        while read -r -u 4 line; do
            [ "$line" != "$event" ] || continue 2
        done
        echo "no $event after what came before it" >&2
        cat "$HEADGATE_TRACE" >&2
        return 1
    done
}

@test "status: become, connection, statement with its time, exit code" {
    hgt_project
    hgt_db
    headgate status > /dev/null
    in_order start become start connect_start connected sql exit
    jq -r '[.at, .pid, .event] | @tsv' "$HEADGATE_TRACE" | grep -q "	sql$" # as in docs/trace.md
    jq -es 'all(.[]; (.event | type) == "string" and (.pid | type) == "number" and
        (.at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z$")))' "$HEADGATE_TRACE"
    jq -es '[.[] | select(.event == "sql")] | length == 1 and .[0].status == "ok" and
        (.[0].ms | tonumber) > 0 and (.[0].statement | startswith("-- "))' "$HEADGATE_TRACE"
    jq -es '.[-1] | .event == "exit" and .verb == "status" and .code == "0"' "$HEADGATE_TRACE"
}

@test "apply: every child that started has ended, with its code; lock, gate, intent, steps" {
    hgt_project
    hgt_db
    headgate apply --yes --from-empty > /dev/null 2>&1
    in_order lock gate intent child_start driver child_exit exit
    jq -es '([.[] | select(.event == "child_start") | .child] | sort) as $started |
        ([.[] | select(.event == "child_exit") | .child] | sort) as $ended |
        ($started | length) > 0 and $started == $ended' "$HEADGATE_TRACE"
    jq -es 'any(.[]; .event == "child_exit" and .code == "0")' "$HEADGATE_TRACE"
    [ "$(jq -r 'select(.event == "driver" and .report == "step") | .revision' "$HEADGATE_TRACE" |
        sort -u | wc -l)" -ge 3 ]
}

@test "a failure: the kind of the error and the exit code" {
    hgt_project
    DATABASE_URL=postgresql://127.0.0.1:1/nothing run headgate status
    [ "$status" -eq 3 ]
    in_order connect_start connect_failed error exit
    jq -es 'any(.[]; .event == "error" and .kind == "database") and .[-1].code == "3"' "$HEADGATE_TRACE"
}

@test "no secret in the trace, nor in an error that libpq words" {
    hgt_project
    local verb format
    for verb in status history gate apply rollback cancel "target pin"; do
        # shellcheck disable=SC2086
        DATABASE_URL='postgresql://u:tops3cretpw@tops3cretpw.invalid:1/d' run headgate $verb
        [ "$status" -ne 0 ]
        [[ $output != *tops3cretpw* ]]
    done
    for format in text json; do
        DATABASE_URL='postgresql://u:tops3cretpw@127.0.0.1:1/d?sslmode=tops3cretpw' \
            run headgate status --format "$format"
        [ "$status" -ne 0 ]
        [[ $output == *'***'* ]]
        [[ $output != *tops3cretpw* ]]
    done
    [ "$(grep -c tops3cretpw "$HEADGATE_TRACE")" = 0 ]
    grep -q connect_failed "$HEADGATE_TRACE"
}

@test "a descriptor instead of a file; every event stands in docs/trace.md" {
    hgt_project
    hgt_db
    HEADGATE_TRACE=7 headgate status 7> "$BATS_TEST_TMPDIR/fd" > /dev/null
    [ "$(wc -l < "$BATS_TEST_TMPDIR/fd")" -gt 3 ]
    [ ! -e 7 ]
    local event
    # shellcheck disable=SC2013
    for event in $(grep -rhoE 'hg_trace\("[^"]+"' "$HGT_ROOT/pkg" --include=*.c | cut -d'"' -f2 | sort -u); do
        grep -q "^|.*\`$event\`" "$HGT_ROOT/docs/trace.md" || {
            echo "not in docs/trace.md: $event" >&2
            return 1
        }
    done
}
