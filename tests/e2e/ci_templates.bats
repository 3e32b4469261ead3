#!/usr/bin/env bats
# Long for its size: whole jobs, each in a clone.
# The shell steps of ci/templates, executed as a runner would: taken out of the files, in order,
# each with `bash -e`, in a clone that has only what the template fetches.

setup_file() {
    load ../lib/common
    load ../lib/railway
    hgt_setup_file
    # PostgreSQL behind the stand-in for Railway: the test server, one database of it.
    hgt_db
    hgt_stub_start --set STUB_PGUSER=hgt --set STUB_PGPASSWORD=hgt-secret \
        --set STUB_PGPASSWORD_URL=hgt-secret --set STUB_PGPORT="$HGT_PORT" \
        --set STUB_PGDATABASE="$HGT_DB"
    export HGT_STUB_DATABASE=$DATABASE_URL
    unset DATABASE_URL
}
setup() {
    load ../lib/common
    load ../lib/railway
    export RAILWAY_TOKEN=$HGT_TOKEN HEADGATE_MK=$HGT_ROOT/headgate.mk
    hgt_psql "drop schema public cascade; create schema public; drop schema if exists headgate cascade"
    DATABASE_URL=$HGT_STUB_DATABASE hgt_project
    # The runner's checkout: a clone of the repository that the project is.
    git clone -q "$HGT_PROJECT" "$BATS_TEST_TMPDIR/origin"
}
teardown_file() { load ../lib/railway; hgt_stub_stop; }

# The commands of a GitHub job: `run: COMMAND` and `run: |` blocks.
github_steps() { # JOB
    awk -v job="  $1:" '
        /^  [a-z-]+:$/ { on = $0 == job }
        on && block { if (match($0, /^ +/) && RLENGTH >= 10) { print substr($0, 11); next } block = 0 }
        on && /^ +run: \|$/ { block = 1; next }
        on && sub(/^ +run: /, "") { print }' "$HGT_ROOT/ci/templates/github-workflow.yml"
}
gitlab_steps() { # JOB
    awk -v job="$1:" '
        /^[a-z-]+:$/ { on = $0 == job; script = 0 }
        on && /^  [a-z]+:/ { script = /^  script:/; next }
        on && script && sub(/^    - /, "") { print }' "$HGT_ROOT/ci/templates/gitlab-job.yml"
}

# Runs the lines of $1, showing each, until one fails.
steps() {
    local line
    [ -n "$1" ] || fail "no steps found"
    while IFS= read -r line; do
        echo "+ $line"
        bash -e -c "$line" < /dev/null || return $?
    done <<< "$1"
}

@test "GitHub: a pull request is judged against its base" {
    cd "$BATS_TEST_TMPDIR/origin"
    git switch -q -c feature
    export GITHUB_BASE_REF=main
    run steps "$(github_steps check)"
    expect_status 0
    expect_output "headgate: exit 0"
    sed -i 's/2048/4096/' backend/db/migrations/versions/0003*.py
    git commit -qam "Edit a merged revision"
    run steps "$(github_steps check)"
    expect_status 2
    expect_output "HG201"
    expect_output "headgate: exit 1"
}

@test "GitHub: a pull request without the base's history is never a pass" {
    git clone -q --depth 1 "file://$HGT_PROJECT" "$BATS_TEST_TMPDIR/shallow"
    cd "$BATS_TEST_TMPDIR/shallow"
    git switch -q -c feature
    git remote set-branches origin feature
    git update-ref -d refs/remotes/origin/main
    export GITHUB_BASE_REF=main
    run steps "$(github_steps check)"
    [ "$status" -ne 0 ] || fail "passed"
    expect_output "headgate: exit 3"
}

@test "GitHub: main goes to production, and the second run has nothing to do" {
    cd "$BATS_TEST_TMPDIR/origin"
    run steps "$(github_steps deploy)"
    expect_status 0
    [ "$(hgt_psql 'select version_num from alembic_version')" = 0003c9e2074a ] || fail "not applied"
    headgate bundle verify migrations.bundle
    run steps "$(github_steps deploy | grep -E '^headgate (gate|apply) ')"
    expect_status 0
}

@test "GitLab: a merge request is judged against its base" {
    cd "$BATS_TEST_TMPDIR/origin"
    git switch -q -c feature
    export CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main
    run steps "$(gitlab_steps migrate-check)"
    expect_status 0
    git rm -q backend/db/migrations/versions/0003*.py
    git commit -qm "Delete a merged revision"
    run steps "$(gitlab_steps migrate-check)"
    expect_status 2
    expect_output "HG202"
}

@test "GitLab: the default branch goes to production" {
    cd "$BATS_TEST_TMPDIR/origin"
    run steps "$(gitlab_steps migrate-prod)"
    expect_status 0
    headgate bundle verify migrations.bundle
    grep -qE '^ +paths: \[migrations.bundle\]' "$HGT_ROOT/ci/templates/gitlab-job.yml" || fail "not kept"
    [ "$(hgt_psql 'select version_num from alembic_version')" = 0003c9e2074a ] || fail "not applied"
}
