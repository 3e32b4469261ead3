#!/usr/bin/env bats
# A migration that meets locks: it gives way and is tried again where nothing of it is in, it is canceled
# where others wait too long for it, and it goes revision by revision. Real server, real Alembic; every
# wait is for something that is seen, not for a time.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 1
    # r1 is in, as Alembic leaves it, and the table that everybody wants are there; what a test is about comes after.
    hgt_psql "create table t1 (id int); create table alembic_version (version_num varchar(32) not null
        constraint alembic_version_pkc primary key); insert into alembic_version values ('r1')"
    hgt_psql "create table hot (id int primary key, a int); insert into hot values (1, 1), (2, 2)"
    SESSIONS=()
}
teardown() {
    local pid
    for pid in "${SESSIONS[@]}"; do kill "$pid" 2> /dev/null || :; done
}

# settings LINE…: keys of the target.
settings() {
    printf 'version: 1\nlock_timeout: 250ms\nlock_budget: 20s\n' > headgate.yaml
    printf '%s\n' "$@" >> headgate.yaml
    printf 'targets: { local: { environment: [ process ] } }\n' >> headgate.yaml
    hga_commit
}

# session NAME: a psql that an application keeps; `tell NAME SQL` makes it run something.
session() {
    mkfifo "$BATS_TEST_TMPDIR/$1"
    PGAPPNAME=$1 psql -XqAt "$HGT_PGURL" < "$BATS_TEST_TMPDIR/$1" > "$BATS_TEST_TMPDIR/$1.out" 2>&1 3>&- &
    SESSIONS+=($!)
    exec {hold}> "$BATS_TEST_TMPDIR/$1"
    eval "FD_$1=$hold"
}
tell() {
    local fd=FD_$1
    printf '%s;\n' "$2" >&"${!fd}"
}

# until_sql CONDITION: waits for the database to say so.
until_sql() {
    local i
    for ((i = 0; i < 300; i++)); do
        [ "$(hgt_psql "select $1")" != t ] || return 0
        sleep 0.1
    done
    fail "never: $1"
}
holds() {
    until_sql "exists (select from pg_locks l join pg_stat_activity a using (pid)
        where a.application_name = '$1' and l.relation = 'hot'::regclass and l.granted and l.mode = '$2')"
}

# start [ARGS…]: headgate apply beside us; `seen NOTE` waits for an event, `ended` for its end.
# The file is emptied first, and not only by the job: `seen` must not find what an earlier run wrote.
start() {
    : > "$BATS_TEST_TMPDIR/events"
    headgate apply --format json "$@" > "$BATS_TEST_TMPDIR/events" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    HEADGATE=$!
    SESSIONS+=("$HEADGATE")
}
seen() {
    local i
    for ((i = 0; i < 300; i++)); do
        [ "$(grep -c "\"note\":\"$1\"" "$BATS_TEST_TMPDIR/events")" -lt "${2:-1}" ] || return 0
        kill -0 "$HEADGATE" 2> /dev/null || break
        sleep 0.1
    done
    output=$(cat "$BATS_TEST_TMPDIR/events" "$BATS_TEST_TMPDIR/err")
    fail "no event: $1"
}
ended() {
    status=0
    wait "$HEADGATE" || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/events")
    stderr=$(cat "$BATS_TEST_TMPDIR/err")
    hgt_no_canary headgate apply
    expect_status "$1"
}
note() { jq -rs "[.[] | select(.note == \"$1\")] | $2" <<< "$output"; }
last_run() { hgt_psql "select $1 from headgate.run order by seq desc limit 1"; }

@test "a lock that is held for a while: tried again until it is let go" {
    settings
    hga_revision 2 'op.execute("alter table hot add b int")'
    session app
    tell app "begin; select * from hot"
    holds app AccessShareLock
    start
    seen retry 2
    # Between the tries the run is open, under one lock, and whoever comes learns whose it is.
    [ "$(hgt_psql "select count(*) from headgate.run where finished_at is null")" = 1 ]
    run --separate-stderr headgate apply --no-wait
    expect_status 5
    expect_stderr "holds the migration lock of $HGT_DB: headgate apply "
    expect_stderr "it goes to r2, from commit $(git rev-parse HEAD | cut -c1-12), begun by "
    tell app commit
    ended 0
    [ "$(hga_rows)" = r2 ]
    [ "$(note retry '[.[0].try, .[0].why, .[0].sqlstate, .[1].try] | join(" ")')" = "2 lock 55P03 3" ]
    [ "$(note retry '.[0].in_the_way | [.application, .relation, .state] | join(" ")')" = "app hot idle in transaction" ]
    [ "$(note retry '(.[0].pause > 0) and (.[0].left > .[1].left)')" = true ]
    [ "$(hga_result '.tries >= 3')" = true ]
    [ "$(last_run "outcome || ' ' || array_to_string(rows_after, ',')")" = "applied r2" ]
    hga_no_sessions
}

