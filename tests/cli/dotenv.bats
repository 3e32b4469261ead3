# SPDX-License-Identifier: Apache-2.0
# Our readers and writers of dotenv files beside the tools whose dialects they are.

setup_file() {
    load ../lib/common
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    HGT_VENV=$("$HGT_ROOT/scripts/test-venv")
    export HGT_VENV PATH=$HGT_BUILD:$PATH
}

setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR"
}

teardown_file() { :; }

compare() {
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/compare-dotenv" "$HGT_BUILD/helpers/dotenv-parse" "$@"
}

@test "python-dotenv: 5,000 random files read as python-dotenv reads them" {
    compare python-dotenv 5000
}

@test "node: 2,000 random files read as Node 20.20 was recorded to read them" {
    compare node "$HGT_ROOT/tests/fixtures/dotenv/node-20.20.json"
}

@test "docker: 120 random files read as the docker CLI reads them" {
    compare docker 120
}

@test "compose: 1,200 random files read as compose-go was recorded to read them" {
    compare compose "$HGT_ROOT/tests/fixtures/dotenv/compose-go.json"
}

@test "what --print writes is read back by every owner of its format" {
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/print-roundtrip" headgate "$HGT_BUILD/helpers/dotenv-parse"
}

@test "nothing in a file is executed" {
    printf 'A=$(touch ran)\nB=`touch ran`\nC="$(touch ran)"\nD="`touch ran`"\n' > x.env
    for dialect in compose docker python-dotenv node; do
        headgate env --from "dotenv:x.env:$dialect" -- sh -c 'printf "%s\n" "$A" "$B" "$C" "$D"' > "$dialect"
    done
    [ "$(sed -n 1p compose)" = '$(touch ran)' ]
    [ "$(sed -n 2p node)" = 'touch ran' ]
    [ ! -e ran ]
}

@test "the dialect is chosen by name, on the command line and in headgate.yaml" {
    printf 'V=val#x\n' > x.env
    for pair in 'compose val#x' 'docker val#x' 'python-dotenv val#x' 'python val#x' 'node val'; do
        [ "$(headgate env --from "dotenv:x.env:${pair% *}" -- sh -c 'echo "$V"')" = "${pair#* }" ]
    done
    printf 'version: 1\ntargets: { local: { environment: [ { dotenv: x.env, dialect: node } ] } }\n' > headgate.yaml
    [ "$(headgate env -- sh -c 'echo "$V"')" = val ]
}

@test "a line that the tool drops is dropped, and said" {
    printf 'A=1\nDB_PASS secret\nB=2\n' > x.env
    run --separate-stderr headgate env --from dotenv:x.env:python-dotenv -- sh -c 'echo "$A$B"'
    [ "$output" = 12 ]
    [[ $stderr == *'x.env:2: this line sets nothing: "=" is missing behind the name (dialect python-dotenv)'* ]]
    [[ $stderr != *secret* ]]
}

@test "--print says which value has no spelling that all dialects read alike" {
    printf "PLAIN=x y\nMANY='a#b'\nLINES=\"1\\\\n2\"\n" > x.env
    run --separate-stderr headgate env --from dotenv:x.env --print --reveal
    [ "${lines[0]}" = 'LINES="1\n2"' ]
    [ "${lines[1]}" = "MANY='a#b'" ]
    [ "${lines[2]}" = 'PLAIN=x y' ]
    [ "$stderr" = 'headgate: warning: no spelling that docker reads as the others do: LINES, MANY' ]
}

@test "--print leaves out what a format cannot hold, and says it" {
    run --separate-stderr headgate env --from process --unset PATH --set NODE_OPTIONS=-x --print --format github
    [[ $output != *NODE_OPTIONS* ]]
    [[ $stderr == *'left out, because --format github has no form for them:'*NODE_OPTIONS* ]]
    run --separate-stderr env -i A.B=1 "PATH=$PATH" headgate env --from process --print --format shell
    [[ $output != *A.B* ]]
    [[ $stderr == *'--format shell has no form for them: A.B'* ]]
}

@test "--reveal refuses the log of a CI job, and writes into a file" {
    echo 'API_TOKEN=s3cr3t-value' > x.env
    export CI=true
    run headgate env --from dotenv:x.env --print --reveal
    [ "$status" -eq 125 ]
    [[ $output == *'the log of a CI job'* && $output != *s3cr3t-value* ]]
    headgate env --from dotenv:x.env --print --reveal --format github >> github.env
    [ "$(cat github.env)" = 'API_TOKEN=s3cr3t-value' ]
    run headgate env --from dotenv:x.env --print
    [ "$output" = 'API_TOKEN=***' ]
    CI=false headgate env --from dotenv:x.env --print --reveal | grep -Fx 'API_TOKEN=s3cr3t-value'
}

@test "--print --format json is what its schema says" {
    echo 'API_TOKEN=s3cr3t-value' > x.env
    run --separate-stderr headgate env --from dotenv:x.env --print --format json
    expect_document env
    run --separate-stderr headgate env --from dotenv:missing.env --print --format json
    [ "$status" -eq 125 ]
    expect_document env
}

@test "-v names the secrets that are not masked" {
    printf 'DB_PASSWORD=postgres\nAPI_TOKEN=s3cr3t-value\nPIN_TOKEN=123\n' > x.env
    run --separate-stderr env -i "PATH=$PATH" headgate env -v --from dotenv:x.env -- sh -c 'echo "$DB_PASSWORD $API_TOKEN"'
    [ "$output" = 'postgres ***' ]
    [[ $stderr == *'too short or too common to be masked: DB_PASSWORD, PIN_TOKEN'* ]]
}
