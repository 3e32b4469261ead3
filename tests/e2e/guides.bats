#!/usr/bin/env bats
# Every command of docs/guides, in order, as tests/lib/guide reads them. The reader has the sample
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
    hgt_alembic upgrade 0002 > /dev/null 2>&1
    hgt_db
    hgt_alembic upgrade 0002 > /dev/null 2>&1
    echo "DATABASE_URL=$DATABASE_URL" > backend/.env
    unset DATABASE_URL
}
teardown() { hgt_stub_stop; }

follow() {
    run timeout 100 "$HGT_ROOT/tests/lib/guide" "$HGT_ROOT/docs/guides/$1.md"
    expect_status 0
}

@test "add a table" { follow add-a-table; }

@test "add a column" { follow add-a-column; }

@test "check the status" { follow check-status; }

@test "roll back" { follow roll-back; }

@test "adopt headgate" {
    git rm -q headgate.yaml
    printf 'all:\n\t@echo all\n' > Makefile
    git add -A && git commit -qm "A project without headgate"
    "$HGT_ROOT/scripts/install-tree" "$HGT_BUILD" "$BATS_TEST_TMPDIR/stage" /usr > /dev/null
    export HEADGATE_SHARE=$BATS_TEST_TMPDIR/stage/usr/share/headgate
    follow adopt
}

@test "no guide is left out" {
    for guide in "$HGT_ROOT"/docs/guides/*.md; do
        name=$(basename "$guide" .md)
        grep -q "follow $name" "$BATS_TEST_FILENAME" || fail "$name is not followed"
    done
}