@test "a lock that is held longer than the budget: exit 4, and who it is" {
    settings
    hga_revision 2 'op.execute("alter table hot add b int")'
    session app
    tell app "begin; select * from hot"
    holds app AccessShareLock
    # The option beats the target's 20 s; 0 is no other try.
    run --separate-stderr headgate apply --lock-budget 0
    expect_status 4
    [[ $stderr != *"follows in"* ]] || fail "tried again"
    run --separate-stderr headgate apply --lock-budget 1
    expect_status 4
    expect_stderr "could not get a lock; in its way: pid "
    expect_stderr "(app, hgt, from 127.0.0.1, idle in transaction"
    expect_stderr "has hot"
    expect_stderr "nothing of it is in; try 2 follows in"
    expect_stderr "tries (lock_budget 1 s)"
    expect_stderr "is now at r1: the revision is not in"
    # Of each try the lines of the project, not the frames of libraries.
    expect_stderr 'op.execute("alter table hot add b int")'
    expect_stderr "are left out: -v shows them"
    [[ $stderr != *-packages* ]] || fail "frames of libraries"
    run headgate status
    expect_output "last     a run, failed"
    [ "$(hga_rows)" = r1 ]
    [ "$(last_run "outcome || ' ' || sqlstate")" = "failed 55P03" ]
    [[ "$(last_run error)" == *"tries"*"in its way: pid "* ]]
}

@test "a deadlock with an application: the other one goes first, then the migration" {
    settings "breaker: off"
    sed -i 's/^lock_timeout: .*/lock_timeout: 20s/' headgate.yaml && hga_commit
    hgt_psql "create table cold (id int)"
    # The application waits first, so it is the migration that finds the deadlock.
    hga_revision 2 'import os, time
op.execute("set deadlock_timeout to 100")
op.execute("lock table cold")
waits = "select exists (select from pg_locks where relation = '"'cold'"'::regclass and not granted)"
while not os.path.exists("met") and not op.get_bind().exec_driver_sql(waits).scalar():
    time.sleep(0.05)
open("met", "w").close()
op.execute("alter table hot add b int")'
    session app
    tell app "set deadlock_timeout to 60000; begin; update hot set a = a + 1"
    holds app RowExclusiveLock
    start
    until_sql "exists (select from pg_locks where relation = 'cold'::regclass and granted)"
    tell app "select * from cold; commit"
    ended 0
    [ "$(note retry '.[0] | [.why, .sqlstate] | join(" ")')" = "deadlock 40P01" ]
    [[ "$(note retry '.[0].detail')" == *"waits for AccessExclusiveLock on relation"* ]]
    [ "$(hga_rows)" = r2 ]
    [ "$(hgt_psql "select a from hot where id = 1")" = 2 ]
}

