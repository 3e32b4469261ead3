#!/usr/bin/env bats
# Many headgates, one database; and one headgate whose lock or sessions are cut.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

@test "30 applies at once: the migrator runs once, the others end with 0 or 5" {
    hga_project 2
    hga_revision 2 'open(sa.__file__ and "'"$BATS_TEST_TMPDIR"'/ran", "a").write("ran\n")
op.execute("select pg_sleep(1)")
op.create_table("t2", sa.Column("id", sa.Integer))'
    for i in $(seq 30); do
        (code=0; headgate apply --format json > "out.$i" 2> "err.$i" || code=$?; echo $code > "code.$i") &
    done
    wait
    [ "$(wc -l < "$BATS_TEST_TMPDIR/ran")" = 1 ]
    [ "$(hga_rows)" = r2 ]
    [ "$(cat code.* | sort | uniq -c | tr -s ' ' | sed 's/^ //' | paste -sd,)" = "30 0" ] ||
        { cat code.* | sort | uniq -c; cat err.*; false; }
    [ "$(tail -qn 1 out.* | jq -r .outcome | sort | uniq -c | tr -s ' ' | paste -sd,)" = " 1 applied, 29 nothing-to-do" ]
    hga_no_sessions
}

@test "--no-wait: exit 5, and the holder is named" {
    hga_project 1
    hga_revision 1 'op.execute("select pg_sleep(3)")'
    headgate apply > first.out 2> first.err &
    first=$!
    for _ in $(seq 100); do grep -q applying first.err && break; sleep 0.1; done
    run --separate-stderr headgate apply --no-wait --format json
    expect_status 5
    [ "$(hga_result '[.outcome, .error.kind] | join(" ")')" = "locked lock" ]
    [[ "$(hga_result .error.message)" == *"headgate apply"*"pid "*"since"* ]]
    [[ "$(hga_result '.error | tostring')" == *"from commit $(git rev-parse --short=12 HEAD)"* ]] || fail "no commit"
    run --separate-stderr headgate apply --lock-wait 1 --format json
    expect_status 5
    [ "$(jq -rs 'map(select(.event == "lock-wait")) | length >= 1' <<< "$output")" = true ]
    wait $first
}

@test "the lock session cut: the migrator is canceled, exit 4, nothing stays behind" {
    hga_project 1
    hga_revision 1 'op.execute("select pg_sleep(30)")'
    headgate apply --format json > out 2> err &
    pid=$!
    for _ in $(seq 100); do grep -q '"phase":"begin"' out && break; sleep 0.1; done
    hgt_psql "select count(pg_terminate_backend(pid)) from pg_stat_activity
              where application_name like 'headgate apply%' and datname = '$HGT_DB'"
    code=0; wait $pid || code=$?
    [ "$code" = 4 ] || { cat out err; false; }
    [[ "$(tail -n 1 out | jq -r .error.message)" == *"apply lock was lost"* ]]
    [ "$(hga_rows)" = none ]
    hga_no_sessions
    hga_revision 1
    run --separate-stderr headgate apply
    expect_status 0
}

@test "a migrator that outlived its headgate: refused, ended by cancel" {
    hga_project 1
    # The revision ignores its runner's end: one long statement.
    hga_revision 1 'op.execute("select pg_sleep(20)")'
    headgate apply > out 2> err &
    pid=$!
    for _ in $(seq 100); do grep -q applying err && break; sleep 0.1; done
    kill -9 $pid
    wait $pid || true
    run --separate-stderr headgate apply --no-wait --format json
    expect_status 5
    [[ "$output" == *HG606* ]]
    [[ "$(hga_result .error.hint)" == "headgate cancel"* ]]
    run --separate-stderr headgate cancel
    expect_status 0
    expect_output "ended pid"
    expect_output "is at no revision"
    hga_no_sessions
    hga_revision 1
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(jq -rs '.[] | select(.note == "recovered") | .outcome' <<< "$output")" = abandoned ]
    [ "$(hgt_psql "select string_agg(outcome, ',' order by seq) from headgate.run")" = abandoned,applied ]
}

@test "cancel leaves a migration alone whose headgate is at work" {
    hga_project 1
    hga_revision 1 'op.execute("select pg_sleep(4)")'
    headgate apply > out 2> err &
    pid=$!
    for _ in $(seq 100); do grep -q applying err && break; sleep 0.1; done
    run --separate-stderr headgate cancel --format json
    expect_status 0
    [ "$(json '[.watched, (.ended | length)] | join(" ")')" = "1 0" ]
    run --separate-stderr headgate cancel --yes
    expect_status 0
    code=0; wait $pid || code=$?
    [ "$code" = 4 ]
}

@test "progress: who stands in the way is said" {
    hga_project 1
    headgate apply -q > /dev/null 2>&1
    hga_revision 2 'op.execute("set lock_timeout = 0")
op.execute("alter table t1 add column b int")'
    (psql -Xq "$HGT_PGURL" -c "begin; lock table t1; select pg_sleep(5)" > /dev/null) &
    sleep 0.5
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(jq -rs '[.[] | select(.event == "progress" and .blocked_by != null)] | length >= 1' <<< "$output")" = true ]
    wait
}

@test "lock_timeout: a migration that would queue behind a reader fails in 2 s" {
    hga_project 1
    headgate apply -q > /dev/null 2>&1
    hga_revision 2 'op.execute("alter table t1 add column b int")'
    printf 'version: 1\nlock_budget: 0\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    hga_commit
    (psql -Xq "$HGT_PGURL" -c "begin; lock table t1; select pg_sleep(6)" > /dev/null) &
    sleep 0.5
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hgt_psql "select sqlstate from headgate.run order by seq desc limit 1")" = 55P03 ]
    wait
}
