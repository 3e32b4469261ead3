#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# headgate ledger: show, verify, export, init, adopt.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 3
}

apply_quietly() {
    run --separate-stderr headgate apply --format json "$@"
    expect_status 0
}

# ledger VERB ARGS…: its JSON in $output, its status as said.
ledger() {
    local status=$1
    shift
    run --separate-stderr headgate ledger "$@" --format json
    expect_status "$status"
    expect_document "ledger${HGT_DOCUMENT:+-$HGT_DOCUMENT}"
}
verify() { HGT_DOCUMENT=verify ledger "$1" verify "${@:2}"; }
# problems: what does not hold, one a line: WHAT REVISION-OR-OBJECT.
problems() { json '[.problems[] | .what + " " + (.revision // .object // "-")] | join(", ")'; }

# another_role: a role of its own becomes the target's, with CREATE on schema public only.
another_role() {
    role=app_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'x'"
    hgt_psql "grant create, usage on schema public to $role"
    owner=$DATABASE_URL
    export DATABASE_URL=postgresql+psycopg://$role:x@127.0.0.1:$HGT_PORT/$HGT_DB
}
drop_role() { hgt_psql "drop owned by $role cascade; drop role $role"; }

@test "show: who applied what, when, with the restore point, newest first" {
    apply_quietly r1
    apply_quietly
    run --separate-stderr headgate rollback --yes --format json -- -1
    run --separate-stderr headgate ledger show
    expect_status 0
    expect_output "ledger in the database, version 4, labelled local"
    [[ $output == *"#3 "*down*"r3 -> r2"*"#2 "*up*"r1 -> r3"*"#1 "*"nothing -> r1"* ]] || fail "the order"
    expect_output "restore point $(hgt_psql "select wal_before from headgate.run where seq = 1")"
    expect_output "schema $(hgt_psql "select left(fingerprint, 12) from headgate.run where seq = 1")"
    expect_output "r2  step 2"
    ledger 0 show
    [ "$(json '[.runs[] | .direction] | join(" ")')" = "up up down" ]
    [ "$(json '[.runs[].steps[].file] | unique | tojson')" = "[null]" ]
    [ "$(json '.place + " " + (.version | tostring) + " " + (.complete | tostring)')" = "database 4 true" ]
}

@test "export: the whole ledger as one document, files included" {
    apply_quietly
    run --separate-stderr headgate ledger export -o all.json
    expect_status 0
    [ -z "$output" ]
    [ "$(stat -c %a all.json)" = 600 ]
    [ "$(jq -r '.runs[0].steps[1].file' all.json | base64 -d)" = "$(cat mig/versions/r2.py)" ]
    [ "$(jq -r '.runs[0].steps[1].digest' all.json)" = "$(sha256sum mig/versions/r2.py | cut -d' ' -f1)" ]
    [ "$(jq -r '[.objects[] | select(.made) | .name] | join(" ")' all.json)" = "public.t1 public.t2 public.t3" ]
    [ "$(jq -r '.record.fingerprint == .runs[0].fingerprint' all.json)" = true ]
    ledger 0 export --no-files
    [ "$(json '[.runs[].steps[].file] | unique | tojson')" = "[null]" ]
}

@test "verify: holds after applies, rollbacks, and what has nothing to do with revisions" {
    export HEADGATE_LEDGER_KEY=k1
    apply_quietly r2
    apply_quietly
    run --separate-stderr headgate rollback --yes --format json -- -1
    hgt_psql "create table framework (id int); analyze t1; grant select on t1 to public"
    verify 0
    [ "$(json '.checked | [.runs, .steps, .files, .hmacs] | map(tostring) | join(" ")')" = "3 4 4 4" ]
    [ "$(json '.holds')" = true ]
    [[ "$(json '.notes | join(" ")')" == *"1 object appeared that no recorded run made"* ]]
    unset HEADGATE_LEDGER_KEY
    verify 0
    [[ "$(json '.notes | join(" ")')" == *"4 records are signed; set HEADGATE_LEDGER_KEY"* ]]
}

