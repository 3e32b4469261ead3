# SPDX-License-Identifier: Apache-2.0
# headgate-source-railway against the stand-in for Railway's API, over real HTTP: ids that are known save requests.
# Runs on the released build too: libcurl is a part of the program in this build only.

setup_file() {
    load ../lib/railway_source
    hgt_source_setup_file
}

teardown_file() {
    load ../lib/railway_source
    hgt_stub_stop
}

setup() {
    load ../lib/railway_source
    hgt_source_setup
}

# ask, and the number of requests that it took.
asks() { # COUNT REQUEST
    hgt_stub_post forget
    ask "$2"
    [ "$(get .error)" = null ]
    [ "$(hgt_stub_log | wc -l)" -eq "$1" ] || { hgt_stub_log >&2 && false; }
    [ "$(get .requests)" -eq "$1" ]
}

@test "ids found out once: the next run takes one request, with its route too" {
    local state=$BATS_TEST_TMPDIR/state
    local request="{\"service\":\"api\",\"routes\":true,\"state_dir\":\"$state\"}" first
    export RAILWAY_TOKEN=$HGT_TOKEN
    asks 4 "$request"
    first=$(jq -S 'del(.requests)' <<< "$output")
    asks 1 "$request"
    [ "$(jq -S 'del(.requests)' <<< "$output")" = "$first" ]
    [ "$(get '.routes[0].found_in')" = "DATABASE_PUBLIC_URL of service Postgres" ]
    # Ids and names only, for nobody else's eyes or repository; a digest, no token.
    [ "$(stat -c %a "$state/railway-ids.json")" = 600 ]
    [ "$(cat "$state/.gitignore")" = "*" ]
    run -1 grep -rE 'sample|sk-|stub-|15140|postgresql' "$state"
    [ "$(jq -r '.places | length' "$state/railway-ids.json")" -eq 1 ]
    # Another token, another request: another place.
    RAILWAY_TOKEN=$HGT_TOKEN_STAGING asks 4 "$request"
    [ "$(get .environment.name)" = staging ]
    asks 1 "$request"
    [ "$(get .environment.name)" = production ]
    [ "$(jq -r '.places | length' "$state/railway-ids.json")" -eq 2 ]
}

@test "pinned by ids, written down or linked: one request from the first run on" {
    export RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN
    asks 1 "{\"project\":\"$PROJECT_ID\",\"environment\":\"$PRODUCTION_ID\",\"service\":\"$API_ID\"}"
    [ "$(get '"\(.project.name) \(.environment.name) \(.service.name)"')" = "notebooklm production api" ]
    RAILWAY_PROJECT_ID=$PROJECT_ID RAILWAY_ENVIRONMENT_ID=$PRODUCTION_ID RAILWAY_SERVICE_ID=$API_ID asks 1 '{}'
    link_directory "$HOME/work" "$API_ID"
    unset RAILWAY_API_TOKEN
    asks 1 "{\"dir\":\"$HOME/work\"}"
    [ "$(get .environment.name)" = staging ]
    # What the variables leave out comes from a link to the same project only.
    RAILWAY_PROJECT_ID=$PROJECT_ID RAILWAY_ENVIRONMENT_ID=$PRODUCTION_ID \
        asks 1 "{\"dir\":\"$HOME/work\"}"
    [ "$(get '"\(.environment.name) \(.service.name)"')" = "production api" ]
    # Ids of another environment than the token's are refused, with the reason.
    RAILWAY_TOKEN=$HGT_TOKEN_STAGING ask "{\"project\":\"$PROJECT_ID\",
        \"environment\":\"$PRODUCTION_ID\",\"service\":\"$API_ID\"}"
    expect_error config "belongs to environment staging of notebooklm, not to $PRODUCTION_ID" token_env
}

@test "stale ids are looked up again: a service made anew, a name that moved, a broken file" {
    local state=$BATS_TEST_TMPDIR/state sample=$HGT_ROOT/tests/railway-stub/sample.json
    local request="{\"service\":\"api\",\"state_dir\":\"$state\"}" fixture=$BATS_TEST_TMPDIR/new.json
    export RAILWAY_TOKEN=$HGT_TOKEN
    asks 3 "$request"
    jq '.projects[0].services[0].id = "6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1eff"' "$sample" > "$fixture"
    hgt_stub_start "$fixture"
    asks 3 "$request"
    asks 1 "$request"
    [ "$(get .service.id)" = 6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1eff ]
    # The service is deleted and made again: its id is refused.
    cp "$sample" "$fixture"
    hgt_stub_reset
    asks 4 "$request"
    [ "$(get .service.id)" = "$API_ID" ]
    [[ $(get '.notes | join("|")') == *"ids do not hold any more"* ]]
    asks 1 "$request"
    # The name belongs to another service now: the old id answers, and says so.
    jq '.projects[0].services |= [(.[0] | .name = "api-old"), (.[0] | .id = "new-api"), .[1]]' \
        "$sample" > "$fixture"
    hgt_stub_reset
    asks 4 "$request"
    [ "$(get .service.id)" = new-api ]
    echo '{"version":1' > "$state/railway-ids.json"
    asks 3 "$request"
    asks 1 "$request"
    hgt_stub_stop
}

@test "what was the only one is not remembered; a state folder that cannot be written is a note" {
    local fixture=$BATS_TEST_TMPDIR/one.json
    jq '.projects[0].services |= .[1:]' "$HGT_ROOT/tests/railway-stub/sample.json" > "$fixture"
    hgt_stub_start "$fixture"
    export RAILWAY_TOKEN=$HGT_TOKEN
    asks 3 "{\"state_dir\":\"$BATS_TEST_TMPDIR/state\"}"
    asks 3 "{\"state_dir\":\"$BATS_TEST_TMPDIR/state\"}"
    [ ! -e "$BATS_TEST_TMPDIR/state" ]
    asks 3 '{"service":"Postgres","state_dir":"/proc/none"}'
    [[ $(get '.notes | join("|")') == *"ids are not remembered: "* ]]
    hgt_stub_stop
}
