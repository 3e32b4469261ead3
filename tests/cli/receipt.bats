#!/usr/bin/env bats
# gate.after: staging's ledger, or a receipt of it, must show the same revisions from the same files, for
# as long as gate.soak wants.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > staging.env
    staging=$HGT_PGURL
    hgt_db
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > production.env
    unset DATABASE_URL
    export HEADGATE_LEDGER_KEY=a-key-of-the-team
    printf '*.env\n*.receipt*\nkey*\nsigners\n' > .gitignore
    configure ""
}

# The two targets; KEYS join gate: { after: staging }.
configure() {
    printf 'version: 1\ntargets:\n  staging: { environment: [ { dotenv: staging.env } ]%s }\n  production:\n    environment: [ { dotenv: production.env } ]\n    gate: { after: staging%s }\n' \
        "${2:-}" "$1" > headgate.yaml
    hga_commit
}
gate() { run --separate-stderr headgate gate -t production --format json; }
# shut RULE TEXT: the gate is shut by that rule alone, with these words.
shut() {
    gate
    expect_status 1
    [ "$(json '[.findings[] | select(.severity == "error") | .rule] | unique | join(" ")')" = "$1" ] || fail "not $1"
    [[ "$(json '.findings[].message')" == *"$2"* ]] || fail "not said: $2"
}
# The kinds of what is expected of the steps of the last apply.
expected() {
    [ "$(jq -r 'select(.event == "step" and .phase == "begin") | .expected_seconds | type' <<< "$output" |
        paste -sd ' ')" = "$1" ] || fail "not $1"
}
age() { psql -Xq "$staging" -c "update headgate.run set finished_at = finished_at - interval '2 hours'"; }
receipt() { headgate ledger export -q -t staging --receipt s.receipt 2> /dev/null; }

@test "asked of staging itself: not there, too young, another file" {
    shut HG510 "2 of the pending revisions have not run on staging yet"
    headgate apply -q -t staging > /dev/null 2>&1
    gate
    expect_status 0
    configure ", soak: 1h"
    shut HG510 "staging has revision r2 since"
    age
    gate
    expect_status 0
    sed -i 's/$/\r/' mig/versions/r2.py # a checkout of another kind
    gate
    expect_status 0
    sed -i 's/step 2/step two/' mig/versions/r2.py && hga_commit
    shut HG512 "staging ran another file as revision r2"
    [ "$(json '.findings[] | select(.rule == "HG512") | .location.path')" = mig/versions/r2.py ]
    git reset -q --hard HEAD~1
    psql -Xq "$staging" -c "update headgate.run set finished_at = null, outcome = null"
    shut HG510 "staging has revision r1 since a run that has no end yet"
}

@test "moved there by Alembic itself: no record of the file, until it is adopted" {
    headgate apply -q -t staging r1 > /dev/null 2>&1
    (set -a && . ./staging.env && alembic upgrade head 2> /dev/null)
    shut HG512 "staging has revision r2, and no record of the file that it was"
    headgate ledger adopt -q -t staging > /dev/null 2>&1
    gate
    expect_status 0
    run --separate-stderr headgate apply -t production --format json
    expect_status 0
    expected "number null" # by Alembic itself: nobody took the time
}

@test "a receipt stands for staging, which is not asked" {
    headgate apply -q -t staging > /dev/null 2>&1
    age
    # Less than what is measured is a time, too.
    psql -Xq "$staging" -c "update headgate.step set committed_at = started_at where revision = 'r2'"
    receipt
    run --separate-stderr headgate ledger export -t staging --receipt -
    expect_document receipt
    configure ", soak: 1h, receipt: s.receipt"
    echo 'DATABASE_URL=postgresql://nobody@127.0.0.1:1/none' > staging.env
    gate
    expect_status 0
    run --separate-stderr headgate apply -t production --format json
    expect_status 0
    expected "number number" # what they took there
}

@test "a receipt that cannot be believed: changed, another key, no key, unsigned, missing, none" {
    headgate apply -q -t staging > /dev/null 2>&1
    receipt
    configure ", receipt: s.receipt"
    gate
    expect_status 0
    cp s.receipt good.receipt
    sed -i 's/"finished_at": "20../"finished_at": "1999/' s.receipt
    shut HG511 "the signature of the receipt s.receipt is wrong"
    cp good.receipt s.receipt
    HEADGATE_LEDGER_KEY=of-somebody-else shut HG511 "is wrong: it was changed, or signed with another key"
    HEADGATE_LEDGER_KEY='' shut HG511 "HEADGATE_LEDGER_KEY is not set"
    jq '.signature = null' good.receipt > s.receipt
    shut HG511 "is not signed"
    echo '{}' > s.receipt
    shut HG511 "is no receipt"
    rm s.receipt
    shut HG511 "No such file"
}

@test "a receipt of something else: another target, this database, not the pinned one; another file; too young" {
    headgate apply -q -t staging r1 > /dev/null 2>&1
    receipt
    configure ", receipt: s.receipt"
    shut HG510 "1 of the pending revisions have not run on staging yet"
    headgate apply -q -t staging > /dev/null 2>&1
    receipt
    configure ", soak: 1h, receipt: s.receipt"
    shut HG510 "and production wants it to have run there for 60 min"
    configure ", receipt: s.receipt" ", identity: { database: elsewhere }"
    shut HG511 "another database than the one that staging is pinned to"
    configure ", receipt: s.receipt"
    echo '# a comment' >> mig/versions/r1.py && hga_commit
    shut HG512 "ran another file as revision r1"
    git revert -n HEAD && git commit -q -m back
    headgate apply -q -t production > /dev/null 2>&1
    headgate ledger export -q -t production --receipt s.receipt 2> /dev/null
    hga_revision 3
    shut HG511 "the receipt is of target production, wanted is staging"
}

@test "signed by ssh" {
    headgate apply -q -t staging > /dev/null 2>&1
    unset HEADGATE_LEDGER_KEY
    ssh-keygen -q -t ed25519 -N '' -C team -f key
    ssh-keygen -q -t ed25519 -N '' -C stranger -f key2
    echo "team@example.org $(cat key.pub)" > signers
    receipt
    configure ", receipt: s.receipt, signers: signers"
    shut HG511 "is not signed: there is no s.receipt.sig"
    ssh-keygen -q -Y sign -n headgate -f key s.receipt
    gate
    expect_status 0
    echo >> s.receipt
    shut HG511 "is wrong: it was changed, or signed by nobody of"
    rm s.receipt.sig && ssh-keygen -q -Y sign -n headgate -f key2 s.receipt
    shut HG511 "is wrong: it was changed, or signed by nobody of"
}

@test "a plan from a snapshot passes by a receipt alone; apply --plan is in the ledger" {
    headgate apply -q -t staging > /dev/null 2>&1
    receipt
    configure ", receipt: s.receipt"
    headgate snapshot -q -t production --no-schema-sql -o p.snapshot > /dev/null 2>&1
    mv production.env away.env
    run --separate-stderr headgate plan -t production --from p.snapshot --check -o ../plan.json
    expect_status 0
    mv away.env production.env
    run --separate-stderr headgate apply -t production --plan ../plan.json --format json
    expect_status 0
    [ "$(hgt_psql "select distinct plan_digest from headgate.step")" = "$(jq -r .digest ../plan.json)" ]
}
