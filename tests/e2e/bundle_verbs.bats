#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where a bundle comes from, and what status, gate, plan, entrypoint and snapshot diff do with one: altered,
# unsigned, of a commit that nobody merged, of other files than those beside it.

setup_file() {
    load ../lib/common
    load ../lib/bundle
    hgb_setup_file
}
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/bundle
    cd "$BATS_TEST_TMPDIR" || return 1
    hgt_db
}

@test "status, gate and plan take a bundle as the code side, and apply keeps to such a plan" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\"], \"downgrade\": []}"
    PATH=$HGT_BUILD:/usr/bin:/bin run --separate-stderr headgate status --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.state + " " + ([.pending[].revision] | join(","))')" = "empty r1,r2" ]
    expect_document status
    run --separate-stderr headgate plan --bundle headgate.bundle -o plan.json --format json
    expect_status 0
    [ "$(json '.revisions[1].sql[0]')" = "insert into t values ('x')" ]
    expect_document plan
    apply --plan plan.json r2
    expect_status 2
    apply --plan plan.json
    expect_status 0
    run headgate gate --bundle headgate.bundle
    expect_status 0
    run headgate status --check --bundle headgate.bundle
    expect_status 0
    run headgate apply
    expect_status 2
    expect_output "there is a bundle"
    run headgate status
    expect_output "next     headgate status -t local --bundle headgate.bundle"
    HEADGATE_BUNDLE=headgate.bundle run headgate apply
    expect_status 0
    expect_output "next: headgate status -t local --bundle headgate.bundle"
    HEADGATE_BUNDLE=headgate.bundle run headgate status --check
    expect_status 0

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": \"it reads rows\", \"downgrade\": []}"
    run --separate-stderr headgate gate --bundle headgate.bundle --format json
    expect_status 1
    json '.findings[] | select(.rule == "HG260") | .message' | grep -q "it reads rows"
    # Without a database it may have been applied long ago.
    git init -q -b main . && git add bundle.json && git commit -q -m one
    run --separate-stderr headgate gate --offline --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.findings[] | select(.rule == "HG260") | .severity + " " + .location.revision')" = "warning r3" ]
    run --separate-stderr headgate gate --offline --fail-on warning --bundle headgate.bundle --format json
    expect_status 1
    run --separate-stderr headgate plan --bundle headgate.bundle --format json
    [ "$(json '.revisions[0].no_sql')" = "it reads rows" ]
    # Whoever names no such file is told so, in the document too.
    run --separate-stderr headgate status --bundle nosuch --format json
    expect_status 2
    [ "$(json .error.exit_code)" = 2 ]
}

@test "a bundle that was altered, or is none, is refused; a plan of files is not mixed up with one" {
    bundle "$R1"
    printf 'x' | dd of=headgate.bundle bs=1 seek=700 conv=notrunc status=none
    apply
    expect_status 1
    [ "$(hga_rows)" = none ]
    run --separate-stderr headgate apply --bundle /dev/null
    [ "$status" -ne 0 ]
    run --separate-stderr headgate apply --bundle nosuch
    expect_status 2
    [[ $stderr != *refused* && $stderr == *"cannot read nosuch"*"--bundle FILE, or HEADGATE_BUNDLE"* ]] || fail "words"
    # One of another project, or an older one.
    bundle "$R1"
    apply r9
    expect_stderr "hint: headgate bundle show headgate.bundle"
    apply
    bundle '{"id": "other", "upgrade": [], "downgrade": []}'
    apply
    expect_status 1
    expect_stderr "hint: headgate bundle show headgate.bundle: is it of this project, and the newest?"
    run headgate status --bundle headgate.bundle
    expect_output "next     headgate bundle show headgate.bundle: is it"
    run --separate-stderr headgate entrypoint --policy verify --bundle headgate.bundle -- echo started
    expect_stderr "headgate.bundle: is it of this project, and the newest?"
}

# judged BUNDLE-SETTINGS: what the gate of a protected target says of where the bundle comes from.
judged() {
    bundle "$R1" "$1"
    run --separate-stderr headgate gate -t production --bundle headgate.bundle --format json
    json '.verdict + " " + ([.findings[] | select(.rule | test("HG20[56]")) | .rule + " " + .severity] | join(" "))'
}

