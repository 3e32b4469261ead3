# Loaded by bats files that talk to the stand-in for Railway's API:
#   load ../lib/railway
#   hgt_stub_start [FIXTURE] [--set NAME=VALUE]…   in setup_file; exports HEADGATE_RAILWAY_URL
#   hgt_stub_stop                                  in teardown_file
# Tokens of sample.json: HGT_TOKEN (production), HGT_TOKEN_STAGING, HGT_ACCOUNT_TOKEN.
# shellcheck shell=bash

export HGT_TOKEN=stub-project-token-production HGT_TOKEN_STAGING=stub-project-token-staging
export HGT_ACCOUNT_TOKEN=stub-account-token

hgt_stub_start() {
    local fixture=$HGT_ROOT/tests/railway-stub/sample.json dir i
    case ${1:-} in '' | --*) ;; *) fixture=$1 && shift ;; esac
    dir=$(mktemp -d "${BATS_FILE_TMPDIR:-/tmp}/stub-XXXXXX")
    # Not bats' own descriptors: it would wait for their end.
    "$HGT_ROOT/tests/railway-stub/stub" "$fixture" --port-file "$dir/port" "$@" \
        > "$dir/log" 2>&1 3>&- 4>&- &
    HGT_STUB_PID=$!
    for ((i = 0; i < 300; i++)); do
        [ -s "$dir/port" ] && break
        kill -0 "$HGT_STUB_PID" 2> /dev/null || break
        sleep 0.05
    done
    [ -s "$dir/port" ] || { cat "$dir/log" >&2 && return 1; }
    HGT_STUB=http://127.0.0.1:$(cat "$dir/port")
    HEADGATE_RAILWAY_URL=$HGT_STUB/graphql/v2
    export HGT_STUB HGT_STUB_PID HEADGATE_RAILWAY_URL
}

hgt_stub_stop() {
    [ -z "${HGT_STUB_PID:-}" ] || kill "$HGT_STUB_PID" 2> /dev/null || true
}

hgt_stub_post() { # PATH [JSON]
    curl -fsS -o /dev/null -H 'Content-Type: application/json' -d "${2:-}" "$HGT_STUB/$1"
}
hgt_stub_reset() { hgt_stub_post reset; }
hgt_stub_fault() { hgt_stub_post faults "[$1]"; }
# The operations asked for since the last reset, one a line.
hgt_stub_log() { curl -fsS "$HGT_STUB/log" | jq -r '.[].operation'; }
