#!/usr/bin/env bats
# Older code meets a newer database: status names what it does not know, and
# `rollback --files-from-ledger` goes back over it with the files that the ledger kept.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

# newer_and_older [BEFORE]: revisions r1 and r2 with a checkout of just them in ../older; here r3 and r4
# come on top and are applied (BEFORE: set on the apply, such as a key).
newer_and_older() {
    hga_project 2
    git tag old
    hga_revision 3
    hga_revision 4 'import os
assert "HEADGATE_LEDGER_KEY" not in os.environ
op.create_table("t4", sa.Column("id", sa.Integer))' 'op.drop_table("t4")
op.execute("select 1")'
    env "$@" headgate apply -q > /dev/null
    git clone -q . ../older
    git -C ../older checkout -q old
    NEWER=$PWD OLDER=$BATS_TEST_TMPDIR/older
}

# Nothing of the private folders is left, on this machine.
no_folders() {
    local left
    left=$(find "$TMPDIR" -maxdepth 1 -name 'headgate-*' -print -quit)
    [ -z "$left" ] || fail "left behind: $left"
}

private_tmp() {
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
}

@test "newer code applies, older code goes back by the ledger's files, newer code applies again" {
    private_tmp
    newer_and_older
    cd "$OLDER"
    run --separate-stderr headgate status --format json
    expect_status 0
    [ "$(json .state)" = ahead ]
    [ "$(json '.unknown_details[0] | .found + " " + .message + " " + .commit')" = "ledger step 4 $(git rev-parse origin/main)" ]
    # Each unknown revision, also those below the row, with who, when, whence.
    [ "$(json '[.unknown_details[] | .revision + " " + .by + " " + .branch + " " + .path] | join(", ")')" = "r4 $(id -un) main mig/versions/r4.py, r3 $(id -un) main mig/versions/r3.py" ]
    [ "$(json '[.unknown_details[].date | test("^20..-..-..T")] | all')" = true ]
    [[ "$(json .findings[0].message)" == *"r4 (in the ledger, branch "*"r3 (in the ledger, branch "* ]]
    # Without the option, refused, with the way out.
    run --separate-stderr headgate rollback -1
    expect_status 1
    expect_stderr "--files-from-ledger"
    [ "$(hga_rows)" = r4 ]
    run --separate-stderr headgate rollback -1 --files-from-ledger
    expect_status 0
    expect_stderr "from the ledger: r4  step 4"
    expect_stderr "proven by: mig/versions/r4.py in commit $(git rev-parse origin/main | cut -c 1-12)"
    expect_stderr "from the ledger: r3  step 3"
    expect_output "1 revision rolled back"
    [ "$(hga_rows)" = r3 ]
    run --separate-stderr headgate rollback r2 --files-from-ledger --format json
    expect_status 0
    [ "$(hga_result '.outcome + " " + .applied[0] + " " + .state')" = "applied r3 up-to-date" ]
    [ "$(hgt_psql "select to_regclass('t3') is null and to_regclass('t4') is null")" = t ]
    alembic current 2> /dev/null | grep -q '^r2 (head)'
    no_folders
    git diff --quiet HEAD
    # The versions that were run stay in the ledger, and the newer code goes on from here.
    cd "$NEWER"
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r4 ]
    alembic check 2>&1 | grep -q 'No new upgrade' || alembic current 2> /dev/null | grep -q '^r4 (head)'
    cd "$OLDER"
    run --separate-stderr headgate rollback -2 --files-from-ledger
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "a ledger that this machine keeps gives its files too, and is believed no more" {
    printf 'version: 1\nledger: file\n' > "$BATS_TEST_TMPDIR/headgate.yaml"
    hga_project 2
    cp "$BATS_TEST_TMPDIR/headgate.yaml" . && printf '.headgate\n' >> .gitignore
    hga_commit && git tag old
    hga_revision 3
    headgate apply -q > /dev/null
    git clone -q . ../older
    cd ../older && git checkout -q old
    run --separate-stderr headgate rollback -1 --files-from-ledger
    expect_status 1
    expect_stderr "the ledger has no file of it"
    cp -R ../proj/.headgate . && cp .headgate/ledger/*.jsonl "$BATS_TEST_TMPDIR/kept"
    jq -c '(.steps[]? | select(.revision == "r3") | .file) |= (. | @base64d + "import os\n" | @base64)' "$BATS_TEST_TMPDIR/kept" > "$(echo .headgate/ledger/*.jsonl)"
    run --separate-stderr headgate rollback -1 --files-from-ledger
    expect_status 1
    expect_stderr "digest is recorded"
    [ "$(hga_rows)" = r3 ]
    cp "$BATS_TEST_TMPDIR/kept" .headgate/ledger/*.jsonl
    run --separate-stderr headgate rollback -1 --files-from-ledger
    expect_status 0
    expect_stderr "proven by: mig/versions/r3.py in commit $(git rev-parse origin/main | cut -c 1-12)"
    [ "$(hga_rows)" = r2 ]
}

@test "--dry-run -v shows the text and runs nothing" {
    newer_and_older
    cd "$OLDER"
    run --separate-stderr headgate rollback r2 --files-from-ledger --dry-run
    expect_status 0
    [[ "$stderr" != *'down_revision = "r3"'* ]]
    expect_stderr "drops table t4"
    run --separate-stderr headgate rollback r2 --files-from-ledger --dry-run -v
    expect_status 0
    expect_stderr '    | down_revision = "r3"'
    [ "$(hga_rows)" = r4 ]
    run --separate-stderr headgate rollback r2 --files-from-ledger --dry-run --format json -v
    [ "$(jq -rs '[.[] | select(.note == "stored-file") | .revision + (.text | test("def downgrade") | tostring)] | join(" ")' <<< "$output")" = "r4true r3true" ]
}

# refused [WORDS]: nothing is run, by the rule.
refused() {
    run --separate-stderr headgate rollback -1 --files-from-ledger --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [ "$(hga_result '[.findings[].rule] | contains(["HG237"])')" = true ]
    expect_output "$1"
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
    [ "$(hga_rows)" = r4 ]
    [ "$(hgt_psql "select to_regclass('t4') is not null")" = t ]
}

@test "a row that somebody wrote is shown and never run" {
    newer_and_older
    cd "$OLDER"
    local evil="pathlib.Path('$BATS_TEST_TMPDIR/ran').touch()"
    # The file, its digest adjusted: the commit has other lines.
    hgt_psql "update headgate.step set file = convert_to('import pathlib; ' || \$\$$evil\$\$ || chr(10), 'UTF8') || file where revision = 'r4'"
    refused "digest is recorded"
    hgt_psql "update headgate.step set digest = encode(sha256(file), 'hex') where revision = 'r4'"
    refused "has no such file"
    # Another existing commit, which has no such file either; one that exists nowhere; no commit.
    hgt_psql "update headgate.run set commit_id = '$(git rev-parse HEAD)'"
    refused "has no such file"
    hgt_psql "update headgate.run set commit_id = repeat('a', 40)"
    refused "not in this repository"
    hgt_psql "update headgate.run set commit_id = '--help'"
    refused "no commit id"
    hgt_psql "update headgate.run set commit_id = null"
    refused "no commit is recorded"
    # Honest lines of a commit, but of another revision.
    hgt_psql "update headgate.run set commit_id = '$(git rev-parse origin/main)'"
    hgt_psql "update headgate.step s set file = o.file, digest = o.digest, path = o.path from headgate.step o where s.revision = 'r4' and o.revision = 'r3'"
    refused "another revision"
    # A file whose revision cannot be read without running it.
    hgt_psql "update headgate.step set file = 'revision = str(1)' where revision = 'r4'"
    refused "without running it"
    hgt_psql "delete from headgate.step where revision = 'r4'"
    refused "no file of it"
}

@test "an old commit that nobody has merged proves nothing on a protected target" {
    newer_and_older
    git checkout -q -b side
    hgt_psql "update headgate.label set target = 'production', protected = true"
    cd "$OLDER"
    git checkout -q -b here
    printf 'version: 1\ngate: { base: here }\ntargets:\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    git add . && git commit -q -m "a target"
    run --separate-stderr headgate rollback -1 --files-from-ledger -t production --yes
    expect_status 1
    expect_stderr "is not in here, as a protected target wants it"
    sed -i 's/base: here/base: main/' headgate.yaml
    git commit -qam "base"
    run --separate-stderr headgate rollback -1 --files-from-ledger -t production --yes
    expect_status 0
    expect_stderr "held until"
    [ "$(hga_rows)" = r3 ]
}

@test "an image without git: the HMAC under HEADGATE_LEDGER_KEY, and only under the right one" {
    private_tmp
    newer_and_older HEADGATE_LEDGER_KEY=the-key
    cd "$OLDER"
    rm -rf .git
    refused "no git repository"
    HEADGATE_LEDGER_KEY=another refused "not one under HEADGATE_LEDGER_KEY"
    # Signed, but for another revision, and with a changed file.
    hgt_psql "create table kept as select * from headgate.step where revision = 'r4'"
    hgt_psql "update headgate.step s set hmac = o.hmac from headgate.step o where s.revision = 'r4' and o.revision = 'r3'"
    HEADGATE_LEDGER_KEY=the-key refused "not one under"
    hgt_psql "update headgate.step s set hmac = k.hmac, file = s.file || '# more', digest = encode(sha256(s.file || '# more'), 'hex') from kept k where s.revision = 'r4'"
    HEADGATE_LEDGER_KEY=the-key refused "not one under"
    hgt_psql "update headgate.step s set hmac = null from kept k where s.revision = 'r4'"
    HEADGATE_LEDGER_KEY=the-key refused "has no HMAC"
    hgt_psql "update headgate.step s set hmac = k.hmac, file = k.file, digest = k.digest from kept k where s.revision = 'r4'"
    export HEADGATE_LEDGER_KEY=the-key
    run --separate-stderr headgate rollback r2 --files-from-ledger
    expect_status 0
    expect_stderr "proven by: its HMAC under HEADGATE_LEDGER_KEY"
    [ "$(hga_rows)" = r2 ]
    no_folders
}

@test "a role that may not read the files is told so; the bare driver is refused" {
    newer_and_older
    cd "$OLDER"
    printf 'version: 1\ndriver: plain\n' > headgate.yaml
    run --separate-stderr headgate rollback -1 --files-from-ledger
    expect_status 1
    expect_stderr "driver: plain"
    rm headgate.yaml
    hgt_psql "create role ${HGT_DB}_r login password 'hgt-secret'; grant all on all tables in schema public to ${HGT_DB}_r"
    DATABASE_URL=${DATABASE_URL/hgt:hgt-secret/${HGT_DB}_r:hgt-secret}
    run --separate-stderr headgate rollback -1 --files-from-ledger
    hgt_psql "drop owned by ${HGT_DB}_r; drop role ${HGT_DB}_r"
    expect_status 1
    expect_stderr "may not read it"
    [ "$(hga_rows)" = r4 ]
}

@test "a downgrade out of the ledger passes the same judgement, and a failing one says where it stands" {
    hga_project 1
    git tag old
    hga_revision 2 '' 'assert False'
    hga_revision 3 '' 'op.execute("select 1/0")'
    headgate apply -q > /dev/null
    git clone -q . ../older
    cd ../older
    git checkout -q old
    run --separate-stderr headgate rollback r1 --files-from-ledger
    expect_status 1
    expect_stderr "raises: there is no way back"
    private_tmp
    run --separate-stderr headgate rollback -1 --files-from-ledger --format json
    expect_status 4
    [ "$(hga_result '.to[0]')" = r3 ]
    no_folders
}

@test "killed while it runs: nothing of the private folder stays" {
    hga_project 1
    git tag old
    hga_revision 2 '' 'import time, pathlib
pathlib.Path("started").write_text(str(__import__("os").getpid()))
op.execute("select pg_sleep(60)")'
    headgate apply -q > /dev/null
    git clone -q . ../older
    cd ../older
    git checkout -q old
    private_tmp
    headgate rollback -1 --files-from-ledger > ../out 2>&1 3>&- &
    local runner=$! i
    for ((i = 0; i < 200; i++)); do [ -s started ] && break; sleep 0.1; done
    [ -n "$(find "$TMPDIR" -maxdepth 1 -name 'headgate-*' -perm 0700 -print -quit)" ]
    kill -9 "$(cat started)"
    wait "$runner" || true
    for ((i = 0; i < 50; i++)); do
        [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'headgate-*' -print -quit)" ] && break
        sleep 0.1
    done
    no_folders
    [ "$(hga_rows)" = r2 ]
}

@test "behind a command the files cross with the driver" {
    private_tmp
    newer_and_older
    cd "$OLDER"
    printf '#!/bin/sh\nexec "$@"\n' > ../over
    chmod +x ../over
    printf 'version: 1\ntargets:\n  far: { environment: [ process ], run: { command: [ %s ] } }\n' "$BATS_TEST_TMPDIR/over" > headgate.yaml
    hgt_psql "update headgate.label set target = 'far'"
    run --separate-stderr headgate rollback r2 --files-from-ledger -t far
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    no_folders
}

@test "the oldest Alembic finds them too, where version_locations are given already" {
    export PATH
    PATH=$(hgt_old_venv 1.8.1)/bin:$PATH DATABASE_URL=$HGT_PGURL
    hga_project 1
    mkdir mig/more && git mv mig/versions/r1.py mig/more/
    mkdir -p mig/versions && touch mig/versions/.keep
    sed -i 's|^script_location.*|&\nversion_locations = %(here)s/mig/versions %(here)s/mig/more|' alembic.ini
    hga_commit
    git tag old
    hga_revision 2
    hga_revision 3
    headgate apply -q > /dev/null
    git clone -q . ../older
    cd ../older
    git checkout -q old
    run --separate-stderr headgate rollback r1 --files-from-ledger
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    run --separate-stderr headgate status --check
    expect_status 0
}
