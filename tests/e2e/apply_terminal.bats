#!/usr/bin/env bats
# headgate apply in front of a person: the question on a real terminal, Ctrl-C before and during.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 1
    printf 'version: 1\ntargets:\n  local: { environment: [ process ] }\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
}

terminal() { "$HGT_ROOT/tests/lib/drive-terminal" "$@"; }

@test "the target's name typed on a terminal: applied" {
    terminal '[["expect", "Apply 1 revision to production"], ["expect", "Type the target"], ["send", "production\r"], ["expect", "1 revision applied"], ["exit", 0]]' headgate apply -t production
    [ "$(hga_rows)" = r1 ]
}

@test "another name, or none: refused" {
    terminal '[["expect", "Type the target"], ["send", "staging\r"], ["expect", "nothing was done"], ["exit", 1]]' headgate apply -t production
    terminal '[["expect", "Type the target"], ["send", "\r"], ["exit", 1]]' headgate apply -t production
    terminal '[["expect", "Type the target"], ["send", "\u0004"], ["expect", "no answer"], ["exit", 1]]' headgate apply -t production
    [ "$(hga_rows)" = none ]
}

@test "Ctrl-C at the question: exit 130, nothing was started" {
    terminal '[["expect", "Type the target"], ["send", "\u0003"], ["expect", "before anything was started"], ["exit", 130]]' headgate apply -t production
    [ "$(hga_rows)" = none ]
    hga_no_sessions
}

@test "Ctrl-C in the middle of a migration: canceled, verified, said; exit 4" {
    hga_revision 2 'op.create_table("t2", sa.Column("id", sa.Integer))
op.execute("select pg_sleep(60)")'
    terminal '[["expect", "applying r2"], ["send", "\u0003"], ["expect", "Interrupt: the statement is canceled"], ["expect", "interrupted"], ["expect", "now at no revision"], ["exit", 4]]' headgate apply -t local
    [ "$(hga_rows)" = none ]
    [ "$(hgt_psql "select outcome from headgate.run")" = interrupted ]
    hga_no_sessions
}

@test "Ctrl-C twice: a migration that takes no notice of the first is ended now" {
    hga_revision 2 'import time
connection = op.get_bind()
for _ in range(60):
    try:
        connection.exec_driver_sql("select pg_sleep(60)")
    except BaseException:
        time.sleep(1)'
    terminal '[["expect", "applying r2"], ["send", "\u0003"], ["expect", "Interrupt: the statement is canceled"], ["send", "\u0003"], ["expect", "interrupted"], ["expect", "now at no revision"], ["exit", 4]]' headgate apply -t local
    [ "$(hga_rows)" = none ]
    hga_no_sessions
}

@test "an override asks too, and what was confirmed is what runs" {
    hga_revision 2 pass pass
    run --separate-stderr headgate apply -t local --override 'HG208=on purpose' < /dev/null
    expect_status 1
    terminal '[["expect", "Apply 2 revisions to local"], ["send", "local\r"], ["expect", "2 revisions applied"], ["exit", 0]]' headgate apply -t local --override 'HG208=on purpose'
    [ "$(hgt_psql "select overrides::text from headgate.run where direction = 'up'")" = '{"HG208=on purpose"}' ]
}

@test "revisions that become pending while headgate waits for the lock were confirmed by nobody" {
    headgate apply -q -t production --yes > /dev/null 2>&1
    key=$("$HGT_BUILD/helpers/lock_key" public alembic_version)
    psql -Xq "$HGT_PGURL" -c "select pg_advisory_lock(1751605616, $key)" -c 'select pg_sleep(60)' > /dev/null 2>&1 3>&- &
    until [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and classid = 1751605616 and database = (select oid from pg_database where datname = '$HGT_DB')")" = 1 ]; do sleep 0.1; done
    headgate apply -t production --format json > out 2> err < /dev/null 3>&- &
    pid=$!
    until grep -q lock-wait out; do sleep 0.1; done
    hgt_psql "drop table t1; truncate alembic_version"
    hgt_psql "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'select pg_sleep%' and datname = '$HGT_DB'"
    code=0
    wait $pid || code=$?
    [ "$code" = 1 ] || { cat out err; false; }
    [ -z "$(hga_rows)" ]
    [[ "$(tail -n 1 out | jq -r .error.message)" == *"changed while"* ]]
}

# live COMMAND…: with what a person's terminal has, which a test's surroundings may lack.
live() { env -u CI TERM=xterm LC_ALL=C.UTF-8 "$@"; }

