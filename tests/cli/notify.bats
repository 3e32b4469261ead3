#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who is told of a run, and the commands around it. The key, the token and a part of Slack's address are
# the canary, so every `run` and the look for leaks see to it that nobody prints them.

setup_file() {
    load ../lib/common
    hgt_setup_file
    # Ends with its stdin.
    mkfifo "$BATS_FILE_TMPDIR/open"
    "$HGT_ROOT/tests/lib/receiver" "$BATS_FILE_TMPDIR" < "$BATS_FILE_TMPDIR/open" 3>&- &
    exec 7> "$BATS_FILE_TMPDIR/open"
    for ((i = 0; i < 200; i++)); do
        [ ! -e "$BATS_FILE_TMPDIR/port" ] || break
        sleep 0.05
    done
    RECEIVER=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
    export RECEIVER
}
teardown_file() { exec 7>&-; }
setup() {
    load ../lib/common
    load ../lib/apply
    : > "$BATS_FILE_TMPDIR/requests"
    # As a file gives them, with a line end.
    export SLACK_URL=$RECEIVER/services/$HGT_CANARY$'\n' GITHUB=$HGT_CANARY$'\n'
}

# project COUNT: revisions in ./proj and a database; the targets' notify and hooks on stdin.
project() {
    hga_project "$1"
    hgt_db
    {
        printf 'version: 1\ntargets:\n  local:\n    environment: [ process ]\n'
        cat
    } > headgate.yaml
    hga_commit
}

requests() { jq -c "$1" "$BATS_FILE_TMPDIR/requests"; }
events() { requests 'select(.path | startswith("/'"$1"'")).body | fromjson | .event' | tr -d '"' | paste -sd ' '; }

@test "a webhook, Slack and GitHub are told of start and end; the signature is right, the schema holds" {
    project 2 << YAML
    notify:
      - { webhook: "$RECEIVER/hook", secret_env: HGT_CANARY_TOKEN, on: [started, applied, unchanged] }
      - { slack_env: SLACK_URL, on: [applied] }
      - { github: acme/shop, token_env: GITHUB, api: "$RECEIVER/", environment: prod }
YAML
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_result '[.findings[] | select(.rule | startswith("HG64"))] | length')" = 0 ] || fail "a finding"
    [ "$(events hook)" = "started applied" ] || fail "$(requests .path)"
    for n in 0 1; do
        requests 'select(.path == "/hook") | .body' | jq -sr ".[$n] | fromjson" > document.json
        "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" notify < document.json || fail "$(cat document.json)"
    done
    requests 'select(.path == "/hook") | .body | fromjson | [.event, .to]' | head -n 1 |
        grep -qxF '["started",null]' || fail "$(requests .body)"
    [ "$(jq -c '[.outcome, .from, .to, .applied, .error, .target]' document.json)" = \
        '["applied",[],["r2"],["r1","r2"],null,"local"]' ] || fail "$(cat document.json)"
    requests 'select(.path == "/hook")' | python3 -c '
import hashlib, hmac, json, os, sys, time
ids = set()
for line in sys.stdin:
    request = json.loads(line)
    at, value = (part.split("=", 1)[1] for part in request["headers"]["Headgate-Signature"].split(","))
    text = (at + "." + request["body"]).encode()
    wanted = hmac.new(os.environ["HGT_CANARY_TOKEN"].encode(), text, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(value, wanted), (value, wanted)
    assert abs(time.time() - int(at)) < 300, at
    ids.add(request["headers"]["Headgate-Delivery"])
assert len(ids) == 2, ids'
    [ "$(requests 'select(.path | startswith("/services")) | .body | fromjson | .text')" = \
        "$(requests 'select(.path | startswith("/services")) | .body | fromjson | .blocks[0].text.text')" ]
    requests 'select(.path | startswith("/services")) | .body | fromjson | .text' |
        grep -q "local: 2 revisions applied in .* s; $HGT_DB is at r2" || fail "$(requests .body)"
    [ "$(requests 'select(.path == "/repos/acme/shop/deployments") | .body | fromjson | [.ref, .environment]')" = \
        "[\"$(git rev-parse HEAD)\",\"prod\"]" ]
    [ "$(requests 'select(.path == "/repos/acme/shop/deployments/4711/statuses") | .body | fromjson | .state' |
        paste -sd ' ')" = '"in_progress" "success"' ] || fail "$(requests .path)"
    requests 'select(.path | startswith("/repos")) | .headers.Authorization' | sort -u |
        grep -qx "\"Bearer $HGT_CANARY\""
    # Nothing to do: only who asked for that; nobody, with --no-notify.
    headgate apply -q > /dev/null
    headgate apply -q --no-notify > /dev/null
    [ "$(events hook)" = "started applied unchanged" ] || fail "$(requests .path)"
    [ "$(requests .path | wc -l)" = 7 ] || fail "$(requests .path)"
}

