#!/usr/bin/env bats
# headgate apply on a real server with the real Alembic: what is in afterwards, what is recorded,
# what is said.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

@test "apply runs what is pending, records it, and says where the database stands" {
    hga_project 3
    run --separate-stderr headgate apply
    expect_status 0
    expect_output "3 revisions applied"
    expect_output "is at r3 (up-to-date)"
    expect_output "next: headgate status"
    [ "$(hga_rows)" = r3 ]
    [ "$(hgt_psql "select string_agg(revision, ',' order by seq) from headgate.step where outcome = 'done'")" = r1,r2,r3 ]
    [ "$(hgt_psql "select outcome || ' ' || array_to_string(rows_after, ',') from headgate.run")" = "applied r3" ]
    [ "$(hgt_psql "select bool_and(committed_at >= started_at) from headgate.step")" = t ]
    [ "$(hgt_psql "select target || ' ' || protected from headgate.label")" = "local false" ]
    # The file in the ledger is the file, and its digest is its digest.
    [ "$(hgt_psql "select encode(sha256(file), 'hex') = digest from headgate.step where revision = 'r2'")" = t ]
    [ "$(hgt_psql "select digest from headgate.step where revision = 'r2'")" = "$(sha256sum < mig/versions/r2.py | cut -d' ' -f1)" ]
    hga_no_sessions
}

@test "a second apply has nothing to do" {
    hga_project 2
    run --separate-stderr headgate apply --format json
    expect_status 0
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_result .outcome)" = nothing-to-do ]
    [ "$(hga_result '.to[0]')" = r2 ]
    [ "$(hgt_psql "select count(*) from headgate.run")" = 1 ]
}

@test "json: one event a line, in order, the last one the result" {
    hga_project 2
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(jq -rs 'map(.event) | unique - ["start","lock-wait","gate","step","output","progress","verify","result"] | length' <<< "$output")" = 0 ]
    [ "$(jq -rs 'map(select(.event == "step" and .phase == "committed").revision) | join(",")' <<< "$output")" = r1,r2 ]
    [ "$(hga_result '[.schema, .event, .outcome, .target, (.from | length), .to[0], (.applied | join(",")), .error] | map(tostring) | join(" ")')" = "headgate.apply/1 result applied local 0 r2 r1,r2 null" ]
    jq -rs 'map(select(.event == "output").text) | join("")' <<< "$output" | grep -q "Running upgrade r1 -> r2"
    events=$output
    while IFS= read -r output; do expect_document apply-event; done < <(head -n -1 <<< "$events")
    output=$(tail -n 1 <<< "$events")
    expect_document apply
}

@test "apply REVISION goes exactly there" {
    hga_project 3
    run --separate-stderr headgate apply r2 --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result '.applied | join(",")')" = r1,r2 ]
    run --separate-stderr headgate apply +1 --format json
    expect_status 0
    [ "$(hga_rows)" = r3 ]
}

@test "failing in the middle, one transaction: none is in, exit 4, the ledger agrees" {
    hga_project 3
    hga_revision 3 'op.execute("select 1/0")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_rows)" = none ]
    [ "$(hga_result '[.outcome, (.to | length), (.applied | length), .error.kind, .error.exit_code] | join(" ")')" = "failed 0 0 migrator 4" ]
    [[ "$(hga_result .error.message)" == *"division by zero"* ]]
    [[ "$(hga_result .error.detail)" == *"none of the 3 revisions is in"* ]]
    [ "$(hgt_psql "select outcome || ' ' || sqlstate from headgate.run")" = "failed 22012" ]
    [ "$(hgt_psql "select count(*) from headgate.step where outcome = 'done'")" = 0 ]
    # Mended, the next apply converges.
    hga_revision 3
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r3 ]
}

@test "failing in the middle, transaction per migration: two are in, exit 4, the ledger agrees" {
    hga_project 3
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    hga_revision 3 'op.execute("select 1/0")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result '.applied | join(",")')" = r1,r2 ]
    [[ "$(hga_result .error.detail)" == *"2 of 3 revisions are in (r1, r2)"* ]]
    [ "$(hgt_psql "select string_agg(revision || ':' || outcome, ',' order by seq) from headgate.step")" = r1:done,r2:done,r3:not-done ]
    run --separate-stderr headgate apply
    expect_status 4
    expect_output "is at r2"
}

