#!/usr/bin/env bats
# Long for its size: every page of the docs.
# Every command of docs/guides, in order, as tests/lib/guide reads them, and those of the README and of
# the pages of the verbs. The reader has the sample
# with its database in backend/.env, and production behind the stand-in for Railway.

setup_file() { load ../lib/common; load ../lib/railway; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/railway
    hgt_db
    local production=$HGT_DB
    hgt_stub_start --set STUB_PGUSER=hgt --set STUB_PGPASSWORD=hgt-secret \
        --set STUB_PGPASSWORD_URL=hgt-secret --set STUB_PGPORT="$HGT_PORT" \
        --set STUB_PGDATABASE="$production"
    export RAILWAY_TOKEN=$HGT_TOKEN HEADGATE_MK=$HGT_ROOT/headgate.mk
    hgt_project
    hgt_upgraded 0002 > /dev/null 2>&1
    hgt_db
    hgt_upgraded 0002 > /dev/null 2>&1
    echo "DATABASE_URL=$DATABASE_URL" > backend/.env
    unset DATABASE_URL
}
teardown() { hgt_stub_stop; }

follow() { read_page "docs/guides/$1.md"; }
read_page() {
    run timeout 100 "$HGT_ROOT/tests/lib/guide" "$HGT_ROOT/$1"
    expect_status 0
}
# The commands of a verb's page; both databases have two of the three revisions.
page() {
    export LC_ALL=C.UTF-8
    read_page "docs/$1.md"
}

@test "add a table" { follow add-a-table; }

@test "add a column" { follow add-a-column; }

@test "check the status" { follow check-status; }

@test "review a plan" { follow review-a-plan; }

@test "roll back" { follow roll-back; }

@test "tell people and programs" { follow notify; }

@test "migrate a hot table at noon" { follow hot-table; }

@test "squash old revisions" { follow squash; }

@test "adopt headgate" {
    git rm -q headgate.yaml
    printf 'all:\n\t@echo all\n' > Makefile
    git add -A && git commit -qm "A project without headgate"
    "$HGT_ROOT/scripts/install-tree" "$HGT_BUILD" "$BATS_TEST_TMPDIR/stage" /usr > /dev/null
    export HEADGATE_SHARE=$BATS_TEST_TMPDIR/stage/usr/share/headgate
    follow adopt
}

@test "check and deploy in CI" { follow ci; }

@test "deploy on Railway" { follow deploy-railway; }

@test "deploy on Kubernetes, deploy with systemd" {
    local venv
    venv=$(XDG_CACHE_HOME=$(dirname "$(dirname "$HGT_VENV")") "$HGT_ROOT/scripts/test-venv" manifests)
    mkdir -p share && ln -s "$HGT_ROOT/containers" share/containers
    export HEADGATE_SHARE=$PWD/share
    # Ubuntu 22.04's systemd cannot judge units that are not installed.
    if [ "$(systemd-analyze --version | awk '{print $2; exit}')" -ge 250 ]; then
        follow deploy-systemd
    else
        sed '/^How much an intruder/,/^## Where/d' "$HGT_ROOT/docs/guides/deploy-systemd.md" > page.md
        run -0 timeout 100 "$HGT_ROOT/tests/lib/guide" page.md
    fi
    PATH=$venv/bin:$PATH follow deploy-kubernetes
}

@test "migrate without Python" { follow without-python; }

@test "something is wrong" { follow something-is-wrong; }

@test "the page of apply" { page apply; }

@test "the page of cancel" { page cancel; }

@test "the page of doctor" { page doctor; }

@test "the page of entrypoint" { page entrypoint; }

@test "the page of env" { page env; }

@test "the page of explain" { page explain; }

@test "the page of gate" { page gate; }

@test "the page of history" { page history; }

@test "the page of new" { page new; }

@test "the page of plan" { page plan; }

@test "the page of psql" { page psql; }

@test "the page of postgres" { page postgres; }

@test "the page of rollback" { page rollback; }

@test "the page of status" { page status; }

@test "the page of target" { page target; }

@test "the README's own commands in a repository" {
    # Those that build headgate itself are what runs this test.
    sed '/^make demo/d; /^make test/d' "$HGT_ROOT/README.md" |
        awk '/^```text$/ { skip = 1 } !skip; /^```$/ { skip = 0 }' > "$BATS_TEST_TMPDIR/README.md"
    run timeout 100 "$HGT_ROOT/tests/lib/guide" "$BATS_TEST_TMPDIR/README.md"
    expect_status 0
    expect_output "state    behind"
}

@test "what a page shows and a command does not print is noticed" {
    printf '%s\n' '```sh' 'echo up 12' '```' '<!-- numbers vary -->' '```text' 'up 7' '```' > page.md
    run -0 "$HGT_ROOT/tests/lib/guide" page.md
    printf '%s\n' '```sh' 'echo up 12' '```' '```text' 'up 7' '```' > page.md
    run -1 "$HGT_ROOT/tests/lib/guide" page.md
    expect_output "page.md:4: no line: up 7"
}

@test "no guide is left out" {
    for guide in "$HGT_ROOT"/docs/guides/*.md; do
        name=$(basename "$guide" .md)
        # containers.md and deploy-compose.md are followed where there are containers.
        grep -qE "follow $name|guides/$name.md" "$BATS_TEST_DIRNAME"/*.bats || fail "$name is not followed"
    done
}
