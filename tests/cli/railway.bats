# SPDX-License-Identifier: Apache-2.0
# headgate-source-railway against the stand-in for Railway's API, over real HTTP.
# Runs on the released build too: libcurl is a part of the program in this build only.

setup_file() {
    load ../lib/common
    load ../lib/railway
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    export PATH=$HGT_BUILD:$PATH
    hgt_stub_start
}

teardown_file() {
    load ../lib/common
    load ../lib/railway
    hgt_stub_stop
}

setup() {
    load ../lib/common
    load ../lib/railway
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

@test "a project token: rendered variables, sealed ones named, the public address found" {
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","routes":true}'
    [ "$(get .error)" = null ]
    [ "$(get .project.name)/$(get .environment.name)/$(get .service.name)" = notebooklm/production/api ]
    [ "$(get .variables.DB_HOST)" = postgres.railway.internal ]
    [ "$(get .variables.DB_PASS)" = sample-Pa55/w@rd ]
    [ "$(get .variables.DATABASE_URL)" = \
        postgresql://postgres:sample-Pa55%2Fw%40rd@postgres.railway.internal:5432/railway ]
    [ "$(get '.sealed[]')" = SESSION_SECRET ]
    [ "$(get '.variables | has("SESSION_SECRET")')" = false ]
    [ "$(get '.routes[0] | "\(.private_host):\(.private_port) \(.public_host):\(.public_port)"')" = \
        "postgres.railway.internal:5432 127.0.0.1:15140" ]
    [ "$(get '.routes | length')" -eq 1 ]
    [ "$(get '.routes[0].found_in')" = "DATABASE_PUBLIC_URL of service Postgres" ]
    [ "$(hgt_stub_log | sort -u | tr '\n' ' ')" = "Project ProjectToken VariablesForServiceDeployment " ]
}

@test "without routes three requests are enough" {
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get '.routes | length')" -eq 0 ]
    [ "$(hgt_stub_log | wc -l)" -eq 3 ]
}

@test "service and environment by id, and by name without case" {
    RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN ask '{"service":"6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20",
        "environment":"6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e11","project":"NotebookLM"}'
    [ "$(get .environment.name)/$(get .service.name)" = staging/api ]
    RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN ask '{"service":"API","environment":"Production",
        "project":"6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01"}'
    [ "$(get .environment.name)/$(get .service.name)" = production/api ]
}

@test "token_env names the token's variable, before RAILWAY_TOKEN" {
    RAILWAY_TOKEN=$HGT_TOKEN TOKEN_STAGING=$HGT_TOKEN_STAGING \
        ask '{"service":"api","token_env":"TOKEN_STAGING"}'
    [ "$(get .environment.name)" = staging ]
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","token_env":"TOKEN_STAGING"}'
    expect_error config "expected in TOKEN_STAGING, which is not set" "set TOKEN_STAGING"
}

@test "the CLI's login and the link of a directory above" {
    link_directory "$HOME/work" 6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20
    mkdir -p "$HOME/work/deep/er"
    ask "{\"dir\":\"$HOME/work/deep/er\"}"
    [ "$(get .error)" = null ]
    [ "$(get .environment.name)/$(get .service.name)" = staging/api ]
    ask "{\"dir\":\"$HOME/work\",\"environment\":\"production\",\"service\":\"Postgres\"}"
    [ "$(get .environment.name)/$(get .service.name)" = production/Postgres ]
    ask "{\"dir\":\"$HOME\"}"
    expect_error config "which Railway project is not known" "railway link"
}

@test "a link to a service that is gone asks which one, naming them" {
    link_directory "$HOME/work" 6f9a1d52-0c1e-4a77-9d53-000000000000
    ask "{\"dir\":\"$HOME/work\"}"
    expect_error config "which service of project notebooklm is not said" "railway:SERVICE"
    [ "$(get .error.detail)" = "there are: Postgres, api" ]
}

@test "RAILWAY_PROJECT_ID and its brothers; the environment's id alone is refused" {
    export RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN
    RAILWAY_PROJECT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01 \
        RAILWAY_ENVIRONMENT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e11 \
        RAILWAY_SERVICE_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20 ask
    [ "$(get .environment.name)/$(get .service.name)" = staging/api ]
    RAILWAY_ENVIRONMENT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e11 ask
    expect_error config "RAILWAY_ENVIRONMENT_ID is set without RAILWAY_PROJECT_ID" "set both"
}