@test "verify: says exactly what does not hold" {
    export HEADGATE_LEDGER_KEY=k1
    apply_quietly r1
    apply_quietly r2
    apply_quietly r3
    hgt_psql "alter table t2 add column extra int; drop table t3"
    verify 1
    [ "$(problems)" = "object public.t2, object public.t3" ] || fail "$(problems)"
    hgt_psql "update headgate.step set file = 'import os'::bytea where revision = 'r1'"
    hgt_psql "update headgate.step set digest = encode(sha256('x'), 'hex'), file = 'x' where revision = 'r2'"
    hgt_psql "update headgate.change set objects = jsonb_set(objects::jsonb, '{0,digest}', 'null') where run = 1"
    verify 1
    [ "$(problems)" = "file r1, hmac r2, fingerprint -, object public.t2, object public.t3" ] || fail "$(problems)"
    hgt_psql "update headgate.step set outcome = null where revision = 'r3';
        delete from headgate.change where run = 2; delete from headgate.step where run = 2; delete from headgate.run where seq = 2"
    verify 1
    [[ "$(problems)" == "file r1, chain -, step r3, fingerprint -, "* ]] || fail "$(problems)"
    [[ "$(json '[.problems[] | select(.what == "chain") | .message][0]')" == "it began at r2, but the run before it"*"left r1:"* ]]
    run --separate-stderr headgate ledger verify
    expect_status 1
    expect_output "the stored file of revision r1 has the digest"
    expect_output "things do not hold"
}

@test "verify: rows moved by hand, which adopt records without running anything" {
    apply_quietly r1
    "$HGT_VENV/bin/alembic" upgrade r2 > alembic.out 2>&1
    verify 1
    [ "$(problems)" = "rows -" ] || fail "$(problems)"
    [[ "$(json '.problems[0].message')" == "public.alembic_version holds r2; headgate left it at r1"* ]]
    run --separate-stderr headgate ledger adopt --format json
    expect_status 0
    [ "$(hga_result '[.outcome, (.applied | join(",")), (.to | join(","))] | join(" ")')" = "applied r2 r2" ]
    [ "$(hga_rows)" = r2 ]
    [ "$(hgt_psql "select direction || ' ' || outcome from headgate.run order by seq desc limit 1")" = "adopt recorded" ]
    # What differs from the record counts as made by it.
    [ "$(hgt_psql "select made from headgate.objects where name = 'public.t2'")" = t ]
    verify 0
    run --separate-stderr headgate ledger adopt
    expect_status 0
    expect_output "nothing to do"
}

# of_gate: RULE SEVERITY OBJECT of what a gate finds, but for what no run made.
of_gate() { json '[.findings[] | select(.rule != "HG225") | .rule + " " + .severity + " " + (.location.object // "")] | join(", ")'; }
gate() {
    run --separate-stderr headgate gate --format json
    expect_status "$1"
}

