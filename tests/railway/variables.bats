# SPDX-License-Identifier: Apache-2.0
# The same stub asked by the real `railway run` and by `headgate env`: the same variables, and the
# differences that docs/railway.md lists, each asserted.

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
    hgt_stub_reset
}

ours() { headgate env --mask never --from "railway:${SERVICE:-api}" -- "$@"; }
theirs() { railway run --no-local -s "${SERVICE:-api}" -- "$@"; }

# What headgate itself adds, so that a headgate below knows where it is.
without_marks() { grep -vE '^"HEADGATE_(INJECTED|TARGET)='; }

compare() {
    hgt_env_of theirs > "$BATS_TEST_TMPDIR/theirs"
    hgt_env_of ours | without_marks > "$BATS_TEST_TMPDIR/ours"
    run diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/ours"
}

@test "the same variables: odd values, empty ones, many" {
    # Nothing private in it, so nothing is rewritten.
    hgt_stub_post variables "$(jq -n '{service: "api", environment: "production", set: ({
        DATABASE_URL: "postgresql://u:p@db.example.org:5432/d", DB_HOST: "db.example.org",
        EMPTY: "", LINES2: "l1\nl2\n", EQUALS: "a=b==", QUOTES: "a\"b'"'"'c\\d", SPACES: "  x  ",
        UMLAUT: "grün €", DOLLAR: "$HOME ${X} $(id)", HASH: "a#b #c", CRLF: "a\r\nb",
        "dotted.name-x": "1", lower: "l", BIG: ("x" * 100000)} +
        ([range(500) | {key: "V\(.)", value: "\(.)"}] | from_entries))}')"
    compare
    [ "$status" -eq 0 ] || { printf '%s\n' "$output" | cut -c 1-200 >&2 && false; }
    [ "$(wc -l < "$BATS_TEST_TMPDIR/ours")" -gt 520 ]
    grep -qx '"LINES2=l1\\nl2\\n"' "$BATS_TEST_TMPDIR/ours"
}

@test "a local variable of the same name loses in both" {
    export LOG_LEVEL=local LLM_API_KEY=local
    SERVICE=Postgres compare
    export LOG_LEVEL=local
    hgt_env_of theirs > "$BATS_TEST_TMPDIR/theirs"
    grep -qx '"LOG_LEVEL=info"' "$BATS_TEST_TMPDIR/theirs"
    [ "$(ours sh -c 'echo "$LOG_LEVEL $LLM_API_KEY"')" = "info sk-sample-0123456789abcdef" ]
}

@test "names that execute code: both drop the same ones, and say which" {
    local name set='{}'
    # Every name of the CLI's list, some by its prefixes, and neighbours that must pass.
    for name in $(cat "$HGT_ROOT/tests/railway/exec-names"); do
        set=$(jq --arg n "$name" '. + {($n): "x"}' <<< "$set")
    done
    hgt_stub_post variables "$(jq --argjson set "$set" -n '{service: "api", environment: "production",
        set: ($set + {DATABASE_URL: "postgresql://u:p@h.example.org/d", DB_HOST: "h.example.org"})}')"
    compare
    [ "$status" -eq 0 ] || { printf '%s\n' "$output" >&2 && false; }
    theirs true 2> "$BATS_TEST_TMPDIR/said"
    ours true 2> "$BATS_TEST_TMPDIR/ours-said"
    # Ours has a line for each; theirs counts.
    [ "$(grep -c 'is left out' "$BATS_TEST_TMPDIR/ours-said")" -eq \
        "$(grep -oE 'Skipped [0-9]+' "$BATS_TEST_TMPDIR/said" | grep -oE '[0-9]+')" ]
    grep -q '"PGOPTIONS=x"' "$BATS_TEST_TMPDIR/ours"
    grep -q '"LDFLAGS=x"' "$BATS_TEST_TMPDIR/ours"
}