@test "the only service and the only environment need no name" {
    local fixture=$BATS_TEST_TMPDIR/one.json
    jq '.projects[0].services |= .[1:] | .projects[0].environments |= .[:1]' \
        "$HGT_ROOT/tests/railway-stub/sample.json" > "$fixture"
    hgt_stub_start "$fixture"
    RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN ask '{"project":"notebooklm"}'
    hgt_stub_stop
    [ "$(get .environment.name)/$(get .service.name)" = production/Postgres ]
}

@test "no token, an empty one, a broken one, an expired login" {
    ask
    expect_error config "no Railway token: RAILWAY_TOKEN and RAILWAY_API_TOKEN are not set" "project token"
    RAILWAY_TOKEN= ask
    expect_error config "are empty" "project token"
    [[ $(get .error.detail) == "RAILWAY_TOKEN is set to an empty value"* ]]
    RAILWAY_TOKEN=$'abc\ndef' ask
    expect_error config "RAILWAY_TOKEN contains a blank or a line end" "copied"
    mkdir -p "$HOME/.railway"
    echo '{ "projects"' > "$HOME/.railway/config.json"
    ask
    expect_error config "the railway CLI is not logged in here" "railway login"
    [ "$(get .error.detail)" = "$HOME/.railway/config.json is not valid JSON" ]
    link_directory "$HOME/work" "" 1700000000
    ask "{\"dir\":\"$HOME/work\"}"
    expect_error config "login on this machine expired at 2023-11-14T22:13:20" "railway login"
    [ -z "$(hgt_stub_log)" ] # all without a request
}

@test "the wrong kind of token, both ways" {
    RAILWAY_TOKEN=$HGT_ACCOUNT_TOKEN ask '{"service":"api"}'
    expect_error railway "RAILWAY_TOKEN holds an account token" "RAILWAY_API_TOKEN instead"
    RAILWAY_API_TOKEN=$HGT_TOKEN ask '{"service":"api","project":"notebooklm"}'
    expect_error railway "RAILWAY_API_TOKEN holds a project token" "RAILWAY_TOKEN"
}

@test "tokens that nobody knows" {
    RAILWAY_TOKEN=nobody-knows-this ask '{"service":"api"}'
    expect_error railway "does not know the project token in RAILWAY_TOKEN" "make a new one"
    [[ $output != *nobody-knows-this* ]]
    RAILWAY_API_TOKEN=nobody-knows-this ask '{"service":"api","project":"notebooklm"}'
    expect_error railway "does not accept the token in RAILWAY_API_TOKEN" "account token"
    link_directory "$HOME/work"
    sed -i 's/stub-account-token/nobody-knows-this/' "$HOME/.railway/config.json"
    ask "{\"dir\":\"$HOME/work\"}"
    expect_error railway "does not accept the railway CLI's login" "railway login"
}

@test "a project token of another environment or project is not used for this one" {
    RAILWAY_TOKEN=$HGT_TOKEN_STAGING ask '{"service":"api","environment":"production"}'
    expect_error config "belongs to environment staging of notebooklm, not to production" token_env
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","project":"other"}'
    expect_error config "belongs to project notebooklm, not to other" "token of that project"
    [ "$(hgt_stub_log | sort -u)" = ProjectToken ]
}

@test "names that do not exist: the ones that do are listed" {
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"apii"}'
    expect_error config 'no service "apii" in project notebooklm' "one of these names"
    [ "$(get .error.detail)" = "there are: Postgres, api" ]
    export RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN
    ask '{"service":"api","project":"notebooklm","environment":"prod"}'
    expect_error config 'no environment "prod" in project notebooklm' environment
    [ "$(get .error.detail)" = "there are: production, staging" ]
    ask '{"service":"api","project":"notebook"}'
    expect_error config 'no project "notebook"' project
    ask '{"project":"00000000-0c1e-4a77-9d53-6a1f0b7c1e01"}'
    expect_error railway "no such project" "railway link"
    ask '{"project":"notebooklm","service":"api"}'
    expect_error config "which environment of project notebooklm is not said" "SERVICE@ENVIRONMENT"
}

