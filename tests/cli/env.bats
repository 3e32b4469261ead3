#!/usr/bin/env bats
# headgate env as CONTRACT.md has it, and the dispatcher.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

@test "the command's own exit code" {
    run headgate env -- sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run headgate env --mask never -- sh -c 'exit 7'
    [ "$status" -eq 7 ]
}

@test "ended by a signal: 128+n, and it is said" {
    export A_SECRET=abcdefgh
    run headgate env -- sh -c 'kill -9 $$'
    [ "$status" -eq 137 ]
    says 'sh was ended by signal 9 (SIGKILL)'
}

@test "not found is 127, not runnable is 126, wrong usage is 2, our own failure is 125" {
    touch plain
    run -127 headgate env -- ./no-such-command
    run -126 headgate env -- ./plain
    run headgate env
    [ "$status" -eq 2 ]
    run headgate env --from nonsense -- true
    [ "$status" -eq 2 ]
    run headgate env --reveal -- true
    [ "$status" -eq 2 ]
    says '--mask never'
    run headgate env --from dotenv:missing.env -- true
    [ "$status" -eq 125 ]
    says missing.env
}

@test "a bad line of a dotenv file: file, line, what" {
    printf 'A=1\nB="open\n' > x.env
    run headgate env --from dotenv:x.env -- true
    [ "$status" -eq 125 ]
    says 'x.env:2'
}

@test "--set, --unset and --clean" {
    echo 'A=file' > x.env
    run headgate env --from dotenv:x.env --set B=two --unset HOME -- sh -c 'echo "$A $B <$HOME>"'
    has 'file two <>'
    run headgate env --from dotenv:x.env --clean --set C=3 -- /usr/bin/env
    [ "$(sort <<< "$output")" = $'A=file\nC=3' ]
    run headgate env --set nonsense -- true
    [ "$status" -eq 2 ]
    says NAME=VALUE
}

@test "secrets are masked in both streams, also encoded, and the rest is untouched" {
    printf 'API_TOKEN=s3cr3t-value\nDATABASE_URL=postgresql://u:p%%40ss-word@h/d\n' > x.env
    run --separate-stderr headgate env --from dotenv:x.env -- sh -c \
        'echo "token $API_TOKEN"; echo "err $API_TOKEN" >&2; printf %s "$API_TOKEN" | base64; echo p@ss-word plain'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 'token ***' ]
    [ "$stderr" = 'err ***' ]
    lacks s3cr3t-value
    lacks "$(printf s3cr3t-value | base64)"
    has '*** plain'
}

@test "output that cannot be written is never a success" {
    export A_SECRET=abcdefgh
    run bash -c 'headgate env -- echo hi > /dev/full'
    [ "$status" -eq 125 ]
    says 'output of echo is lost: it cannot be written: No space left on device'
    run bash -c 'headgate env -- sh -c "seq 100000" > /dev/full'
    [ "$status" -eq 125 ]
    run bash -c 'headgate env -- sh -c "echo hi; exit 9" > /dev/full'
    [ "$status" -eq 9 ]
    says 'is lost'
    run bash -c 'headgate env --print --set A=1 > /dev/full'
    [ "$status" -eq 125 ]
}

@test "--mask never passes the streams on; the command is us" {
    echo 'API_TOKEN=s3cr3t-value' > x.env
    run headgate env --from dotenv:x.env --mask never -- sh -c 'echo $API_TOKEN'
    has s3cr3t-value
    bash -c 'echo $$ > pid; exec headgate env --from dotenv:x.env --mask never -- sh -c "echo \$\$"' > out
    [ "$(cat pid)" = "$(cat out)" ]
}

@test "--max-runtime ends the command: 124" {
    run headgate env --max-runtime 0.3 -- sleep 20
    [ "$status" -eq 124 ]
    says 'max-runtime'
}

@test "resolving that runs out of time is 125" {
    printf '#!/bin/sh\nexec sleep 20\n' > "$HGT_BIN/headgate-source-railway"
    chmod +x "$HGT_BIN/headgate-source-railway"
    run timeout 10 headgate env --from railway:api --timeout 0.2 -- true
    [ "$status" -eq 125 ]
}

