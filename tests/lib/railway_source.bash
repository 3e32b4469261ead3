# headgate-source-railway asked by itself, over real HTTP to the stand-in: what `railway.bats` and its neighbours
# share. Brings common.bash and railway.bash.
# shellcheck shell=bash

load ../lib/common
load ../lib/railway

PROJECT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01 API_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20
PRODUCTION_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e10

hgt_source_setup_file() {
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    export PATH=$HGT_BUILD:$PATH
    hgt_stub_start
}

hgt_source_setup() {
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME"
    hgt_stub_reset
}

# The request's members as JSON text; the answer in $output, exit 0.
ask() {
    run --separate-stderr headgate-source-railway <<< "${1:-{\}}"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    jq -e . <<< "$output" > /dev/null
    # Whatever happened: no token in the answer.
    [[ $output != *"$HGT_TOKEN"* && $output != *"$HGT_TOKEN_STAGING"* && \
        $output != *"$HGT_ACCOUNT_TOKEN"* ]]
}
get() { jq -r "$1" <<< "$output"; }

# expect_error KIND PART-OF-MESSAGE PART-OF-HINT; and the answer carries no variables.
expect_error() {
    [ "$(get .error.kind)" = "$1" ] || { get .error >&2 && false; }
    [[ $(get .error.message) == *"$2"* ]] || { get .error.message >&2 && false; }
    [[ $(get .error.hint) == *"$3"* ]] || { get .error.hint >&2 && false; }
    [ "$(get '.variables | length')" -eq 0 ]
}

link_directory() { # DIR [SERVICE]
    mkdir -p "$HOME/.railway" "$1"
    jq -n --arg dir "$1" --arg service "${2:-}" --argjson expires "${3:-4102444800}" '{
        projects: {($dir): {projectPath: $dir, name: "notebooklm",
            project: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01",
            environment: "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e11", environmentName: "staging",
            service: (if $service == "" then null else $service end)}},
        user: {token: null, accessToken: env.HGT_ACCOUNT_TOKEN, tokenExpiresAt: $expires}}' \
        > "$HOME/.railway/config.json"
}