@test "a restricted environment" {
    local fixture=$BATS_TEST_TMPDIR/restricted.json
    jq '.projects[0].environments[0].canAccess = false' \
        "$HGT_ROOT/tests/railway-stub/sample.json" > "$fixture"
    hgt_stub_start "$fixture"
    RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN \
        ask '{"project":"notebooklm","environment":"production","service":"api"}'
    hgt_stub_stop
    expect_error railway "environment production of project notebooklm is restricted" administrator
}

@test "names that would execute code are dropped and named, unless allowed" {
    hgt_stub_post variables '{"service":"api","environment":"production",
        "set":{"LD_PRELOAD":"/x.so","PYTHONPATH":"/y","git_config_count":"1","PGOPTIONS":"-c a=b"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get '.dropped | join(" ")')" = "LD_PRELOAD PYTHONPATH git_config_count" ]
    [ "$(get '.variables.PGOPTIONS')" = "-c a=b" ]
    [ "$(get '.variables | has("LD_PRELOAD")')" = false ]
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","allow_exec_names":true}'
    [ "$(get .variables.LD_PRELOAD)" = /x.so ]
    [ "$(get '.dropped | length')" -eq 0 ]
}

@test "odd values arrive as they are" {
    hgt_stub_post variables '{"service":"api","environment":"production","set":{"EMPTY":"",
        "LINES":"l1\nl2\n","QUOTES":"a\"b'"'"'c=d","UMLAUT":"grün €","dotted.name-x":"1","=":"no"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get '.variables.EMPTY')" = "" ]
    [ "$(get '.variables.LINES | @json')" = '"l1\nl2\n"' ]
    [ "$(get '.variables.QUOTES')" = "a\"b'c=d" ]
    [ "$(get '.variables.UMLAUT')" = "grün €" ]
    [ "$(get '.variables["dotted.name-x"]')" = 1 ]
    [ "$(get '.variables | has("=")')" = false ]
    [[ $(get '.notes[]') == *"cannot be an environment variable"* ]]
}

@test "a thousand variables and one of a megabyte, chunked" {
    jq -n '{service: "api", environment: "production",
        set: ([range(1000) | {key: "V\(.)", value: "\(.)"}] | from_entries + {BIG: ("x" * 1000000)})}' \
        > "$BATS_TEST_TMPDIR/many.json"
    hgt_stub_post variables "@$BATS_TEST_TMPDIR/many.json"
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get '.variables | length')" -gt 1000 ]
    [ "$(get '.variables.BIG | length')" -eq 1000000 ]
    hgt_stub_reset
    hgt_stub_fault '{"mode":"chunked","times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get .variables.DB_PORT)" = 5432 ]
}

@test "references that rendered to nothing, or not at all" {
    hgt_stub_post variables '{"service":"api","environment":"production","set":{"DATABASE_URL":
        "postgresql://${{Nope.PGUSER}}:${{Nope.PGPASSWORD}}@${{Nope.PGHOST}}:${{Nope.PGPORT}}/"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "DATABASE_URL of api in production is a URL without a host" "Variables tab"
    hgt_stub_post variables '{"service":"api","environment":"production","set":{"DATABASE_URL":
        "postgresql://u:p@h/d","CACHE_URL":"redis://:@:/","RAW":"${{ a{b }}"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(get .error)" = null ]
    [[ $(get '.notes | join("|")') == *"CACHE_URL is a URL without a host"* ]]
    [[ $(get '.notes | join("|")') == *"RAW contains a reference that was not rendered"* ]]
}

# ---- the network and the API failing --------------------------------------------------------------

@test "passing faults are tried again: 502, reset, a 429 with a short Retry-After" {
    local fault
    for fault in '{"mode":"http","status":502,"times":2}' '{"mode":"reset","times":2}' \
        '{"mode":"rate-limit","retry_after":1,"times":1}' '{"mode":"http","status":503}'; do
        hgt_stub_reset
        hgt_stub_fault "$fault"
        RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
        [ "$(get .error)" = null ]
        [ "$(hgt_stub_log | wc -l)" -gt 3 ]
    done
}

@test "Retry-After is respected" {
    hgt_stub_fault '{"mode":"rate-limit","retry_after":1,"times":1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(curl -fsS "$HGT_STUB/log" | jq '.[1].at - .[0].at >= 1')" = true ]
}