@test "--print masks, --reveal shows; four formats" {
    printf 'API_TOKEN=s3cr3t-value\nTEXT="it'"'"'s $5"\nSHORT_SECRET=abc\n' > x.env
    run headgate env --from dotenv:x.env --print
    [ "$status" -eq 0 ]
    lacks s3cr3t-value
    has 'API_TOKEN=***'
    [ "$(headgate env --from dotenv:x.env --print --format json --reveal | jq -c .)" = \
        '{"API_TOKEN":"s3cr3t-value","SHORT_SECRET":"abc","TEXT":"it'"'"'s $5"}' ]
    [ "$(headgate env --from dotenv:x.env --print --format json | jq -r .API_TOKEN)" = '***' ]
    (
        eval "$(headgate env --from dotenv:x.env --print --format shell --reveal)"
        [ "$TEXT" = "it's \$5" ]
        [ "$API_TOKEN" = s3cr3t-value ]
    )
    printf 'KEY="a\\nb"\n' > y.env
    run headgate env --from dotenv:y.env --print --format github --reveal
    [ "${lines[1]}" = a ]
    [ "${lines[2]}" = b ]
    [ "${lines[0]}" = "KEY<<${lines[3]}" ]
    headgate env --from dotenv:x.env --print --reveal > again.env
    [ "$(headgate env --from dotenv:again.env --print --format json --reveal)" = \
        "$(headgate env --from dotenv:x.env --print --format json --reveal)" ]
}

@test "--print gives what the sources give, not what is inherited" {
    echo 'A=1' > x.env
    [ "$(headgate env --from dotenv:x.env --print)" = 'A=1' ]
    run headgate env --from process --print
    says HOME=
}

@test "names that execute code are left out, said, and taken when asked for" {
    hgt_source railway '{"variables":{"A":"1"},"sealed":[],"dropped":["LD_PRELOAD"],"routes":[],"error":null}'
    run headgate env --from railway:api@production -- sh -c 'echo $A'
    says 'LD_PRELOAD of railway api@production is left out'
    jq -e '.service == "api" and .environment == "production" and .allow_exec_names == false and .routes == true' \
        "$HGT_BIN/railway.requests"
    headgate env --from railway:api --allow-exec-names -- true
    tail -n 1 "$HGT_BIN/railway.requests" | jq -e '.allow_exec_names == true and .environment == null'
    # Of a container they are the concern of a program here, not of a migrator that runs there.
    hgt_source container '{"variables":{"DATABASE_URL":"postgresql://127.0.0.1/d","PYTHONSTARTUP":"/x"},"addresses":[],"error":null}'
    hgt_yaml <<< 'targets: { docker: { environment: [ { container: api } ], run: { container: api } } }'
    run headgate env -t docker -- true
    says 'PYTHONSTARTUP of container api is left out'
    says '`headgate env --allow-exec-names` takes it'
    run headgate show -t docker PYTHONSTARTUP
    lacks 'left out'
    has 'PYTHONSTARTUP=- source=- before=- plain=no'
}

@test "-v says target, place and source; without it nothing is said" {
    export DATABASE_URL=postgresql://u:p@127.0.0.1/d
    run --separate-stderr headgate env -- true
    [ -z "$stderr" ]
    run --separate-stderr headgate env -v -- true
    [ "${stderr_lines[0]}" = 'headgate: local: d at 127.0.0.1, DATABASE_URL from the process environment' ]
    [ "${stderr_lines[1]}" = 'headgate: too short or too common to be masked: DATABASE_URL' ]
    [ "${#stderr_lines[@]}" = 2 ]
}

@test "-C works as if started there" {
    mkdir sub
    echo 'A=sub' > sub/x.env
    run headgate env -C sub --from dotenv:x.env -- sh -c 'echo $A; basename "$PWD"'
    [ "${lines[0]}" = sub ]
    [ "${lines[1]}" = sub ]
}

@test "stdin, arguments and quoting arrive as they are" {
    export A_SECRET=abcdefgh
    run bash -c 'printf "in\n" | headgate env -- sh -c "cat; printf \"%s|\" \"\$@\"" sh "it'"'"'s \$5" "" -x'
    [ "${lines[0]}" = in ]
    [ "${lines[1]}" = "it's \$5||-x|" ]
}

@test "the dispatcher lists, helps, and suggests" {
    run headgate --help
    [ "$status" -eq 0 ]
    says 'env '
    says 'show'
    run headgate help env
    [ "$status" -eq 0 ]
    says 'usage: headgate env'
    run headgate --version
    [[ $output =~ ^headgate\ [0-9] ]]
    run headgate shwo
    [ "$status" -eq 2 ]
    says 'did you mean `headgate show`?'
    run headgate
    [ "$status" -eq 2 ]
    run headgate --nonsense env
    [ "$status" -eq 2 ]
    run headgate source-railway
    [ "$status" -eq 2 ]
}

@test "installed elsewhere the verbs are found in libexec" {
    mkdir -p p/bin p/libexec/headgate
    cp "$HGT_BIN/headgate" p/bin
    cp "$HGT_BIN/headgate-env" "$HGT_BIN/headgate-show" p/libexec/headgate
    ln -s "$PWD/p/bin/headgate" link
    DATABASE_URL=postgresql://h/d run ./link show
    [ "$status" -eq 0 ]
    has host=h
}

@test "it loads neither libpq nor libcurl nor libarchive nor libcrypto" {
    for program in headgate headgate-env; do
        run ldd "$HGT_BUILD/$program"
        for library in libpq libcurl libarchive libcrypto; do lacks "$library"; done
    done
}