@test "two version tables in one database: each project answers for what its own runs made" {
    apply_quietly r1
    cp -R . ../billing
    cd ../billing
    sed -i 's/"t\([0-9]\)"/"b\1"/' mig/versions/*.py
    sed -i 's/^def upgrade():/&\n    op.add_column("b1", sa.Column("more", sa.Integer))/' mig/versions/r2.py
    hga_env 'os.environ["DATABASE_URL"]' 'version_table="billing_version"'
    hgt_psql "create table billing_version (version_num varchar(32) primary key); insert into billing_version values ('r1');
              create table b1 (id integer)"
    apply_quietly --baseline
    # Both go on without headgate.
    "$HGT_VENV/bin/alembic" upgrade r2 > alembic.out 2>&1
    hgt_psql "create table t2 (id integer); update alembic_version set version_num = 'r2'"
    cd ../proj
    hgt_psql "update alembic_version set version_num = 'r1'"
    gate 0
    [ "$(of_gate)" = "HG224 note public.billing_version" ] || fail "$(of_gate)"
    [[ "$(json '.findings[] | select(.rule == "HG224").message')" == *"table public.b1 is not as it was"* ]]
    verify 0
    [[ "$(json '.notes[0]')" == "1 object that runs of another version table made (public.billing_version) changed"* ]]
    hgt_psql "update alembic_version set version_num = 'r2'"
    # What the record of the other found first has happened all the same.
    (cd ../billing && apply_quietly --baseline)
    gate 0
    [ "$(of_gate)" = "HG215 note " ] || fail "$(of_gate)"
    run --separate-stderr headgate ledger adopt
    expect_status 0
    gate 0
    [ -z "$(of_gate)" ] || fail "$(of_gate)"
    # A change by hand stays one, whatever the other project records.
    hgt_psql "alter table t1 add column by_hand integer"
    (cd ../billing && apply_quietly --baseline && gate 0 && [ "$(of_gate)" = "HG224 note public.alembic_version" ])
    gate 1
    [ "$(of_gate)" = "HG224 error table public.t1" ] || fail "$(of_gate)"
    verify 1
    [ "$(problems)" = "object public.t1" ] || fail "$(problems)"
    # Nobody speaks for a version table that is gone.
    hgt_psql "alter table billing_version rename to billing_versions"
    hgt_psql "drop table b1"
    gate 1
    [[ "$(of_gate)" == *"HG224 error table public.b1"* ]] || fail "$(of_gate)"
}

@test "adopt: without a record there is nothing to tell from, and unknown rows are not adopted" {
    "$HGT_VENV/bin/alembic" upgrade r1 > alembic.out 2>&1
    run --separate-stderr headgate ledger adopt
    expect_status 1
    [[ $stderr == *"apply --baseline"* ]]
    [ "$(hgt_psql "select count(*) from pg_namespace where nspname = 'headgate'")" = 0 ]
    apply_quietly r2
    hgt_psql "update alembic_version set version_num = 'zzz'"
    run --separate-stderr headgate ledger adopt
    expect_status 1
    [ "$(hgt_psql "select count(*) from headgate.run where direction = 'adopt' and rows_after <> '{r1}'")" = 0 ]
}

@test "without a ledger: show, verify and export say so; init creates it" {
    for verb in show verify export; do
        run --separate-stderr headgate ledger "$verb" --format json
        expect_status 1
        [[ "$(json .error.hint)" == *"headgate ledger init"* ]] || fail "$verb"
    done
    HGT_DOCUMENT=init ledger 0 init
    [ "$(json .done)" = created ]
    HGT_DOCUMENT=init ledger 0 init
    [ "$(json .done)" = nothing ]
    run --separate-stderr headgate ledger show
    expect_status 0
    expect_output "no run is recorded"
    run --separate-stderr headgate ledger nonsense
    expect_status 2
}

@test "init --grant: a role that may not create can record, apply and roll back" {
    another_role
    run --separate-stderr headgate ledger init --format json
    expect_status 1
    [[ "$(json .error.hint)" == *"CREATE SCHEMA headgate AUTHORIZATION"* ]]
    DATABASE_URL=$owner HGT_DOCUMENT=init ledger 0 init --grant "$role"
    printf 'version: 1\ntargets:\n  production: { protected: true, ledger: required, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    apply_quietly -t production --yes
    run --separate-stderr headgate rollback -t production --yes --format json -- -1
    expect_status 0
    apply_quietly -t production --yes --release
    [ "$(hgt_psql "select string_agg(direction || ' ' || outcome || ' ' || (fingerprint is not null) || ' ' || db_user, ', ' order by seq) from headgate.run")" = "up applied true $role, down applied true $role, up applied true $role" ]
    HGT_DOCUMENT=verify ledger 0 verify -t production
    [ "$(json .notes)" = "[]" ]
    drop_role
}

@test "roles that may only read, or not even that" {
    apply_quietly r1
    another_role
    hgt_psql "grant all on t1, alembic_version to $role"
    ledger 0 show
    [ "$(json '[.complete, (.runs | length), .runs[0].steps[0].revision, .runs[0].error] | tojson')" = '[false,1,"r1",null]' ]
    HGT_DOCUMENT=verify ledger 0 verify
    [[ "$(json '.notes | join(" ")')" == *"sees the views only"* ]]
    # It may apply: the record goes to this machine, and says why and what would help.
    apply_quietly
    [[ "$(hga_result '[.findings[] | select(.rule == "HG507") | .message + .help] | join("")')" == *"may not write the ledger"*"GRANT USAGE ON SCHEMA headgate"* ]]
    [ "$(hga_rows)" = r3 ]
    ledger 0 show --local
    [ "$(json '[.runs[0].outcome, (.runs[0].steps | map(.revision) | join(",")), (.runs[0].fingerprint | length)] | tojson')" = '["applied","r2,r3",64]' ]
    hgt_psql "grant insert on headgate.run, headgate.step to $role"
    run --separate-stderr headgate rollback --yes --format json -- -1
    expect_status 0
    [[ "$(hga_result '[.findings[] | select(.rule == "HG507") | .message] | join("")')" == *"may not write the ledger"* ]]
    hgt_psql "revoke usage on schema headgate from public"
    run --separate-stderr headgate status
    expect_status 0
    expect_output "last     unknown: role $role may not read the ledger"
    gate 0
    [[ "$(of_gate)" == *"HG611 note"* ]] || fail "$(of_gate)"
    [[ "$(json '.findings[] | select(.rule == "HG611").help')" == *"headgate ledger init --grant $role"* ]]
    run --separate-stderr headgate ledger adopt
    expect_status 1
    expect_stderr "headgate ledger init --grant $role"
    for verb in show verify; do
        run --separate-stderr headgate ledger "$verb" --format json
        expect_status 3
        [[ "$(json .error.message)" == *"role $role may not read the ledger"* ]] || fail "$verb"
    done
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = r3 ]
    [ "$(hgt_psql "select count(*) from headgate.run")" = 1 ]
    drop_role
}

@test "ledger: file keeps the same facts, and show, verify and export read it" {
    printf 'version: 1\ntargets:\n  local: { ledger: file, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    export HEADGATE_LEDGER_KEY=k1
    apply_quietly r2
    run --separate-stderr headgate rollback --yes --format json -- -1
    expect_status 0
    [ "$(hgt_psql "select count(*) from pg_namespace where nspname = 'headgate'")" = 0 ]
    ledger 0 export
    [ "$(json '[.runs[] | .direction + " " + .outcome] | join(", ")')" = "up applied, down applied" ]
    [ "$(json '[.objects[] | select(.made and .digest) | .name] | join(" ")')" = public.t1 ]
    [ "$(json '[.runs[] | (.fingerprint | length), (.wal_before | test("^[0-9A-F]+/[0-9A-F]+$")), .server_version > 100000, .tool != null, .db_user] | unique | length')" = 3 ]
    [ "$(json '.runs[0].steps[1].file' | base64 -d)" = "$(cat mig/versions/r2.py)" ]
    verify 0
    [ "$(json '.checked | [.runs, .steps, .files, .hmacs] | map(tostring) | join(" ")')" = "2 3 3 3" ]
    # Revisions moved by hand, and a run whose outcome never came, are settled by the next apply as elsewhere.
    "$HGT_VENV/bin/alembic" upgrade r2 > alembic.out 2>&1
    verify 1
    [ "$(problems)" = "rows -" ]
    run --separate-stderr headgate ledger adopt --format json
    expect_status 0
    file=$(echo .headgate/ledger/*.jsonl)
    sed -n 1p "$file" | jq -c '.run = "dead" | .from = ["r2"] | .to = ["r3"] | .steps = [.steps[0] | .revision = "r3"]' >> "$file"
    apply_quietly
    ledger 0 show
    [ "$(json '[.runs[] | .direction + " " + .outcome] | join(", ")')" = "up applied, down applied, adopt recorded, up abandoned, up applied" ]
    verify 0
    # A line cut short, and one that is gone.
    sed -i '$d' "$file"
    printf '{"event": "inte' >> "$file"
    verify 1
    [[ "$(problems)" == "damage -"* ]] || fail "$(problems)"
    run --separate-stderr headgate ledger show
    expect_status 0
    expect_output "open: its headgate recorded no outcome"
}

@test "a damaged ledger: nothing breaks, everybody says what is missing, init mends it" {
    apply_quietly r1
    hgt_psql "drop view headgate.objects, headgate.summary"
    run --separate-stderr headgate status --format json
    expect_status 0
    run --separate-stderr headgate gate --format json
    expect_status 0
    verify 1
    [[ "$(json '.problems[0].message')" == "the ledger is damaged: it lacks headgate.objects, headgate.summary;"* ]]
    apply_quietly r2
    [[ "$(hga_result '[.findings[] | select(.rule == "HG507") | .message] | join("")')" == *"the ledger is damaged: it lacks headgate.objects, headgate.summary"* ]] || fail "HG507"
    HGT_DOCUMENT=init ledger 0 init
    [ "$(json .done)" = mended ]
    hgt_psql "drop table headgate.step cascade"
    run --separate-stderr headgate status --format json
    expect_status 0
    run --separate-stderr headgate gate --format json
    expect_status 0
    verify 1
    apply_quietly r3
    HGT_DOCUMENT=init ledger 0 init
    # A view of another shape: what needs it cannot tell, and says why.
    hgt_psql "drop view headgate.summary; create view headgate.summary as select protected, target from headgate.label"
    for verb in status gate; do
        run --separate-stderr headgate "$verb" --format json
        expect_status 3
        [[ "$(json .error.message)" == *version_table* ]] || fail "$verb"
    done
    verify 1
    [[ "$(json '.problems | map(.message) | join(" ")')" == *"where the database stands cannot be told"* ]]
    hgt_psql "drop view headgate.runs" # what init looks for: something missing
    HGT_DOCUMENT=init ledger 0 init
    run --separate-stderr headgate gate --format json
    expect_status 0
    hgt_psql "delete from headgate.meta"
    verify 1
    [[ "$(json '.problems | map(.message) | join(" ")')" == *"headgate.meta has no version"* ]]
    HGT_DOCUMENT=init ledger 0 init
    [ "$(json .done)" = mended ]
    hgt_psql "truncate headgate.run, headgate.step, headgate.change, headgate.held, headgate.label"
    run --separate-stderr headgate status --format json
    expect_status 0
    verify 1
    [[ "$(json '.problems | map(.message) | join(" ")')" == *"it was emptied"* ]]
    apply_quietly --baseline
    run --separate-stderr headgate rollback --yes --format json -- -1
    expect_status 0
    verify 0
}