@test "an autocommit block: what was committed before the failure is told" {
    hga_project 2
    hga_revision 2 'with op.get_context().autocommit_block():
    op.execute("create index concurrently i1 on t1 (id)")
op.execute("select 1/0")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_rows)" = r1 ]
    [[ "$(hga_result .error.detail)" == *"revision r2 has an autocommit block"* ]]
    hga_revision 2 'with op.get_context().autocommit_block():
    op.execute("create index concurrently if not exists i1 on t1 (id)")'
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r2 ]

    # psycopg2 begins no new transaction behind a COMMIT of the migration's own: the revision after it, too, is in
    # as far as it came.
    DATABASE_URL=${DATABASE_URL/psycopg/psycopg2}
    hga_revision 3 'op.execute("COMMIT")'
    hga_revision 4 'op.execute("create table t4 (a int)")
op.execute("select 1/0")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_rows) $(hgt_psql "select to_regclass('t4')")" = "r3 t4" ]
    [ "$(hga_result '.findings[] | select(.rule == "HG621") | .location.revision')" = r4 ] || fail "not told"
    # What goes with a ROLLBACK is not told to be in; a revision that lost its first half so is not done silently.
    hga_revision 4 'op.execute("create table lost (a int)")
op.execute("ROLLBACK")
op.execute("create table kept (a int)")'
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hgt_psql "select to_regclass('lost') is null and to_regclass('kept') is not null")" = t ]
    [ "$(hga_result '.findings[] | select(.rule == "HG621") | "\(.severity) \(.location.revision)"')" = "warning r4" ]
    [[ "$(hga_result '.findings[].message')" == *"r4 rolled back in its middle"* ]]
}

@test "an index left invalid is a finding, and whoever drops it may apply again" {
    hga_project 1
    hgt_psql "create table t1 (id int); create table alembic_version (version_num varchar(32) not null
        constraint alembic_version_pkc primary key); insert into alembic_version values ('r1')"
    hga_revision 2 'with op.get_context().autocommit_block():
    op.execute("create table half (a int)")
    op.execute("insert into t1 values (1), (1)")
    op.execute("create unique index concurrently u1 on t1 (id)")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_result '.findings[] | select(.rule == "HG607") | .location.object')" = u1 ]
    # As HG607 and HG621 ask for: no drift.
    hgt_psql "drop index concurrently u1"
    hgt_psql "drop table half"
    hgt_psql "truncate t1"
    sed -i 's/(1), (1)/(1), (2)/' mig/versions/r2.py && hga_commit
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "what runs is the source that was judged, whatever bytecode lies beside it" {
    hga_project 1
    hga_revision 2 'op.execute("create table old_text (a int)")'
    alembic upgrade r1
    # Of the same second and length: Python takes the old bytecode for it, and so does Alembic.
    touch -r mig/versions/r2.py before
    sed -i 's/old_text/new_text/' mig/versions/r2.py && touch -r before mig/versions/r2.py && hga_commit
    alembic upgrade r1:r2 --sql > sql && grep -q old_text sql
    headgate bundle -q --no-verify -o p.bundle
    headgate bundle show p.bundle r2 > shown && grep -q "create table new_text" shown
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hgt_psql "select to_regclass('old_text') is null and to_regclass('new_text') is not null")" = t ]
}

@test "rows moved by hand are adopted by the next apply" {
    hga_project 3
    run --separate-stderr headgate apply r1
    expect_status 0
    alembic upgrade r2
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(jq -rs '.[] | select(.note == "adopted") | .revisions | join(",")' <<< "$output")" = r2 ]
    [ "$(hga_result '[.findings[].rule] | index("HG215") != null')" = true ]
    [ "$(hgt_psql "select string_agg(direction || ':' || outcome, ',' order by seq) from headgate.run")" = up:applied,adopt:recorded,up:applied ]
}

@test "--baseline records what is there and leaves the version table alone" {
    hga_project 2
    alembic upgrade head
    before=$(hgt_psql "select xmin::text from alembic_version")
    run --separate-stderr headgate apply --baseline --format json
    expect_status 0
    [ "$(hga_result '.applied | length')" = 2 ]
    [ "$(hgt_psql "select xmin::text from alembic_version")" = "$before" ]
    [ "$(hgt_psql "select direction || ' ' || outcome from headgate.run")" = "baseline recorded" ]
}