@test "what a revision committed before the lock failed: no other try, and it is said" {
    settings
    session app
    tell app "begin; select * from hot"
    holds app AccessShareLock
    # An autocommit block; a literal COMMIT, alone and in a string of statements; a connection of its own
    # that commits. A DO block with END, and ROLLBACK TO, are none of these.
    local body count=0
    for body in 'with op.get_context().autocommit_block():
    op.execute("create table half (a int)")' \
        'op.execute("create table half (a int)")
op.execute("COMMIT")' \
        'op.execute("create table half (a int); commit; select 1")' \
        'with op.get_bind().engine.begin() as other:
    other.exec_driver_sql("create table half (a int)")'; do
        count=$((count + 1))
        hga_revision 2 "${body//half/half$count}
op.execute(\"alter table hot add b int\")"
        run --separate-stderr headgate apply --format json
        expect_status 4
        [ "$(hga_result .tries)" = 1 ] || fail "tried again after: $body"
        [[ "$(hga_result .error.detail)" == *"revision r2 "*"what it did up to there may be in, although it is not recorded"* ]] || fail "not said: $body"
        [ "$(hga_result '.findings[] | select(.rule == "HG621") | .location.revision')" = r2 ]
        [ "$(hgt_psql "select to_regclass('half$count') is not null")" = t ]
        [ "$(hga_rows)" = r1 ]
    done
    hga_revision 2 'op.execute("do $$ begin perform 1; commit; end $$") if False else op.execute("do $$ begin perform 1; end $$")
op.execute("savepoint s; rollback to s")
op.execute("alter table hot add b int")'
    start
    seen retry
    tell app commit
    ended 0
}

@test "a time-out of a statement, and an error, are not tried again" {
    settings "statement_timeout: 300ms"
    hga_revision 2 'op.execute("select pg_sleep(60)")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_result .tries)" = 1 ]
    [[ "$(hga_result .error.message)" == "the migration failed: "*"canceling statement due to statement timeout"* ]]
    [ "$(last_run sqlstate)" = 57014 ]
    hga_revision 2 'op.execute("select 1/0")'
    run --separate-stderr headgate apply --format json
    expect_status 4
    [ "$(hga_result .tries)" = 1 ]
}

@test "a transaction for each revision: what is in stays, the next try goes on from there" {
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    settings
    hga_revision 2
    hga_revision 3 'op.execute("alter table hot add b int")'
    hga_revision 4
    session app
    tell app "begin; select * from hot"
    holds app AccessShareLock
    start
    seen retry
    [ "$(hga_rows)" = r2 ]
    # The record has it while the run goes on.
    [ "$(hgt_psql "select string_agg(revision || ':' || coalesce(outcome, '-'), ',' order by seq) from headgate.step where revision <> 'r1'")" = r2:done,r3:-,r4:- ]
    tell app commit
    ended 0
    [ "$(hga_rows)" = r4 ]
    [ "$(note retry '.[0].applied | join(",")')" = r2 ]
    [ "$(hga_result '.applied | join(",")')" = r2,r3,r4 ]
    [ "$(jq -rs 'map(select(.event == "step" and .phase == "committed").revision) | join(",")' <<< "$output")" = r2,r3,r4 ]
    [ "$(hgt_psql "select string_agg(revision || ':' || outcome, ',' order by seq) from headgate.step where run = (select max(seq) from headgate.run)")" = r2:done,r3:done,r4:done ]
}

@test "the breaker: a migration that others wait for is canceled, and tried again or not" {
    settings "breaker: 500ms"
    hga_revision 2 'import os, time
op.execute("alter table hot add b int")
if not os.path.exists("calm"):
    time.sleep(60)'
    session app
    start
    until_sql "exists (select from pg_locks where relation = 'hot'::regclass and granted and mode = 'AccessExclusiveLock')"
    tell app "select * from hot"
    seen breaker
    touch calm
    ended 0
    [ "$(note breaker '.[0].waiting[0] | [.application, .relation, .mode] | join(" ")')" = "app hot AccessShareLock" ]
    [ "$(note breaker '.[0].seconds >= 0.5')" = true ]
    [ "$(note retry '.[0].why')" = breaker ]
    [ "$(hga_result '[.findings[].rule] | index("HG620") != null')" = true ]
    [ "$(hga_rows)" = r2 ]
    rm calm
    settings "breaker: 500ms" "on_breaker: stop"
    hga_revision 3 'op.execute("alter table hot add c int")
op.execute("select pg_sleep(60)")'
    start
    until_sql "exists (select from pg_locks where relation = 'hot'::regclass and granted and mode = 'AccessExclusiveLock')"
    tell app "select * from hot"
    ended 4
    [ "$(hga_result .tries)" = 1 ]
    [[ "$(hga_result .error.message)" == *"canceled, because it kept 1 session waiting longer than the breaker allows (0.5 s): pid "*"(app, hgt, from 127.0.0.1) waited "*" for hot" ]]
    [ "$(hga_rows)" = r2 ]
    hga_no_sessions
}

@test "the breaker lets be what nobody waits for, and maintenance that does" {
    settings "breaker: 300ms"
    hga_revision 2 'import time
with op.get_context().autocommit_block():
    op.execute("create index concurrently i1 on hot (a)")'
    session old
    session vacuum
    # An old transaction holds the index build up; a VACUUM of the table waits for the build.
    tell old "begin isolation level repeatable read; update hot set a = 3 where id = 1"
    holds old RowExclusiveLock
    sed -i 's/^lock_timeout: .*/lock_timeout: 60s/' headgate.yaml && hga_commit
    start
    until_sql "exists (select from pg_stat_activity where query like 'create index concurrently%' and wait_event_type = 'Lock')"
    tell vacuum "vacuum hot"
    until_sql "exists (select from pg_locks l join pg_stat_activity a using (pid) where a.application_name = 'vacuum' and not granted)"
    sleep 1
    tell old commit
    ended 0
    [ "$(note breaker length)" = 0 ]
    [ "$(hga_rows)" = r2 ]
}

@test "a signal between two tries ends the run at once, and cleanly" {
    settings
    sed -i 's/^lock_budget: .*/lock_budget: 1h/' headgate.yaml && hga_commit
    hga_revision 2 'op.execute("alter table hot add b int")'
    session app
    tell app "begin; select * from hot"
    holds app AccessShareLock
    start
    seen retry 2
    kill -TERM "$HEADGATE"
    ended 4
    [ "$(hga_result '[.outcome, .error.message] | join(": ")')" = "interrupted: the migration was interrupted (Terminated)" ]
    [ "$(last_run outcome)" = interrupted ]
    [ "$(hga_rows)" = r1 ]
    hga_no_sessions
}

@test "throttle: a file, a query and the limit, between revisions; a signal there" {
    settings "throttle: { file: hold, query: \"select count(*) = 0 from hot where a = 9\", limit: 20s }"
    hga_revision 2
    hga_revision 3
    hga_revision 4
    touch hold
    start --revision-by-revision
    seen throttle
    [ "$(hga_rows)" = r2 ]
    # No transaction is open while it waits.
    until_sql "not exists (select from pg_stat_activity where application_name like 'headgate migrator%' and state <> 'idle' and query not like '%pg_locks%')"
    hgt_psql "update hot set a = 9 where id = 1"
    rm hold
    until_sql "exists (select from headgate.step where revision = 'r2' and outcome = 'done')"
    sleep 1.2
    [ "$(hga_rows)" = r2 ]
    hgt_psql "update hot set a = 1"
    ended 0
    [ "$(hga_rows)" = r4 ]
    [[ "$(note throttle '.[0].why')" == *"hold exists" ]]
    [ "$(hga_result '.applied | join(",")')" = r2,r3,r4 ]
    hga_revision 5
    hga_revision 6
    touch hold
    start --revision-by-revision
    seen throttle
    kill -TERM "$HEADGATE"
    ended 4
    [ "$(hga_result .outcome)" = interrupted ]
    [ "$(hga_rows)" = r5 ]
    settings "throttle: { file: hold, limit: 500ms }"
    hga_revision 7
    start --revision-by-revision
    ended 4
    [[ "$(hga_result .error.message)" == "the migration was stopped between two revisions: file "*"hold exists"* ]]
    [ "$(hga_rows)" = r6 ]
    # In one transaction there is no such point, and that is said.
    hga_revision 8
    start
    ended 0
    [ "$(hga_result '[.findings[].rule] | index("HG622") != null')" = true ]
}

@test "--revision-by-revision is refused where env.py holds a transaction around all of them" {
    sed -i 's/\.connect() as connection/.begin() as connection/' mig/env.py
    hga_revision 2
    hga_revision 3
    run --separate-stderr headgate apply --revision-by-revision --format json
    expect_status 1
    [[ "$(hga_result .error.message)" == "nothing was run: env.py opens a transaction of its own"* ]]
    [ "$(hga_rows)" = r1 ]
    run --separate-stderr headgate apply --format json
    expect_status 0
}

@test "the shorter lock_timeout holds, of the address or ours; the target's own beats both" {
    hga_revision 2 'import os
got = op.get_bind().exec_driver_sql("select current_setting('"'lock_timeout'"') || '"' '"' || current_setting('"'statement_timeout'"')").scalar()
open("holds", "a").write(got + "\n")' pass
    export DATABASE_URL=$DATABASE_URL'?options=-c%20lock_timeout%3D700ms%20-c%20statement_timeout%3D41s'
    run --separate-stderr headgate apply -v
    expect_status 0
    expect_stderr "lock_timeout = 700ms (set by headgate)"
    expect_stderr "statement_timeout = 41s (client)"
    settings "lock_timeout: 9s"
    sed -i '2d' headgate.yaml && hga_commit
    headgate rollback -1 --yes --allow-empty-downgrade > /dev/null 2>&1 || fail "$(cat headgate.yaml)"
    run --separate-stderr headgate apply --release
    expect_status 0
    [ "$(sort -u holds | tr '\n' ,)" = "700ms 41s,9s 41s," ]
}
