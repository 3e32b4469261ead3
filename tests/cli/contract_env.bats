#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: exit codes and options of env and exec.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "env: the command's own code, 128+n, 125, 126, 127, 2, 124" {
    try() { run -"$1" headgate env "${@:2}"; }
    try 0 -- true
    try 7 -- sh -c 'exit 7'
    try 3 --max-runtime 9 -- sh -c 'exit 3'
    # shellcheck disable=SC2016
    try 137 -- sh -c 'kill -9 $$'
    # shellcheck disable=SC2016
    try 143 --mask always -- sh -c 'kill -15 $$'
    try 127 -- there-is-no-such-command
    try 126 -- /etc/passwd
    try 125 --from dotenv:missing -- true
    try 125 --from railway:x@y -- true
    try 125 -t nonsense -- true
    try 2 --nonsense -- true
    try 2 --set A -- true
    try 2 --mask sometimes -- true
    try 124 --max-runtime 0.3 -- sleep 9
    run headgate exec --container x -- true
    [ "$status" -eq 125 ] || [ "$status" -eq 127 ] || fail "exec"
}

@test "env: --set, --unset, --clean, --from and every form of --print" {
    printf 'A=1\nTOKEN_SECRET=hunter-two-three\n' > x.env
    [ "$(headgate env --clean --set 'B=2 3' --from dotenv:x.env --unset A -- /usr/bin/env | sort | head -n 1)" = "B=2 3" ]
    [ "$(A=9 headgate env --from dotenv:x.env --from process -- printenv A)" = 9 ]
    run headgate env --from dotenv:x.env --print
    expect_output "A=1"
    [[ $output != *hunter-two-three* ]] || fail "a secret is shown"
    one 0 headgate env --from dotenv:x.env --print --reveal --format json
    holds '.A == "1" and .TOKEN_SECRET == "hunter-two-three"'
    for form in shell github dotenv; do
        run headgate env --from dotenv:x.env --print --format "$form"
        expect_status 0
        expect_output "A="
    done
    one 125 headgate env --from dotenv:missing --print --format json
    [ "$(printf 'TOKEN_SECRET=%s\n' hunter-two-three > y.env; headgate env --from dotenv:y.env --mask always -- printenv TOKEN_SECRET)" != hunter-two-three ]
}