@test "a rate limit longer than our time: said at once" {
    hgt_stub_fault '{"mode":"rate-limit","retry_after":1800,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","timeout":20}'
    expect_error railway "rate limit is used up" "try again later"
    [[ $(get .error.detail) == *"wait 1800 s"* ]]
    [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    hgt_stub_reset
    hgt_stub_fault '{"mode":"rate-limit","plain":true,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","timeout":20}'
    expect_error railway "rate limit is used up" "try again later"
    [[ $(get .error.detail) == *"all 100 requests of the period"*"does not say for how long"* ]]
    [ "$(hgt_stub_log | wc -l)" -eq 1 ] # nothing says that another try would help
}

@test "X-RateLimit-Reset is respected, as seconds and as a time; few left is a note" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    local reset
    for reset in 1800 "$(($(date +%s) + 1800))" "$((($(date +%s) + 1800) * 1000))"; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"rate-limit\",\"reset\":$reset,\"times\":-1}"
        ask '{"service":"api","timeout":20}'
        [[ $(get .error.detail) =~ "Railway asks to wait "(1800|179[0-9])" s" ]]
        [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    done
    hgt_stub_reset
    hgt_stub_fault '{"mode":"rate-limit","reset":1,"times":1}'
    ask '{"service":"api","timeout":20}'
    [ "$(get .error)" = null ]
    [ "$(get .requests)" -eq 4 ]
    [ "$(curl -fsS "$HGT_STUB/log" | jq '.[1].at - .[0].at >= 1')" = true ]
    hgt_stub_fault '{"mode":"rate-headers","times":-1,"headers":{"X-RateLimit-Limit":"100",
        "X-RateLimit-Remaining":"7","X-RateLimit-Reset":"60"}}'
    ask '{"service":"api"}'
    [[ $(get '.notes | join("|")') == *"rate limit: 7 requests are left until 2"* ]]
}

@test "errors with a 4xx status are not tried again" {
    hgt_stub_fault '{"mode":"graphql","status":400,"message":"Problem processing request","times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "Railway refused ProjectToken: Problem processing request" status.railway.com
    [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    hgt_stub_fault '{"mode":"http","status":403,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "cannot be read" "proxy or a login page"
    [ "$(hgt_stub_log | wc -l)" -eq 2 ]
}

@test "a server's message that repeats the token is masked" {
    hgt_stub_fault "{\"mode\":\"graphql\",\"message\":\"bad token $HGT_TOKEN here\",\"times\":-1}"
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "bad token *** here" ""
}

@test "partial data with errors is an error" {
    hgt_stub_fault '{"operation":"VariablesForServiceDeployment","mode":"graphql","partial":true,
        "message":"Problem processing request","times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "Railway refused VariablesForServiceDeployment" status
}

@test "answers that cannot be read" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    local fault
    for fault in '"mode":"empty"' '"mode":"truncated"' '"mode":"data","data":null' \
        '"mode":"data","data":[1]' '"mode":"http","status":200,"body":"<html>login</html>"' \
        '"mode":"http","status":500' '"mode":"data","data":{"projectToken":null}'; do
        hgt_stub_reset
        hgt_stub_fault "{$fault,\"times\":-1}"
        ask '{"service":"api"}'
        expect_error railway "Railway's answer cannot be read" ""
    done
    hgt_stub_reset
    hgt_stub_fault '{"operation":"VariablesForServiceDeployment","mode":"data","times":-1,
        "data":{"variablesForServiceDeployment":{"A":1}}}'
    ask '{"service":"api"}'
    expect_error railway "the value of A is no string" ""
    hgt_stub_fault '{"mode":"redirect","location":"http://127.0.0.1:1/","times":-1}'
    ask '{"service":"api"}'
    expect_error railway "cannot be read" "redirect"
}

@test "nobody answers, or too slowly" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    HEADGATE_RAILWAY_URL=http://127.0.0.1:1/graphql/v2 ask '{"service":"api","timeout":2}'
    expect_error network "Railway's API does not answer: cannot reach http://127.0.0.1:1/graphql/v2" proxies
    HEADGATE_RAILWAY_URL=ftp://127.0.0.1/x ask '{"service":"api","timeout":2}'
    expect_error network "cannot reach" ""
    HEADGATE_RAILWAY_URL=http://$HGT_NO_HOST/x ask '{"service":"api","timeout":2}'
    expect_error network "cannot reach" ""
    HEADGATE_RAILWAY_URL=http://nowhere.invalid/x run "$HGT_ROOT/tests/lib/silent-names" \
        headgate-source-railway <<< '{"service":"api","timeout":1}'
    expect_error network "cannot reach http://nowhere.invalid" "name server does not answer"
    local mode
    for mode in slow slow-body; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"$mode\",\"seconds\":20,\"times\":-1}"
        ask '{"service":"api","timeout":1}'
        expect_error timeout "did not answer in time" "--timeout"
    done
}

