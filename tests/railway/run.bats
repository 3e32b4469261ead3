# SPDX-License-Identifier: Apache-2.0
# How the real `railway run` ends, how `headgate env` does, and `via: cli`, which wraps the one in the
# manner of the other.

setup_file() {
    load ../lib/railway_cli
    hgt_cli_setup_file
}

teardown_file() {
    load ../lib/railway_cli
    hgt_stub_stop
}

setup() {
    load ../lib/railway_cli
    export HOME=$BATS_TEST_TMPDIR/home RAILWAY_TOKEN=$HGT_TOKEN
    mkdir -p "$HOME/project"
    cd "$HOME/project" || return 1
    cat > headgate.yaml <<'END'
version: 1
targets:
  production: { environment: [ { railway: { service: api, via: cli } } ] }
  native: { environment: [ { railway: { service: api } } ] }
  both:
    environment:
      - { railway: { service: api, via: cli } }
      - { dotenv: extra.env }
  staging:
    environment: [ { railway: { service: api, token_env: TOKEN_STAGING, via: cli } } ]
  database:
    environment: [ { railway: { service: Postgres, environment: production, via: cli } } ]
END
    echo 'DB_DATABASE=from-dotenv' > extra.env
    hgt_stub_reset
}

code_of() { # COMMAND…: its exit code, whatever it prints
    local code=0
    "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" < /dev/null || code=$?
    echo "$code"
}

wrapped() { headgate env -t production "$@"; }
native() { headgate env -t native "$@"; }

@test "exit codes: the command's own, and those that tell why there is none" {
    local code
    for code in 0 1 7 126 127 255; do
        [ "$(code_of railway run -s api -- sh -c "exit $code")" -eq "$code" ]
        [ "$(code_of native -- sh -c "exit $code")" -eq "$code" ]
        [ "$(code_of wrapped -- sh -c "exit $code")" -eq "$code" ]
    done
    # Not found, not executable: the CLI says 1 for everything.
    touch plain
    [ "$(code_of railway run -s api -- ./missing)" -eq 1 ]
    [ "$(code_of native -- ./missing)" -eq 127 ]
    [ "$(code_of wrapped -- ./missing)" -eq 127 ]
    [ "$(code_of native -- ./plain)" -eq 126 ]
    [ "$(code_of wrapped -- ./plain)" -eq 126 ]
}

@test "death by a signal: success for the CLI, 128+n for us, with and without masking" {
    local signal
    for signal in KILL TERM SEGV; do
        [ "$(code_of railway run -s api -- sh -c "kill -$signal \$\$")" -eq 0 ]
        [ "$(code_of native -- sh -c "kill -$signal \$\$")" -eq $((128 + $(kill -l $signal))) ]
        [ "$(code_of wrapped -- sh -c "kill -$signal \$\$")" -eq $((128 + $(kill -l $signal))) ]
        [ "$(code_of wrapped --mask never -- sh -c "kill -$signal \$\$")" -eq \
            $((128 + $(kill -l $signal))) ]
    done
}

# start FUNCTION: runs a command that writes its pid and what TERM does to it; waits until it runs.
start() {
    "$@" -- sh -c 'trap "echo term > ended; exit 9" TERM; echo $$ > pid; while :; do sleep 0.05; done' \
        < /dev/null > out 2>&1 3>&- 4>&- &
    STARTED=$!
    local i
    for ((i = 0; i < 400; i++)); do
        [ ! -s pid ] || return 0
        sleep 0.05
    done
    return 1
}
gone() { # PID
    local i
    for ((i = 0; i < 200; i++)); do
        kill -0 "$1" 2> /dev/null || return 0
        sleep 0.05
    done
    return 1
}

@test "SIGTERM: the CLI leaves its child alone; ours gets it and its exit code comes back" {
    start railway run -s api
    kill "$STARTED"
    wait "$STARTED" || true
    kill -0 "$(cat pid)" # an orphan
    [ ! -e ended ]
    kill "$(cat pid)"
    gone "$(cat pid)"
    local how code
    for how in native wrapped; do
        rm -f pid ended
        # The program itself, not a function's subshell.
        case $how in
            native) start headgate env -t native ;;
            *) start headgate env -t production ;;
        esac
        kill "$STARTED"
        code=0
        wait "$STARTED" || code=$?
        [ "$code" -eq 9 ]
        [ "$(cat ended)" = term ]
        gone "$(cat pid)"
    done
}

@test "via cli: SIGINT and SIGHUP arrive too; without a handler the code is 128+n" {
    local signal
    for signal in INT HUP; do
        rm -f pid
        # setsid: a shell's background job ignores SIGINT, and so would what it starts.
        python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' headgate env -t production -- sh -c 'echo $$ > pid; exec sleep 60' \
            < /dev/null > out 2>&1 3>&- 4>&- &
        STARTED=$!
        while [ ! -s pid ]; do sleep 0.05; done
        kill -"$signal" "$STARTED"
        local code=0
        wait "$STARTED" || code=$?
        [ "$code" -eq $((128 + $(kill -l $signal))) ]
        gone "$(cat pid)"
    done
}