@test "who answers wrong, late or not at all is a warning, and the run ends in time" {
    project 1 << YAML
    notify:
      - { webhook: "$RECEIVER/500/$HGT_CANARY", timeout: 1s }
      - { webhook: "$RECEIVER/404?key=$HGT_CANARY" }
      - { slack_env: HANGING, timeout: 1s }
      - { webhook: "http://127.0.0.1:1/closed", timeout: 1s, on: [applied] }
      - { webhook: "$RECEIVER/flaky", on: [applied] }
      - { slack_env: NOBODY_SET_THIS }
      - { slack_env: NO_ADDRESS }
      - { webhook: "http://me:pa@$HGT_CANARY@127.0.0.1:1/", timeout: 1s, on: [applied] }
      - { webhook: "$RECEIVER/cut", on: [applied] }
      - { webhook: "http://deploys.example.test/", on: [applied] }
YAML
    # A proxy that wants a password, for one of them.
    export http_proxy=http://me:$HGT_CANARY@${RECEIVER#http://} no_proxy=127.0.0.1
    export HANGING=$RECEIVER/hang/$HGT_CANARY NO_ADDRESS=$HGT_CANARY
    began=$SECONDS
    run --separate-stderr timeout 60 headgate apply --format json
    expect_status 0
    [ $((SECONDS - began)) -lt 40 ] || fail "took $((SECONDS - began)) s"
    [ "$(hga_rows)" = r1 ]
    hga_result '.findings[] | select(.rule | startswith("HG64")) | "\(.rule) \(.severity) \(.message)"' |
        sort > findings
    port=${RECEIVER##*:}
    sort << TEXT | diff findings -
HG640 warning Slack (HANGING) was not told \`applied\`: 127.0.0.1:$port did not answer in time
HG640 warning Slack (HANGING) was not told \`started\`: 127.0.0.1:$port did not answer in time
HG640 warning the webhook at 127.0.0.1:$port was not told \`applied\`: 127.0.0.1:$port answered with 404: that is what I answer
HG640 warning the webhook at 127.0.0.1:$port was not told \`applied\`: 127.0.0.1:$port answered with 500: that is what I answer
HG640 warning the webhook at 127.0.0.1:$port was not told \`started\`: 127.0.0.1:$port answered with 404: that is what I answer
HG640 warning the webhook at 127.0.0.1:$port was not told \`started\`: 127.0.0.1:$port answered with 500: that is what I answer
HG640 warning the webhook at 127.0.0.1:1 was not told \`applied\`: 127.0.0.1:1 could not be reached
HG640 warning the webhook at 127.0.0.1:1 was not told \`applied\`: 127.0.0.1:1 could not be reached
HG641 note Slack (NOBODY_SET_THIS) is not told: NOBODY_SET_THIS is not set
HG641 note Slack (NO_ADDRESS) is not told: NO_ADDRESS holds no address that begins with https:// or http://
TEXT
    [ "$(events flaky)" = "applied applied" ] || fail "$(requests .path)"
    [ "$(requests 'select(.path == "http://deploys.example.test/")' | wc -l)" = 1 ] || fail "$(requests .path)"
    [ "$(events cut)" = applied ] || fail "told again: $(requests .path)" # 200 is 200, whatever comes of the body
    [ "$(requests 'select(.path == "/flaky") | .headers["Headgate-Delivery"]' | sort -u | wc -l)" = 1 ]
    [ "$(requests 'select(.path | startswith("/404"))' | wc -l)" = 2 ] # a 404 stays one
}

@test "a deployment is not made twice, whatever GitHub answers to the first" {
    project 1 << YAML
    notify:
      - { github: acme/shop, token_env: GITHUB, api: "$RECEIVER/flaky-github", on: [applied] }
YAML
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(requests 'select(.path | endswith("/deployments"))' | wc -l)" = 1 ] || fail "$(requests .path)"
    [[ "$(hga_result '.findings[] | select(.rule == "HG640").message')" == *"answered with 503" ]]
}

@test "a failure is told without values of rows; a refusal to who wants it; a rollback as such" {
    project 1 << YAML
    notify: [ { webhook: "$RECEIVER/hook" }, { webhook: "$RECEIVER/no", on: [refused] } ]
YAML
    hga_revision 2 'op.execute("insert into t1 values (4242), (4242); create unique index on t1 (id)")'
    run --separate-stderr headgate apply
    expect_status 4
    [ "$(events hook)" = "started failed" ] || fail "$(requests .path)"
    requests 'select(.path == "/hook") | .body | fromjson | select(.event == "failed")' > failed.json
    [ "$(jq -c '[.outcome, .to, .applied, .error.kind, .error.exit_code]' failed.json)" = \
        '["failed",[],[],"migrator",4]' ] || fail "$(cat failed.json)"
    [[ $(jq -r .error.message failed.json) == *"could not create unique index"* ]] || fail "$(cat failed.json)"
    ! grep -q 4242 "$BATS_FILE_TMPDIR/requests" || fail "a value of a row was told"
    hga_revision 2
    run headgate apply
    expect_status 0
    run headgate rollback -1 --dry-run
    expect_status 0
    run headgate rollback -1
    expect_status 0
    [ "$(requests 'select(.path == "/hook") | .body | fromjson | [.event, .direction]' | tail -n 2 | paste -sd ' ')" = \
        '["started","down"] ["applied","down"]' ] || fail "$(requests .body)"
    [ "$(events hook)" = "started failed started applied started applied" ] || fail "$(events hook)"
    # How long it took the last time is known now.
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(jq -c 'select(.event == "step" and .phase == "begin") | .expected_seconds | type' <<< "$output")" = \
        '"number"' ] || fail "$output"
    run --separate-stderr headgate ledger export --receipt -
    [ "$(json '[.revisions[].seconds | type] | unique | join(" ")')" = number ] || fail "$output"
    [ -z "$(events no)" ] || fail "$(events no)"
    hga_revision 3
    sed 's/r3/r4/' mig/versions/r3.py > mig/versions/r4.py # two heads
    hga_commit
    run headgate apply
    expect_status 1
    [ "$(events no)" = refused ] || fail "$(requests .path)"
}

@test "who finds the lock taken is told so; a notifier that did not ask is not" {
    project 1 << YAML
    notify:
      - { webhook: "$RECEIVER/locked", on: [locked] }
      - { webhook: "$RECEIVER/failed", on: [started, failed, refused] }
      - { slack_env: SLACK_URL, on: [locked] }
      - { github: acme/shop, token_env: HGT_CANARY_TOKEN, api: "$RECEIVER", environment: prod, on: [locked] }
YAML
    hga_revision 1 'op.execute("select pg_sleep(60)")'
    headgate apply > first 2>&1 3>&- &
    first=$!
    for ((i = 0; i < 300; i++)); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()")" = 0 ] || break
        sleep 0.1
    done
    : > "$BATS_FILE_TMPDIR/requests"
    run --separate-stderr headgate apply --no-wait --format json
    expect_status 5
    [ "$(events locked)|$(events failed)" = "locked|" ] || fail "$(requests .path)"
    requests 'select(.path == "/locked").body' | jq -r fromjson > document.json
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" notify < document.json || fail "$(cat document.json)"
    [ "$(jq -c '[.outcome, .error.exit_code, .applied]' document.json)" = '["locked",5,[]]' ] || fail "$(cat document.json)"
    [[ "$(jq -r .error.message document.json)" == *"holds the migration lock of $HGT_DB"* ]] || fail "$(cat document.json)"
    [ "$(requests 'select(.path | startswith("/services")).body | fromjson | tostring | contains("lock")')" = true ] || fail slack
    kill -TERM "$first"
    wait "$first" || :
}

@test "what is required: a start that cannot be told runs nothing, an end that cannot fails" {
    project 1 << YAML
    notify: [ { webhook: "$RECEIVER/slow" }, { webhook: "$RECEIVER/404", required: true } ]
YAML
    run --separate-stderr headgate apply
    expect_status 1
    expect_stderr "nothing was started: the webhook at ${RECEIVER#http://} was not told"
    [ "$(hga_rows)" = none ] || fail "it ran"
    [ "$(events slow)" = "started refused" ] || fail "$(events slow)" # who was told the start is told the end
    sed -i 's/required: true/required: true, on: [applied]/' headgate.yaml && hga_commit
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_result '[.outcome, .error.kind, .error.exit_code] | join(" ")')" = "applied network 4" ] ||
        fail "$output"
    [ "$(hga_rows)" = r1 ]
    run headgate apply --no-notify
    expect_status 0
    # Ctrl-C while a required start is told is no refusal; another one ends the telling of the end.
    sed -i 's/404/hang/; s/, on: \[applied\]//' headgate.yaml
    hga_revision 2
    headgate apply > out 2> err 3>&- &
    pid=$!
    for ((i = 0; i < 400; i++)); do
        [ "$(events hang)" = "" ] || break
        sleep 0.05
    done
    while kill -TERM $pid 2> /dev/null; do sleep 0.1; done
    code=0; wait $pid || code=$?
    [ $code -eq 143 ] || fail "exit $code: $(cat out err)"
    [ "$(hga_rows)" = r1 ]
    sed -i 's/hang/404/; s/required: true/required: true, on: [applied]/' headgate.yaml
    hga_commit
    run headgate apply --no-notify
    expect_status 0
    sed -i 's/404/hook/; s/required: true/required: true, secret_env: NOT_SET/; s/\[applied\]/[unchanged]/' headgate.yaml
    hga_commit
    run --separate-stderr headgate apply
    expect_status 3
    expect_stderr "NOT_SET is not set"
}

@test "hooks get facts and no secrets; their output is masked; a failure is a warning" {
    project 2 << 'YAML'
    notify: [ { slack_env: SLACK_URL, on: [refused] } ]
    hooks:
      before:
        - { command: [ sh, -c, 'env > before; echo "$HGT_CANARY_TOKEN"; echo told; exit 3' ] }
        - { command: [ sh, -c, 'yes ✓日本 | head -n 10000; printf "a \000 b\n\351\nlast \342"' ] }
      after: [ { command: [ ./scripts/done, one ] }, { command: [ sh, -c, 'env > all' ], environment: true } ]
      on_failure: [ { command: [ sh, -c, 'env > failed' ] } ]
YAML
    mkdir scripts
    printf '#!/bin/sh\nenv > after; sleep 60\n' > scripts/done
    chmod +x scripts/done
    sed -i 's/done, one ] }/done, one ], timeout: 1s }/' headgate.yaml
    hga_commit
    mkdir deeper && cd deeper
    run --separate-stderr headgate apply
    cd ..
    expect_status 0
    expect_stderr told
    # However it was cut when it was read; and what is no text, with all that follows.
    [ "$(grep -c '^✓日本$' <<< "$stderr")" = 10000 ] || fail "lines were joined"
    expect_stderr $'a \\x00 b\n\\xe9\nlast \\xe2'
    expect_stderr "HG642  the hook \`sh\` (before) failed: exit 3"
    expect_stderr "/scripts/done\` (after) failed: it was ended after 1.0 s"
    ! grep -q "^DATABASE_URL=\|^HGT_CANARY_TOKEN=\|^SLACK_URL=\|^HEADGATE_STATE_FD=" before after || fail "a secret"
    grep -q "^DATABASE_URL=" all && grep -q "^SLACK_URL=" all
    grep '^HEADGATE_' before | grep -v "COMMIT=\|BY=" | sort | diff - <(cat << TEXT
HEADGATE_APPLIED=
HEADGATE_DATABASE=$HGT_DB
HEADGATE_DIRECTION=up
HEADGATE_EVENT=before
HEADGATE_FROM=
HEADGATE_PLANNED=r1 r2
HEADGATE_TARGET=local
HEADGATE_TO=r2
TEXT
    )
    grep -qx "HEADGATE_OUTCOME=applied" after && grep -qx "HEADGATE_APPLIED=r1 r2" after
    [ ! -e failed ] || fail "on_failure ran"
    rm before after
    run headgate apply # nothing to do, nothing to run
    run headgate rollback -1 --dry-run
    expect_status 0
    [ ! -e before ] && [ ! -e after ] || fail "a hook ran"
}

@test "a required hook refuses the run, and on_failure follows" {
    project 1 << 'YAML'
    hooks:
      before: [ { command: [ sh, -c, 'exit 7' ], required: true } ]
      on_failure: [ { command: [ sh, -c, 'env | grep ^HEADGATE > failed' ] } ]
YAML
    run --separate-stderr headgate apply
    expect_status 1
    expect_stderr "nothing was started: the hook \`sh\`, which is required, failed: exit 7"
    [ "$(hga_rows)" = none ]
    grep -qx HEADGATE_OUTCOME=refused failed && grep -q "^HEADGATE_ERROR=nothing was started" failed
    [ "$(hgt_psql "select to_regnamespace('headgate') is null")" = t ] || fail "an intent was written"
    rm failed
    # Ctrl-C while it runs: nothing was started, and what it paused goes on.
    sed -i 's/exit 7/touch here; exec sleep 60/' headgate.yaml
    headgate apply > apply.log 2>&1 &
    pid=$!
    for ((i = 0; i < 400; i++)); do
        [ ! -e here ] || break
        sleep 0.05
    done
    kill -TERM "$pid"
    wait "$pid" && code=0 || code=$?
    [ "$code" = 143 ] || fail "exit $code" "$(cat apply.log)"
    [ "$(hga_rows)" = none ] && grep -qx HEADGATE_OUTCOME=interrupted failed
    rm failed
    sed -i 's/touch here; exec sleep 60/exit 0/' headgate.yaml
    hga_revision 1 'op.execute("select no_such_column")'
    run headgate apply
    expect_status 4
    grep -qx HEADGATE_OUTCOME=failed failed || fail "$(cat failed)"
}

@test "mistakes in notify and hooks are named, without what may be a secret" {
    hga_project 1
    hgt_db
    check() { # CONFIGURATION WORDS
        printf 'version: 1\ntargets: { local: { environment: [process] } }\n%s\n' "$1" > headgate.yaml
        run headgate status
        expect_status 2
        expect_output "$2"
    }
    check "notify: [ { slack_env: 'https://hooks.slack.com/$HGT_CANARY' } ]" "name of a variable"
    check "notify: [ { on: [applied] } ]" "expected one of webhook, webhook_env, slack_env and github, got none"
    check "notify: [ { webhook: 'https://a.b', github: a/b } ]" "got several"
    check "notify: [ { webhook: ftp://a } ]" "begins with https://"
    check "notify: [ { webhook: 'https://me:$HGT_CANARY' } ]" "begins with https://"
    check "notify: [ { webhook: 'https://a.b', on: [aplied] } ]" "got \`aplied\`"
    check "notify: [ { webhook: 'https://a.b', timeout: 1min } ]" "at most 10 s"
    check "notify: [ { github: a/b/c } ]" "OWNER/NAME"
    check "notify: [ { slack_env: A, secret_env: B } ]" "signs what a webhook gets"
    check "hooks: { after: [ { command: [a], required: true } ] }" "for \`before\` only"
    check "hooks: { before: [ { command: [] } ] }" "a program in \`command\`"
    check "hooks: { befor: [] }" "did you mean \`before\`?"
}