# ---- ids that are known ---------------------------------------------------------------------------

PROJECT_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e01 API_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e20
PRODUCTION_ID=6f9a1d52-0c1e-4a77-9d53-6a1f0b7c1e10

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
    ! grep -rE 'sample|sk-|stub-|15140|postgresql' "$state"
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

# ---- the CLI's login renewed ----------------------------------------------------------------------

expired_login() {
    link_directory "$HOME/work" "$API_ID" 1700000000
    jq '.user += {accessToken: "stub-old", refreshToken: "stub-refresh-token", id: "user-1"} | .editor = "vi"' \
        "$HOME/.railway/config.json" > "$HOME/new"
    mv "$HOME/new" "$HOME/.railway/config.json"
}
config_of() { jq -r "$1" "$HOME/.railway/config.json"; }

@test "an expired login is renewed as the CLI does: new tokens kept, the rest of the file too" {
    expired_login
    ask "{\"dir\":\"$HOME/work\"}"
    [ "$(get .error)" = null ]
    [[ $(get '.notes | join("|")') == *"had expired and was renewed"* ]]
    [[ $output != *stub-login* && $output != *stub-refresh* ]]
    [ "$(config_of '.user | "\(.accessToken) \(.refreshToken) \(.token) \(.id)"')" = \
        "stub-login-1 stub-refresh-1 null user-1" ]
    [ "$(config_of '.editor, (.projects | keys[])' | tr '\n' ' ')" = "vi $HOME/work " ]
    [ "$(config_of '.user.tokenExpiresAt')" -gt "$(($(date +%s) + 3000))" ]
    [ "$(stat -c %a "$HOME/.railway/config.json")" = 600 ]
    ask "{\"dir\":\"$HOME/work\"}"
    [ "$(hgt_stub_log | grep -c OAuthToken)" -eq 1 ]
}

@test "two at once renew an expired login once" {
    expired_login
    hgt_stub_fault '{"operation":"OAuthToken","mode":"slow","seconds":1}'
    headgate-source-railway <<< "{\"dir\":\"$HOME/work\"}" > "$BATS_TEST_TMPDIR/other" &
    ask "{\"dir\":\"$HOME/work\"}"
    [ "$(get .error)" = null ]
    wait $!
    [ "$(jq .error "$BATS_TEST_TMPDIR/other")" = null ]
    [ "$(hgt_stub_log | grep -c OAuthToken)" -eq 1 ]
}

@test "a login that cannot be renewed is explained, and left as it is" {
    expired_login
    local before
    sed -i s/stub-refresh-token/stub-used-up/ "$HOME/.railway/config.json"
    before=$(sha256sum "$HOME/.railway/config.json")
    ask "{\"dir\":\"$HOME/work\"}"
    expect_error config "login on this machine expired at 2023-11-14T22:13:20" "railway login"
    [[ $(get .error.detail) == *"does not renew it"* ]]
    sed -i s/stub-used-up/stub-refresh-token/ "$HOME/.railway/config.json"
    hgt_stub_fault '{"operation":"OAuthToken","mode":"http","status":400,"body":"no","times":-1}'
    ask "{\"dir\":\"$HOME/work\"}"
    [[ $(get .error.detail) == *"answered with status 400"* ]]
    sed -i s/stub-refresh-token/stub-used-up/ "$HOME/.railway/config.json"
    [ "$(sha256sum "$HOME/.railway/config.json")" = "$before" ]
}

# ---- routes ---------------------------------------------------------------------------------------

route() { get '.routes[] | "\(.private_host):\(.private_port)>\(.public_host):\(.public_port) \(.found_in)"'; }

@test "routes: the service's own DATABASE_PUBLIC_URL" {
    hgt_stub_post variables '{"service":"api","environment":"production",
        "set":{"DATABASE_PUBLIC_URL":"postgresql://u:p@own.proxy.rlwy.net:1234/d"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","routes":true}'
    [ "$(route)" = "postgres.railway.internal:5432>own.proxy.rlwy.net:1234 DATABASE_PUBLIC_URL of service api" ]
    [ "$(hgt_stub_log | grep -c Variables)" -eq 1 ]
}

@test "routes: the proxy of the service itself" {
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"Postgres","routes":true}'
    [ "$(route)" = "postgres.railway.internal:5432>127.0.0.1:15140 DATABASE_PUBLIC_URL of service Postgres" ]
}