@test "via cli: whoever is killed, the command does not live on" {
    start headgate env -t production
    kill -KILL "$STARTED"
    wait "$STARTED" || true
    gone "$(cat pid)"
    rm -f pid ended
    start headgate env -t production
    local cli
    cli=$(pgrep -P "$STARTED")
    [[ $(tr '\0' ' ' < "/proc/$cli/cmdline") == *"railway run --no-local --service api -- "* ]]
    kill -KILL "$cli"
    local code=0
    wait "$STARTED" || code=$?
    gone "$(cat pid)"
    [ "$code" -eq 9 ] # it was told to end, and did so with this code
}

@test "via cli: the same variables as natively, and what comes after the source wins" {
    export SHELL_ONLY=1 PGHOST=localhost DATABASE_URL=postgresql://mine@localhost/mine
    hgt_env_of headgate env -t native --mask never -- | grep -v '"HEADGATE_' > native
    hgt_env_of headgate env -t production --mask never -- | grep -v '"HEADGATE_' > wrapped
    grep -qx '"SHELL_ONLY=1"' wrapped
    # The CLI does not tell of private hosts; else nothing differs.
    run diff native wrapped
    [ "$(grep -oE '^[<>] "[A-Z_]+' <<< "$output" | sort | uniq -c | awk '{print $1, $2, $3}')" = \
        '1 < "DATABASE_URL
1 < "DB_HOST
1 < "DB_PORT
1 > "DATABASE_URL
1 > "DB_HOST
1 > "DB_PORT' ]
    grep -q '"DATABASE_URL=postgresql://postgres:sample' wrapped
    ! grep -q '^"PGHOST' wrapped || fail "PGHOST"
    [ "$(headgate env -t both -- sh -c 'echo "$DB_DATABASE $DB_USER"')" = "from-dotenv postgres" ]
    [ "$(headgate env -t production --set DB_USER=me -- sh -c 'echo "$DB_USER"')" = me ]
    headgate env -t production --print > printed
    grep -q '^LOG_LEVEL=info' printed
    ! grep -q 'SHELL_ONLY' printed || fail "a variable of the shell"
    ! grep -q 'sk-sample' printed || fail "a secret"
}

@test "via cli: stdin, output and masking as ever; token_env; a folder of the command's own" {
    [ "$(echo typed | headgate env -t production -- cat)" = typed ]
    [ "$(headgate env -t production -- sh -c 'echo "key $LLM_API_KEY"')" = "key ***" ]
    TOKEN_STAGING=$HGT_TOKEN_STAGING headgate env -t staging -- sh -c \
        'echo "$LOG_LEVEL $RAILWAY_ENVIRONMENT_NAME $RAILWAY_TOKEN"' > out
    [ "$(cat out)" = "debug staging $HGT_TOKEN" ] || [ "$(cat out)" = "debug staging ***" ]
    mkdir sub
    git init -q .
    [ "$(cd sub && headgate env -t production -- pwd)" = "$PWD/sub" ]
    local here=$PWD
    [ "$(cd / && headgate env -C "$here" -t production -- pwd)" = "$here" ]
}

@test "via cli: the CLI's refusal is an error of ours, in a verb's document too" {
    export RAILWAY_TOKEN=nobody
    run --separate-stderr headgate env -t production -- true
    [ "$status" -eq 125 ]
    [[ $stderr == *"Invalid RAILWAY_TOKEN"*"ended with exit code 1 before it started the command"* ]]
    run --separate-stderr headgate status -t production --format json
    [ "$status" -eq 3 ]
    [ "$(jq -r .error.kind <<< "$output")" = railway ]
    export RAILWAY_TOKEN=$HGT_TOKEN
    hgt_stub_fault '{"mode":"slow","seconds":20,"times":-1}'
    SECONDS=0
    run headgate env --timeout 1 -t production -- true
    [ "$status" -eq 125 ]
    [ "$SECONDS" -lt 15 ]
    PATH=$HGT_BUILD:/usr/bin:/bin run headgate env -t production -- true
    [ "$status" -eq 125 ]
    [[ $output == *"the railway CLI (via: cli) is not on PATH"* ]]
}

@test "via cli: a verb that asks the database runs below the CLI" {
    run --separate-stderr headgate status -t database --format json --timeout 5
    [ "$status" -eq 3 ]
    # The private host's public address came through the CLI's variables.
    [[ $(jq -r '.error.message' <<< "$output") == *"127.0.0.1"* ]] || { echo "$output $stderr" >&2 && false; }
    [ "$(hgt_stub_log | sort -u | tr '\n' ' ')" = "Project ProjectToken VariablesForServiceDeployment " ]
}
