#!/usr/bin/env bats
# headgate entrypoint: every state under every policy, signals, process 1, many replicas at once.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project
}

# entry OPTIONS…: the application says that it was started, and as what.
entry() {
    run --separate-stderr timeout 60 headgate entrypoint "$@" -- sh -c 'echo "started $0"' app
}

started() { [ "$output" = "started app" ] || fail "the application was not started"; }
not_started() { [ "$output" = "" ] || fail "the application was started"; }

@test "apply: an empty, a behind, an up-to-date database; the application's stdout is its own" {
    entry --policy apply
    expect_status 0
    started
    [ "$(hga_rows)" = r3 ]
    expect_stderr "starting sh"
    hga_revision 4
    entry
    expect_status 0
    started
    [ "$(hga_rows)" = r4 ]
    entry
    expect_status 0
    started
    [[ $stderr != *"gate: open"* ]] || fail "applied again"
}