@test "routes: by the proxy's variables, by the list of proxies, by private domain, or not at all" {
    local fixture=$BATS_TEST_TMPDIR/routes.json sample=$HGT_ROOT/tests/railway-stub/sample.json
    export RAILWAY_TOKEN=$HGT_TOKEN
    jq 'del(.projects[0].services[1].variables_with_proxy)' "$sample" > "$fixture"
    hgt_stub_start "$fixture"
    ask '{"service":"api","routes":true}'
    [ "$(route)" = "postgres.railway.internal:5432>127.0.0.1:15140 the TCP proxy of service Postgres" ]
    # The first proxy leads to another port of the service: the list has the right one.
    jq '.projects[0].services[1].tcp_proxies.production |= [{domain: "a.rlwy.net", proxyPort: 1,
        applicationPort: 8080}, {domain: "b.rlwy.net", proxyPort: 2, applicationPort: 5432}]' \
        "$fixture" > "$fixture.2"
    hgt_stub_stop
    hgt_stub_start "$fixture.2"
    ask '{"service":"api","routes":true}'
    [ "$(route)" = "postgres.railway.internal:5432>b.rlwy.net:2 the TCP proxy of service Postgres" ]
    hgt_stub_stop
    # A renamed service still owns its old private name.
    jq '.projects[0].services[1].name = "Main Database" | .projects[0].services[1].variables["*"] +=
        {RAILWAY_PRIVATE_DOMAIN: "postgres.railway.internal"} |
        .projects[0].services[0].variables["*"] |= map_values(gsub("Postgres"; "Main Database"))' \
        "$sample" > "$fixture"
    hgt_stub_start "$fixture"
    ask '{"service":"api","routes":true}'
    [ "$(route)" = \
        "postgres.railway.internal:5432>127.0.0.1:15140 DATABASE_PUBLIC_URL of service Main Database" ]
    hgt_stub_stop
    jq 'del(.projects[0].services[1].tcp_proxies)' "$sample" > "$fixture"
    hgt_stub_start "$fixture"
    ask '{"service":"api","routes":true}'
    hgt_stub_stop
    [ "$(get .error)" = null ]
    [ "$(get '.routes | length')" -eq 0 ]
    [[ $(get '.notes[]') == *"postgres.railway.internal:5432 is private to Railway"* ]]
}

@test "routes: what fails while looking is a note, no error" {
    hgt_stub_fault '{"operation":"TcpProxies","mode":"graphql","message":"Not Authorized","times":-1}'
    hgt_stub_post variables '{"service":"api","environment":"production",
        "set":{"OTHER_HOST":"other.railway.internal","REDIS_URL":"redis://r.railway.internal:6379/0"}}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","routes":true}'
    [ "$(get .error)" = null ]
    [ "$(get '.routes | length')" -eq 1 ]
    [[ $(get '.notes | join("|")') == *"other.railway.internal:5432 is private"* ]]
    [[ $(get '.notes | join("|")') == *"r.railway.internal:6379 is private"* ]]
}

# ---- the program ----------------------------------------------------------------------------------

@test "a request that is none" {
    local request
    for request in ' ' 'x' '[]' '{"service":1}' '{"timeout":-1}' '{"routes":"yes"}' '{"service":"a"'; do
        ask "$request"
        [ "$(get .error.kind)" = usage ]
    done
    run headgate-source-railway api
    [ "$status" -eq 2 ]
    run headgate-source-railway --help
    [ "$status" -eq 0 ]
}

# own_authority: makes key.pem, cert.pem (for localhost and backboard.example) and both.pem here.
own_authority() {
    cd "$BATS_TEST_TMPDIR"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem \
        -addext subjectAltName=DNS:localhost,DNS:backboard.example 2> /dev/null
    cat cert.pem key.pem > both.pem
    unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
}

