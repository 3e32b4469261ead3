# SPDX-License-Identifier: Apache-2.0
# headgate-source-railway against the stand-in for Railway's API, over real HTTP.
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