@test "tables but no version row: refused until --from-empty" {
    hga_project 1
    hgt_psql "create table other (a int)"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [ "$(hgt_psql "select to_regclass('t1') is null and to_regclass('headgate.run') is null")" = t ]
    run --separate-stderr headgate apply --from-empty
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "a protected target wants its name, or --yes" {
    hga_project 1
    cat > headgate.yaml << 'EOF'
version: 1
targets:
  production:
    protected: true
    environment: [ process ]
EOF
    hga_commit
    run --separate-stderr headgate apply -t production < /dev/null
    expect_status 1
    expect_stderr "--yes"
    HEADGATE_MK=$HGT_ROOT/headgate.mk run make -s -f "$HGT_ROOT/headgate.mk" migrate-prod < /dev/null
    expect_output "hint: say so beforehand: make … YES=1"
    [ "$(hga_rows)" = none ]
    run --separate-stderr headgate apply -t production --yes
    expect_status 0
    [ "$(hgt_psql "select target || ' ' || protected from headgate.label")" = "production true" ]
}

@test "a database labelled by a protected target refuses every other target" {
    hga_project 2
    printf 'version: 1\ntargets:\n  production: { protected: true, environment: [ process ] }\n  other: { environment: [ process ] }\n' > headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t production --yes r1
    expect_status 0
    run --separate-stderr headgate apply -t other --yes --format json
    expect_status 1
    [ "$(hga_result '[.findings[] | select(.severity == "error").rule] | join(",")')" = HG502 ]
    [ "$(hga_rows)" = r1 ]
    run --separate-stderr headgate apply -t other --yes --override 'HG502=I insist'
    expect_status 1
    run --separate-stderr headgate target relabel -t other
    expect_status 1
    run --separate-stderr headgate target relabel -t other --yes
    expect_status 0
    run --separate-stderr headgate apply -t other
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "target pin prints the line that ties a target to its database" {
    hga_project 1
    run --separate-stderr headgate target pin
    expect_status 0
    system=$(hgt_psql "select system_identifier from pg_control_system()")
    [ "$output" = "identity: { system_identifier: \"$system\", database: \"$HGT_DB\" }" ]
    printf 'version: 1\ntargets:\n  p:\n    protected: true\n    environment: [ process ]\n    %s\n' "${output/$system/1}" > headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t p --yes --format json
    expect_status 1
    [ "$(hga_result '[.findings[] | select(.severity == "error").rule] | join(",")')" = HG501 ]
}

@test "a role that may not create the ledger: HG507 with the SQL, and a record in the state directory" {
    hga_project 1
    role=app_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'pw-of-app'"
    hgt_psql "grant create on schema public to $role"
    export DATABASE_URL=postgresql+psycopg://$role:pw-of-app@127.0.0.1:$HGT_PORT/$HGT_DB
    run --separate-stderr headgate apply --format json
    expect_status 0
    [[ "$(hga_result '.findings[] | select(.rule == "HG507").help')" == *"CREATE SCHEMA headgate AUTHORIZATION \"$role\""* ]]
    [ "$(hgt_psql "select to_regnamespace('headgate') is null")" = t ]
    cat .headgate/ledger/*.jsonl | jq -rs 'map(.event) | join(",")' | grep -qx intent,outcome
    hgt_psql "drop owned by $role" && hgt_admin "drop role $role"
}

@test "a role called headgate: its tables never land in the ledger's schema" {
    hga_project 1
    # The role is the server's, so two runs of this file would meet: search_path names it instead.
    role=hg_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'pw-of-app'"
    hgt_admin "alter role $role set search_path = headgate, public"
    hgt_psql "grant create on schema public to $role; grant create on database $HGT_DB to $role"
    export DATABASE_URL=postgresql+psycopg://$role:pw-of-app@127.0.0.1:$HGT_PORT/$HGT_DB
    run --separate-stderr headgate apply --format json
    expect_status 0
    [[ "$(hga_result '.findings[] | select(.rule == "HG507").help')" == *"ALTER ROLE \"$role\""* ]]
    [ "$(hgt_psql "select to_regnamespace('headgate') is null")" = t ]
    [ "$(hgt_psql "select to_regclass('public.alembic_version') is not null")" = t ]
    # Where the ledger is there already, such a role is refused.
    hgt_psql "create schema headgate authorization $role; create table headgate.meta (version integer)"
    hga_revision 2
    run --separate-stderr headgate apply
    expect_status 1
    expect_stderr "search_path"
    hgt_psql "drop owned by $role cascade" && hgt_admin "drop role $role"
}

@test "a role that may only read is refused before anything is started" {
    hga_project 1
    run --separate-stderr headgate apply
    expect_status 0
    hga_revision 2
    role=ro_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'pw-of-ro'"
    hgt_admin "alter role $role set default_transaction_read_only = on"
    hgt_psql "grant select on alembic_version to $role"
    export DATABASE_URL=postgresql+psycopg://$role:pw-of-ro@127.0.0.1:$HGT_PORT/$HGT_DB
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [[ "$output" == *HG602* ]]
    hgt_psql "drop owned by $role" && hgt_admin "drop role $role"
}

@test "an unreachable database is exit 3, and the result says that nothing is known" {
    hga_project 1
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:1/nowhere
    run --separate-stderr headgate apply --format json
    expect_status 3
    [ "$(hga_result '[.outcome, .to, .error.kind] | map(tostring) | join(" ")')" = "failed null database" ]
}

@test "--max-runtime cancels, and the database is where it was" {
    hga_project 1
    hga_revision 2 'op.execute("select pg_sleep(60)")'
    run --separate-stderr headgate apply --max-runtime 2 --format json
    expect_status 4
    [[ "$(hga_result .error.message)" == *"--max-runtime"* ]]
    [ "$(hga_rows)" = none ]
    hga_no_sessions
}

# SIGTERM and SIGHUP elsewhere: this is the one that some images are stopped by, and that shells hide from jobs.
@test "SIGQUIT cancels, verifies and says, as SIGTERM does; exit 4" {
    hga_project 1
    hga_revision 2 'op.execute("select pg_sleep(60)")'
    env --default-signal=QUIT headgate apply --format json > out 2> err &
    pid=$!
    for _ in $(seq 100); do grep -q '"revision":"r2","phase":"begin"' out && break; sleep 0.1; done
    kill -QUIT $pid
    code=0; wait $pid || code=$?
    [ "$code" = 4 ]
    [ "$(tail -n 1 out | jq -r '[.outcome, .error.kind, (.to | length)] | join(" ")')" = "interrupted migrator 0" ]
    [ "$(hgt_psql "select outcome from headgate.run")" = interrupted ]
    hga_no_sessions
}

@test "driver: plain runs bare alembic with a warning" {
    hga_project 1
    printf 'version: 1\ntargets:\n  local: { environment: [ process ], driver: plain }\n' > headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(hga_result '[.findings[].rule] | index("HG508") != null')" = true ]
    [ "$(hga_rows)" = r1 ]
}

@test "a password of special characters is in no output, record or command line" {
    local secret encoded file
    for secret in 'p%40 @:/#x' "q'uo\"te\\back"; do
        BATS_TEST_TMPDIR=$(mktemp -d "$BATS_TEST_TMPDIR/XXXXXX")
        hgt_db
        hga_project 1
        hga_revision 1 'import os
print("url is", os.environ["DATABASE_URL"])
op.execute("select pg_sleep(1)")
op.create_table("t1", sa.Column("id", sa.Integer))'
        role=secret_$RANDOM$RANDOM
        psql -XqAt "$HGT_PGURL" -v pw="$secret" <<< "create role $role superuser login password :'pw'"
        encoded=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$secret")
        export DATABASE_URL=postgresql+psycopg://$role:$encoded@127.0.0.1:$HGT_PORT/$HGT_DB
        HEADGATE_TRACE=$PWD/trace headgate apply -v > out 2> err 3>&- &
        pid=$!
        while kill -0 $pid 2> /dev/null; do
            for file in /proc/[0-9]*/cmdline; do tr '\0' ' ' < "$file" || :; done >> commands 2> /dev/null
            sleep 0.1
        done
        wait $pid
        grep -q 'url is' out err
        grep -q 'headgate driver' commands
        headgate status -v > out2 2> err2
        headgate rollback base --to-base --format json > out3 2> err3
        DATABASE_URL=${DATABASE_URL/:$HGT_PORT/:1} headgate apply > out4 2> err4 || :
        pg_dump "$HGT_PGURL" > dump
        for file in $(find . -type f ! -path './.git/*'); do
            ! grep -qF -e "$secret" -e "$encoded" "$file" || fail "$secret is in $file"
        done
    done
}

@test "a password that stands in direct_url is masked too" {
    hga_project 1
    role=direct_$RANDOM$RANDOM
    hgt_admin "create role $role superuser login password 'Lit3ral-Pw'"
    printf 'version: 1\ntargets:\n  local:\n    environment: [ process ]\n    direct_url: "postgresql+psycopg://%s:Lit3ral-Pw@127.0.0.1:%s/%s"\n' "$role" "$HGT_PORT" "$HGT_DB" > headgate.yaml
    hga_revision 1 'import os
print("url is", os.environ["DATABASE_URL"])'
    run --separate-stderr headgate apply -t local
    expect_status 0
    [[ "$output$stderr" == *"url is"*"$role"* ]]
    [[ "$output$stderr" != *Lit3ral* ]]
}

@test "the migrator's output is masked" {
    hga_project 1
    hga_revision 1 'import os
print("url is", os.environ["DATABASE_URL"])
op.create_table("t1", sa.Column("id", sa.Integer))'
    run --separate-stderr headgate apply --format json
    expect_status 0
    [[ "$output" == *"url is"* ]]
    [[ "$output$stderr" != *hgt-secret* ]]
}