@test "certificates are verified: a self-signed one is refused, an authority by file is taken" {
    own_authority
    cat > proxy.py <<- 'END'
		import http.server, ssl, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *a): pass
		    def do_POST(self):
		        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
		        self.wfile.write(b"{}")
		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain("cert.pem", "key.pem")
		server.socket = context.wrap_socket(server.socket, server_side=True)
		open("port.tmp", "w").write(str(server.server_address[1]))
		import os; os.rename("port.tmp", "port")
		server.serve_forever()
	END
    python3 proxy.py > /dev/null 2>&1 3>&- 4>&- &
    local pid=$! i
    for ((i = 0; i < 200; i++)); do [ -s port ] && break || sleep 0.05; done
    export HEADGATE_RAILWAY_URL=https://localhost:$(cat port)/graphql/v2 RAILWAY_TOKEN=$HGT_TOKEN
    ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://localhost" "certificate was not accepted"
    run headgate-notify <<< '{"kind":"webhook","url":"https://localhost:'"$(cat port)"'/x","event":{},"timeout":10}'
    expect_output "could not be reached: the certificate was not accepted"
    SSL_CERT_FILE=$PWD/cert.pem ask '{"service":"api","timeout":10}'
    expect_error railway "neither data nor errors" ""
    # And one found in a folder by its hash; a folder without hashes has none.
    mkdir folder && cp cert.pem folder/
    SSL_CERT_DIR=$PWD/folder ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://localhost" "certificate was not accepted"
    openssl rehash folder
    SSL_CERT_DIR=$PWD/folder ask '{"service":"api","timeout":10}'
    expect_error railway "neither data nor errors" ""
    # NO_PROXY: that proxy would answer nobody.
    HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=localhost SSL_CERT_FILE=$PWD/cert.pem \
        ask '{"service":"api","timeout":10}'
    kill $pid
    expect_error railway "neither data nor errors" ""
}

@test "through a proxy: what it tunnels to is verified, and one that is not there is said" {
    own_authority
    hgt_stub_start --tls "$PWD/both.pem"
    local proxy=$HGT_STUB stub=$HGT_STUB_PID
    export HEADGATE_RAILWAY_URL=https://backboard.example/graphql/v2 RAILWAY_TOKEN=$HGT_TOKEN
    HTTPS_PROXY=$proxy SSL_CERT_FILE=$PWD/cert.pem ask '{"service":"api","timeout":10}'
    [ "$(get .error)" = null ]
    [ "$(get '.variables | length')" -gt 3 ]
    HTTPS_PROXY=$proxy ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://backboard.example" "certificate was not accepted"
    HEADGATE_RAILWAY_URL=https://other.example/graphql/v2 HTTPS_PROXY=$proxy SSL_CERT_FILE=$PWD/cert.pem \
        ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://other.example" "certificate was not accepted"
    kill "$stub"
    HTTPS_PROXY=http://127.0.0.1:9 ask '{"service":"api","timeout":1}'
    [[ $(get .error.message) == *"https://backboard.example"* ]]
    [[ $(get .error.detail) == *"127.0.0.1 port 9"* ]]
}

# The decoders are loaded when an answer needs one (scripts/static-curl).
@test "compressed answers: gzip, brotli, zstd" {
    local encoding encodings=(gzip)
    # Those that this machine's libcurl knows.
    for encoding in br:brotli zstd:zstd; do
        [[ $(curl -V) != *" ${encoding#*:}"* ]] || encodings+=("${encoding%:*}")
    done
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    local plain=$(get .variables)
    for encoding in "${encodings[@]}"; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"encoded\",\"times\":9,\"encoding\":\"$encoding\"}"
        RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
        [ "$(get .error)" = null ]
        [ "$(get .variables)" = "$plain" ]
    done
}

@test "what a request needs is loaded, and no more: no ssh, no LDAP, no Kerberos" {
    run -0 ldd "$HGT_BUILD/headgate-source-railway"
    # Under sanitizers, and where libcurl.a cannot be linked (scripts/static-curl), it is the shared one.
    if [ ! -s "$HGT_BUILD/curl/answer" ] || [[ $output == *libasan* ]]; then
        [[ $output == *libcurl* ]]
        return
    fi
    [[ $output == *libssl* && $output != *libcurl* && $output != *libssh2* && $output != *ldap* ]]
    RAILWAY_TOKEN=$HGT_TOKEN LD_DEBUG=files run -0 headgate-source-railway <<< '{"service":"api"}'
    [[ $output == *libssl* && $output != *libssh2* && $output != *libldap* && $output != *libkrb5* && \
        $output != *libnghttp2* ]]
}