@test "chosen difference: a private host becomes its public address" {
    compare
    [ "$(grep -c '^[<>]' <<< "$output")" -eq 6 ]
    [ "$(grep '^>' <<< "$output")" = '> "DATABASE_URL=postgresql://postgres:sample-Pa55%2Fw%40rd@127.0.0.1:15140/railway"
> "DB_HOST=127.0.0.1"
> "DB_PORT=15140"' ]
    [ "$(grep '^<' <<< "$output" | tail -n 1)" = '< "DB_PORT=5432"' ]
}

@test "chosen difference: a local variable is not taken for the sealed one of its name" {
    export SESSION_SECRET=local
    [ "$(theirs sh -c 'echo "${SESSION_SECRET-unset}"')" = local ]
    run --separate-stderr ours sh -c 'echo "${SESSION_SECRET-unset}"'
    [ "$output" = unset ]
    [[ $stderr == *"SESSION_SECRET is sealed in railway api@production"*"the inherited value is not used"* ]]
}

@test "chosen difference: connection variables of the caller's shell do not reach the command" {
    export PGSSLMODE=disable PGHOST=localhost PGDATABASE=mine
    [ "$(theirs sh -c 'echo "$PGHOST $PGDATABASE"')" = "localhost mine" ]
    [ "$(ours sh -c 'echo "${PGHOST-unset} ${PGDATABASE-unset}"')" = "unset unset" ]
}

@test "chosen difference: HEADGATE_INJECTED tells a headgate below whose variables these are" {
    [ "$(ours sh -c 'echo "$HEADGATE_INJECTED"')" = "local:DATABASE_URL" ]
}

@test "requests: the CLI takes four each time, we take one from the second time on" {
    theirs true
    [ "$(hgt_stub_log | wc -l)" -eq 4 ]
    ours true
    hgt_stub_post forget
    ours true
    [ "$(hgt_stub_log)" = VariablesForServiceDeployment ]
}

@test "the CLI's own link and login: the same project, environment and service" {
    unset RAILWAY_TOKEN
    mkdir -p "$HOME/.railway" deep/er
    jq -n --arg dir "$PWD" '{projects: {($dir): {projectPath: $dir, name: "notebooklm",
        project: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01", environmentName: "staging",
        environment: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e11",
        service: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20"}},
        user: {token: null, accessToken: env.HGT_ACCOUNT_TOKEN, tokenExpiresAt: 4102444800}}' \
        > "$HOME/.railway/config.json"
    cd deep/er
    local ask='echo "$RAILWAY_PROJECT_NAME $RAILWAY_ENVIRONMENT_NAME $RAILWAY_SERVICE_NAME $LOG_LEVEL"'
    [ "$(railway run --no-local -- sh -c "$ask")" = "notebooklm staging api debug" ]
    [ "$(headgate env --from railway -- sh -c "$ask")" = "notebooklm staging api debug" ]
    # RAILWAY_*_ID win over the link; what they leave out comes from it.
    export RAILWAY_PROJECT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01
    export RAILWAY_ENVIRONMENT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e10
    [ "$(railway run --no-local -- sh -c "$ask")" = "notebooklm production api info" ]
    [ "$(headgate env --from railway -- sh -c "$ask")" = "notebooklm production api info" ]
    unset RAILWAY_PROJECT_ID
    run ! railway run --no-local -- true
    run headgate env --from railway -- true
    [ "$status" -eq 125 ]
}

@test "a login that the CLI renewed is good for us, and ours for the CLI" {
    unset RAILWAY_TOKEN
    mkdir -p "$HOME/.railway"
    jq -n --arg dir "$PWD" '{projects: {($dir): {projectPath: $dir, name: "notebooklm",
        project: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01",
        environment: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e10",
        service: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20"}},
        user: {token: null, accessToken: "stub-old", refreshToken: "stub-refresh-token",
            tokenExpiresAt: 1700000000}}' > "$HOME/.railway/config.json"
    [ "$(headgate env --from railway -- sh -c 'echo $LOG_LEVEL')" = info ]
    [ "$(railway run --no-local -- sh -c 'echo $LOG_LEVEL')" = info ]
    [ "$(hgt_stub_log | grep -c OAuthToken)" -eq 1 ]
    # Now the other way round: the CLI renews, with the refresh token that we kept.
    jq '.user.tokenExpiresAt = 1700000000' "$HOME/.railway/config.json" > new
    mv new "$HOME/.railway/config.json"
    [ "$(railway run --no-local -- sh -c 'echo $LOG_LEVEL')" = info ]
    [ "$(headgate env --from railway -- sh -c 'echo $LOG_LEVEL')" = info ]
    [ "$(hgt_stub_log | grep -c OAuthToken)" -eq 2 ]
}

@test "\`railway variables\` shows what headgate env --print gives" {
    railway variables -s Postgres --json | jq -S . > "$BATS_TEST_TMPDIR/theirs"
    headgate env --from railway:Postgres --print --reveal --format json |
        jq -S 'with_entries(select(.key | startswith("HEADGATE_") | not))' > "$BATS_TEST_TMPDIR/ours"
    run diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/ours"
    # Only the addresses differ.
    [ "$(grep '^[<>]' <<< "$output" | grep -oE '"[A-Z_]+"' | sort -u | tr '\n' ' ')" = \
        '"DATABASE_URL" "PGHOST" "PGPORT" ' ]
}