@test "a protected target takes bundles of what was committed and merged" {
    printf 'version: 1\ntargets: { production: { protected: true, environment: [ process ] } }\n' > headgate.yaml
    local commit
    [ "$(judged)" = "shut HG206 error" ]
    git init -q -b main . && git add headgate.yaml && git commit -q -m one
    commit=$(git rev-parse HEAD)
    [ "$(judged "\"commit\": \"$commit\"")" = "open " ]
    [ "$(judged "\"commit\": \"$commit\", \"dirty\": true")" = "shut HG206 error" ]
    [ "$(judged '"commit": "0123456789012345678901234567890123456789"')" = "shut HG205 error" ]
    git checkout -q -b other && git commit -q --allow-empty -m two
    [ "$(judged "\"commit\": \"$(git rev-parse HEAD)\"")" = "shut HG205 error" ]
    run --separate-stderr headgate apply -t production --yes --bundle headgate.bundle
    expect_status 1
    [ "$(hga_rows)" = none ]
    git checkout -q main && git merge -q other
    run --separate-stderr headgate apply -t production --yes --bundle headgate.bundle
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "entrypoint migrates by the bundle it finds, without Python, and becomes the application" {
    bundle "$R1"
    PATH=$HGT_BUILD:/usr/bin:/bin run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r1" ]
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []}"
    mkdir elsewhere
    mv headgate.bundle elsewhere/it
    HEADGATE_BUNDLE=elsewhere/it run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r2" ]
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": \"it reads rows\", \"downgrade\": []}"
    run --separate-stderr timeout 60 headgate entrypoint -- echo started
    [ "$status" -ne 0 ]
    expect_stderr "it reads rows"
    [ "$output $(hga_rows)" = " r2" ]
}

@test "a bundle that entrypoint finds has to be of the revision files beside it" {
    hga_project 1
    bundle '{"id": "r1", "upgrade": ["create table old ()"], "downgrade": []}'
    run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 1
    expect_stderr "is not of the revision files that are here: mig/versions/r1.py is not the file of revision r1"
    [ "$output $(hga_rows)" = " none" ]
    HEADGATE_BUNDLE=headgate.bundle run --separate-stderr timeout 60 headgate entrypoint -- echo started
    expect_status 0
    [ "$output $(hga_rows)" = "started r1" ]
}

@test "snapshot diff compares a target with what a bundle would give" {
    bundle "$R1"
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle --format json
    expect_status 1
    [ "$(json '[.changes[] | select(.kind == "table") | .change + " " + .name] | sort | join(",")')" = \
        "added public.alembic_version,added public.t" ]
    apply
    expect_status 0
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 0
    bundle '{"id": "r1", "upgrade": "it reads rows", "downgrade": []}'
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 1
    expect_stderr "it reads rows"
    local words
    for words in "local headgate.bundle|what a bundle would give: bundle:headgate.bundle" "local bundle:|wants a file" \
        "models bundle:headgate.bundle|with a target or a snapshot"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate snapshot diff ${words%|*}
        expect_stderr "${words#*|}"
    done
}

@test "where the target wants a signature, a bundle without a good one is refused (HG257)" {
    bundle "$R1"
    ssh-keygen -q -t ed25519 -N '' -f key
    ssh-keygen -q -t ed25519 -N '' -f stranger
    printf 'team %s\n' "$(cat key.pub)" > signers
    printf 'version: 1\nbundle: { signers: signers, require_signature: true }\n' > headgate.yaml
    printf 'targets: { local: { environment: [ process ] } }\n' >> headgate.yaml
    headgate bundle sign headgate.bundle -k stranger
    apply --format json
    expect_status 1
    [ "$(hga_result '[.findings[].rule] | join(",")') $(hga_rows)" = "HG257 none" ]
    # Nobody else believes it: the gate is shut (nothing lowers that), a plan says so, a start is refused.
    local gate words
    for gate in gate 'gate --offline' "gate --override HG257=trusted --yes"; do
        read -ra words <<< "$gate"
        run --separate-stderr headgate "${words[@]}" --bundle headgate.bundle --format json
        expect_status 1
        [ "$(json '.verdict + " " + (.findings[] | select(.rule == "HG257") | .severity)')" = "shut error" ] || fail "$gate"
    done
    run --separate-stderr headgate plan --check --bundle headgate.bundle --format json
    expect_status 1
    [ "$(json '.observed.verdict + " " + (.findings[] | select(.rule == "HG257") | .rule)')" = "shut HG257" ]
    run --separate-stderr headgate status --bundle headgate.bundle --format json
    expect_status 0
    [ "$(json '.state + " " + (.findings[] | select(.rule == "HG257") | .rule)')" = "empty HG257" ]
    for words in apply verify wait; do
        run --separate-stderr timeout 60 headgate entrypoint --policy "$words" --timeout 5 -- echo started
        expect_status 1
        expect_stderr "the signature of the bundle"
        [ "$output $(hga_rows)" = " none" ]
    done
    run --separate-stderr headgate snapshot diff local bundle:headgate.bundle
    expect_status 1
    expect_stderr "the signature of the bundle headgate.bundle is wrong"
    headgate bundle sign headgate.bundle -k key
    run headgate gate --bundle headgate.bundle
    expect_status 0
    apply
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    run headgate status --check --bundle headgate.bundle
    expect_status 0
    rm headgate.bundle.sig # up to date with something that nobody vouches for
    run --separate-stderr headgate status --check --bundle headgate.bundle
    expect_status 1
    expect_stderr "headgate explain HG257"
}