@test "a line at the bottom tells revision, statement and time, and is gone at the end" {
    hga_revision 2 'op.create_table("t2", sa.Column("id", sa.Integer))
op.execute("select pg_sleep(3)")'
    live "$HGT_ROOT/tests/lib/drive-terminal" '[["expect", "applying r2"],
        ["match", "\\r\\[2/2\\] r2 step 2  select pg_sleep\\(3\\)  [1-9]\\.\\d s\\x1b\\[K"],
        ["expect", "2 revisions applied"], ["exit", 0],
        ["gone", "^\\[2/2\\] r2|pg_sleep|running for"],
        ["row", "^\\[2/2\\] applying r2  step 2$"], ["row", "^local: 2 revisions applied in"]]' headgate apply -t local
    [ "$(hga_rows)" = r2 ]
}

@test "the line is cut to the width that the terminal has now" {
    hga_revision 2 'op.execute("select pg_sleep(4) /* a rather long text that no terminal has room for, again and again */")'
    live "$HGT_ROOT/tests/lib/drive-terminal" '[["size", 24, 60], ["match", "\\r\\[2/2\\] r2 step 2  select pg_sleep\\(4\\) /\\* a rather lon…  \\d\\.\\d s\\x1b"],
        ["size", 24, 40], ["match", "\\r\\[2/2\\] r2 step 2  select pg_slee…  \\d\\.\\d s\\x1b"],
        ["expect", "2 revisions applied"], ["exit", 0]]' headgate apply -t local
}

@test "who is waited for stands in the line and, for later, above it; what the migrator prints too" {
    headgate apply -q -t local > /dev/null 2>&1
    hga_revision 2 'print("half a row", end="", flush=True)
print(" and the rest", flush=True)
op.execute("set lock_timeout = 0")
op.execute("alter table t1 add column b int")' 'op.execute("select pg_sleep(2)")'
    PGAPPNAME=blocker psql -Xq "$HGT_PGURL" -c 'begin; lock table t1; select pg_sleep(60)' > /dev/null 2>&1 3>&- &
    until [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and application_name = 'blocker' and datname = '$HGT_DB'")" = 1 ]; do sleep 0.1; done
    (
        until [ "$(hgt_psql "select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0 and datname = '$HGT_DB'")" = 1 ]; do sleep 0.1; done
        sleep 3
        hgt_psql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'blocker' and datname = '$HGT_DB'"
    ) > /dev/null 2>&1 3>&- &
    live "$HGT_ROOT/tests/lib/drive-terminal" '[["size", 24, 110], ["match", "alter table t1 add column b int  \\d\\.\\d s  waits for pid \\d+ \\(blocker, [a-z_]+\\)\\x1b"],
        ["expect", "1 revision applied"], ["exit", 0], ["gone", "waits for"], ["row", "^half a row and the rest$"],
        ["row", "^waiting for pid \\d+ \\([a-z_]+, blocker, active"]]' headgate apply -t local
    wait
    live "$HGT_ROOT/tests/lib/drive-terminal" '[["match", "\\r\\[1/1\\] r2 step 2  select pg_sleep\\(2\\)  \\d\\.\\d s"],
        ["expect", "1 revision rolled back"], ["exit", 0], ["gone", "^\\[1/1\\] r2"]]' headgate rollback -1 -t local
}

@test "no such line without a terminal, with --no-progress, -q, json, TERM=dumb or CI" {
    hga_revision 2 'op.execute("select pg_sleep(1.5)")' 'op.execute("select pg_sleep(1.5)")'
    live headgate apply -t local > out 2>&1 < /dev/null
    grep -q "1 revision\|2 revisions" out
    run ! grep -q $'\r\|\e\\[K\|r2 step 2  select' out
    local steps='[["expect", "is at"], ["exit", 0], ["absent", "\u001b[K"]]'
    live "$HGT_ROOT/tests/lib/drive-terminal" "$steps" headgate rollback -1 -t local --no-progress
    live "$HGT_ROOT/tests/lib/drive-terminal" "$steps" headgate apply -t local -q
    live "$HGT_ROOT/tests/lib/drive-terminal" '[["expect", "headgate.apply/1"], ["exit", 0], ["absent", "\u001b[K"]]' headgate rollback -1 -t local --format json
    live env TERM=dumb "$HGT_ROOT/tests/lib/drive-terminal" "$steps" headgate apply -t local
    live env CI=true "$HGT_ROOT/tests/lib/drive-terminal" "$steps" headgate rollback -1 -t local
}
