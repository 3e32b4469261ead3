#!/usr/bin/env bats
# headgate entrypoint: every state under every policy, signals, process 1, many replicas at once.

# One database that headgate brought to r3, of which tests get copies.
setup_file() {
    load ../lib/common
    load ../lib/apply
    hgt_setup_file
    hgt_db
    export AT_HEAD=$HGT_DB
    BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/at-head hga_project
    headgate apply > apply.log 2>&1 || { cat apply.log >&2; return 1; }
}
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project
    entry=$HGT_BUILD/headgate-entrypoint
    # As process 1 of a namespace of its own. unshare 2.37 lets it begin with two signals ignored.
    FIRST=(unshare -pf --mount-proc --kill-child env --default-signal=INT,TERM)
}
teardown() {
    load ../lib/common
    hgt_cluster_stop
}

at_head() {
    hgt_admin "drop database $HGT_DB"
    hgt_admin "create database $HGT_DB template $AT_HEAD"
}

# entry OPTIONS…: the application says that it was started, and as what.
entry() {
    run --separate-stderr timeout 60 headgate entrypoint "$@" -- sh -c 'echo "started $0"' app
}

started() {
    expect_status "${1:-0}"
    [ "$output" = "started app" ] || fail "the application was not started"
}
refused() { # EXIT TEXT
    expect_status "$1"
    [ "$output" = "" ] || fail "the application was started"
    expect_stderr "$2"
}
runs() { hgt_psql "select count(*) from headgate.run"; }

@test "apply: an empty, a behind and an up-to-date database; the application's stdout is its own" {
    # What cannot be started is found out before.
    printf '#!/bin/sh\r\necho started app\r\n' > windows && chmod +x windows
    run --separate-stderr -127 headgate entrypoint -- ./windows
    refused 127 "its first line names /bin/sh\\x0d, which is not there"
    expect_stderr "CR LF"
    mkdir ../few && cp "$HGT_BUILD"/headgate-{env,entrypoint} ../few
    printf 'version: 1\nentrypoint: { init: true }\n' > ../headgate.yaml
    run --separate-stderr -127 ../few/headgate-entrypoint -c ../headgate.yaml -- echo started app
    refused 127 "headgate-pid1 is not there"
    [ "$(hga_rows)" = none ] || fail "it was migrated for nobody"
    entry --policy apply
    started
    [ "$(hga_rows)" = r3 ]
    expect_stderr "is up-to-date at r3; starting sh"
    hga_revision 4
    entry
    started
    [ "$(hga_rows)" = r4 ]
    entry
    started
    [ "$(runs)" = 2 ] || fail "applied again"
    [[ $stderr != *"waiting"* ]] || fail "waited for nothing"
}

@test "--lock-wait 0: no wait for another headgate" {
    at_head
    hga_revision 4
    psql -Xq "$HGT_PGURL" -c "select pg_advisory_lock(1751605616, $("$HGT_BUILD/helpers/lock_key" public alembic_version))" \
        -c 'select pg_sleep(30)' > /dev/null 2>&1 &
    local holder=$!
    until [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and classid = 1751605616 and granted
        and database = (select oid from pg_database where datname = current_database())")" = 1 ]; do sleep 0.1; done
    entry --lock-wait 0
    refused 5 "a migration is under way"
    kill "$holder"
}

@test "verify and wait: behind is refused, or waited for; both need SELECT on one table only" {
    at_head
    hgt_admin "drop role if exists onlooker_$HGT_DB"
    hgt_psql "create role onlooker_$HGT_DB login password 'hgt-secret'; drop schema headgate cascade;
              grant select on alembic_version to onlooker_$HGT_DB"
    mine=$DATABASE_URL
    export DATABASE_URL=postgresql+psycopg://onlooker_$HGT_DB:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
    entry --policy verify
    started
    entry --policy wait
    started
    hga_revision 4
    entry --policy verify
    refused 1 "at r3, with 1 revision pending"
    entry --policy wait --timeout 1
    refused 124 "headgate: error: waited 1 s: local is behind, 1 revision pending; somebody else has to apply them"
    # Once, however often it looked; and the database was there all the time.
    [ "$(grep -c "waiting:" <<< "$stderr")" = 1 ] || fail "said again"
    [[ $stderr != *"the database"* ]] || fail "about the database"
    HEADGATE_POLICY=wait headgate entrypoint -- sh -c 'echo started' > out 2> err &
    waiter=$!
    wait_for grep -q "somebody else" err
    DATABASE_URL=$mine run -0 headgate apply
    wait "$waiter" || fail "$(cat err)"
    [ "$(cat out)" = started ] || fail "$(cat err)"
    hgt_psql "drop owned by onlooker_$HGT_DB; drop role onlooker_$HGT_DB"
}

@test "ahead: starts where the ledger proves it, names what it does not know, and obeys --ahead" {
    hga_revision 4
    run -0 headgate apply
    git rm -q mig/versions/r4.py && git commit -qm "an older image"
    for policy in apply verify wait; do
        entry --policy $policy
        started
        expect_stderr "ahead of this image"
        expect_stderr "r4 step 4, applied by"
    done
    run -0 headgate entrypoint --healthcheck
    [ -z "$output" ] || fail "a probe has nothing to say: $output"
    entry --ahead refuse
    refused 1 "ahead: refuse"
    expect_stderr "r4 step 4, applied by"
    # What the ledger says is data, in one line.
    hgt_psql "update headgate.step set message = E'x\\x1b[31m\\nheadgate: y' where revision = 'r4'"
    entry
    started
    expect_stderr 'r4 x\x1b[31m\x0aheadgate: y, applied by'
    # By hand: nothing proves what is in there.
    hgt_psql "update alembic_version set version_num = 'r9'"
    for policy in apply verify wait; do
        entry --policy $policy
        refused 1 "r9, of which neither the ledger nor git knows anything"
    done
    HEADGATE_AHEAD=allow entry
    started
    # Known to the ledger, but not on top of this image's heads: they are missing.
    printf 'version: 1\nentrypoint: { ahead: allow }\n' > headgate.yaml
    entry
    started
    rm headgate.yaml
    hgt_psql "update alembic_version set version_num = 'r4'; update headgate.step set direction = 'adopt', message = 'step 4' where revision = 'r4'"
    entry
    refused 1 "r4 step 4, recorded by"
}

@test "diverged, several heads, not empty but without a row, unreachable: refused under every policy" {
    at_head
    hgt_psql "insert into alembic_version values ('r2')"
    entry
    refused 1 "diverged"
    hgt_psql "truncate alembic_version"
    for policy in apply verify wait; do
        entry --policy $policy
        refused 1 "has no row"
    done
    hgt_psql "insert into alembic_version values ('r3')"
    sed 's/"r3"/"x3"/' mig/versions/r3.py > mig/versions/x3.py
    for policy in apply verify wait; do
        entry --policy $policy
        refused 1 "2 heads"
    done
    printf 'version: 1\nupgrade_to: heads\n' > headgate.yaml
    git add -A && git commit -qm "two heads, meant"
    sed -i 's/t3/x3/' mig/versions/x3.py
    hga_commit
    entry
    started
    DATABASE_URL=${DATABASE_URL/hgt-secret/wrong} entry --timeout 20
    refused 3 "password"
    DATABASE_URL=${DATABASE_URL/$HGT_PORT/1} entry --timeout 1
    refused 124 "did not come within"
    expect_stderr "waiting: "
    # Silence until the time is up: nobody is asked again.
    coproc silent { exec python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()'; }
    read -r port <&"${silent[0]}"
    DATABASE_URL=postgresql://x@127.0.0.1:$port/x HEADGATE_TRACE=$PWD/trace entry --timeout 1
    refused 124 "did not come within"
    [ "$(grep -c '"event":"ping"' trace)" = 0 ] || fail "$(cat trace)"
    DATABASE_URL=postgresql://x@$HGT_NO_HOST/x entry --timeout 1
    refused 124 "$HGT_NO_HOST"
    DATABASE_URL=postgresql://x@127.0.0.1:nonsense/x entry
    [ "$status" -eq 2 ] || [ "$status" -eq 3 ] || fail "a wrong address"
    entry --policy sometimes
    refused 2 "sometimes"
    run --separate-stderr -127 headgate entrypoint -- no-such-program
    refused 127 "no-such-program"
    [ "$(hga_rows)" = r3,x3 ]
}

@test "a failing revision is begun once, however often its container starts" {
    hga_revision 4 'op.execute("select 1 / 0")'
    entry
    refused 4 "division by zero"
    [ "$(runs)" = 1 ]
    for policy in 1 2; do
        entry
        refused 4 "failed at 20"
        expect_stderr "division by zero"
    done
    [ "$(runs)" = 1 ] || fail "begun again"
    HEADGATE_RETRY_FAILED=0 entry
    refused 4 "failed at 20"
    entry --retry-failed
    refused 4 "division by zero"
    [ "$(runs)" = 2 ] || fail "not begun again"
    run headgate apply --yes
    expect_status 4
    [ "$(runs)" = 3 ] || fail "a person's apply was refused"
    hga_revision 4 'op.execute("select 1")'
    entry
    started
    [ "$(hga_rows)" = r4 ]
    # What was taken back stays down.
    hgt_psql "insert into headgate.held (version_table, revision) values ('public.alembic_version', 'r5')"
    hga_revision 5
    for policy in apply wait; do
        entry --policy $policy
        refused 1 "r5 was taken back by a rollback"
    done
}

@test "the application gets the environment, descriptors and signals that were given, nothing of ours" {
    at_head
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > .env
    unset DATABASE_URL
    export HEADGATE_LEDGER_KEY=$HGT_CANARY GIVEN="a b"
    env -u HEADGATE_LEDGER_KEY env | grep -v '^_=' | sort > before
    trap '' USR1 HUP
    headgate entrypoint --policy verify -- env 2> err | grep -v '^_=' | sort > after || fail "$(cat err)"
    # What started itself tells: a shell blocks signals while it starts somebody.
    for what in "ls /proc/self/fd" "grep -E ^Sig(Blk|Ign|Cgt) /proc/self/status"; do
        # shellcheck disable=SC2086
        headgate entrypoint --policy verify -- $what >> self 2> err || fail "$(cat err)"
        # shellcheck disable=SC2086
        env $what >> self.plain
    done
    trap - USR1 HUP
    diff before after || fail "the environment differs"
    diff self.plain self || fail "descriptors or signals differ"
    # Nobody is left: the application has our process id.
    headgate entrypoint --policy verify -- sh -c 'echo $$ > pid' 2> err &
    wait $!
    [ "$(cat pid)" = $! ] || fail "a process is left"
    echo 'broken: [' > headgate.yaml
    for words in "--policy none" "--policy=none"; do
        # shellcheck disable=SC2086
        headgate entrypoint $words -- env 2> err | grep -v '^_=' | sort > after
        diff before after || fail "the environment differs with $words"
    done
    HEADGATE_POLICY=none run -0 headgate entrypoint --healthcheck
}

@test "SIGTERM while waiting ends at once; as process 1 too" {
    export DATABASE_URL=${DATABASE_URL/$HGT_PORT/1}
    for number in 1 2 3 15; do
        : > err
        # Started through env, because a shell's background job ignores SIGINT and SIGQUIT.
        env --default-signal=INT,QUIT "$entry" -- true 2> err &
        pid=$!
        wait_for grep -q waiting err
        kill -$number $pid
        code=0; wait $pid || code=$?
        [ $code -eq $((128 + number)) ] || fail "signal $number: exit $code, $(cat err)"
    done
    # Process 1, or a child of it as with `docker run --init`: a health check finds it.
    for front in "" "tini --"; do
        : > err
        # shellcheck disable=SC2086
        "${FIRST[@]}" $front "$entry" -- true 2> err &
        outer=$!
        wait_for grep -q waiting err
        inner=$(pgrep -P $outer)
        run --separate-stderr nsenter -t "$inner" -p -m "$entry" --healthcheck -C "$PWD"
        refused 1 "the application has not been started"
        kill -TERM "$inner"
        code=0; wait $outer || code=$?
        [ $code -eq 143 ] || fail "$front: exit $code, $(cat err)"
    done
    # Any program of ours, whatever it waits for: here a source of variables.
    printf 'version: 1\ntargets: { local: { environment: [ { command: [sh, -c, "echo > asked; sleep 20"], format: dotenv } ] } }\n' > headgate.yaml
    rm -f asked
    "${FIRST[@]}" headgate status > out 2> err &
    outer=$!
    wait_for test -e asked
    kill -TERM "$(pgrep -P $outer)"
    code=0; wait $outer || code=$?
    [ $code -eq 143 ] || fail "headgate status as process 1: exit $code, $(cat err)"
}

@test "process 1 during a migration: orphans are reaped, SIGTERM cancels the backend and frees the lock" {
    hga_revision 4 "import subprocess
subprocess.run(['sh', '-c', '(sleep 0.2 &)'])
op.execute('select pg_sleep(30)')"
    # A zombie would show as a child of process 1.
    "${FIRST[@]}" sh -c 'exec "$0" -- true' "$entry" > out 2> err &
    outer=$!
    sleeping() { [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid() and datname = current_database()")" = 1 ]; }
    wait_for sleeping
    inner=$(pgrep -P $outer)
    no_zombies() { ! ps -o stat= --ppid "$inner" | grep -q Z; }
    sleep 0.3
    wait_for no_zombies
    began=$EPOCHREALTIME
    kill -TERM "$inner"
    code=0; wait $outer || code=$?
    [ "$(awk "BEGIN { print ($EPOCHREALTIME - $began < 9.5) }")" = 1 ] || fail "longer than docker stop waits"
    [ $code -eq 4 ] || fail "exit $code: $(cat err)"
    # At once, not some time later.
    [ "$(hgt_psql "select count(*) from pg_stat_activity where application_name like 'headgate%' and datname = current_database()")" = 0 ] ||
        fail "a session is left"
    [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())")" = 0 ] ||
        fail "a lock is left"
    grep -q "the application was not started" err || fail "$(cat err)"
}

@test "waits for a name that comes late, a server that comes late, and one without a free connection" {
    at_head
    hgt_admin "drop role if exists late_$HGT_DB"
    hgt_psql "create role late_$HGT_DB login password 'hgt-secret' connection limit 0; grant select on alembic_version to late_$HGT_DB"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cp /etc/hosts hosts
    export DATABASE_URL=postgresql://late_$HGT_DB:hgt-secret@db.late.internal-network:$port/$HGT_DB
    unshare -m sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh headgate entrypoint --policy verify \
        -- sh -c 'echo started' > out 2> err &
    waiter=$!
    wait_for grep -q "waiting: .*host name\|waiting: .*db.late" err
    # In place: the mount shows this very file.
    echo "127.0.0.1 db.late.internal-network" >> hosts
    wait_for grep -q "waiting: .*refused" err
    socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" "TCP:127.0.0.1:$HGT_PORT" 3>&- &
    proxy=$!
    wait_for grep -q "waiting: .*connections" err
    hgt_psql "alter role late_$HGT_DB connection limit -1"
    wait "$waiter" || fail "$(cat err)"
    kill "$proxy"
    [ "$(cat out)" = started ] || fail "$(cat err)"
    [ "$(grep -c "waiting: " err)" -le 4 ] || fail "a line for each try: $(cat err)"
    grep -q "the database answers after" err
    hgt_psql "drop owned by late_$HGT_DB; drop role late_$HGT_DB"
}

@test "an apply that cannot tell is started again, and says why once, not six times" {
    hgt_psql "create role one_$HGT_DB login password 'hgt-secret' connection limit 1"
    hgt_psql "grant hgt to one_$HGT_DB"
    export DATABASE_URL=postgresql://one_$HGT_DB:hgt-secret@127.0.0.1:$HGT_PORT/$HGT_DB
    entry
    refused 3 "headgate apply ended with 3"
    [ "$(grep -c "could not tell where local stands; try [2-6] of 6 in [0-9.]* s" <<< "$stderr")" = 5 ] || fail "$stderr"
    [ "$(grep -c "too many connections for role" <<< "$stderr")" = 2 ] || fail "$stderr"
    # With a connection again it goes on, and is heard.
    : > err
    headgate entrypoint -- sh -c 'echo "started $0"' app > out 2> err 3>&- &
    local run=$! i
    for ((i = 0; i < 200; i++)); do
        [ "$(grep -c "try 2 of 6" err)" = 0 ] || break
        sleep 0.05
    done
    hgt_psql "alter role one_$HGT_DB connection limit -1"
    wait "$run" || fail "$(cat err)"
    [ "$(cat out) $(hga_rows)" = "started app r3" ] || fail "$(cat err)"
    grep -q "3 revisions applied" err || fail "not heard: $(cat err)"
    hgt_psql "reassign owned by one_$HGT_DB to hgt; drop owned by one_$HGT_DB; drop role one_$HGT_DB"
}

@test "--init: exit codes, signals, the port for probes; --healthcheck" {
    at_head
    headgate entrypoint --init -- sh -c 'exit 9' 2> err && fail "exit 0" || [ $? -eq 9 ]
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    probe() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/$1"; }
    hga_revision 4
    headgate entrypoint --policy wait --init --liveness "$port" -- sleep 60 2> err &
    pid=$!
    wait_for grep -q waiting err
    [ "$(probe livez) $(probe readyz) $(probe startupz) $(probe other)" = "200 503 503 404" ] || fail "while waiting"
    run --separate-stderr headgate entrypoint --healthcheck
    expect_status 1
    run -0 headgate apply
    is_started() { [ "$(probe startupz)" = 200 ]; }
    wait_for is_started
    [ "$(probe livez) $(probe readyz) $(probe startupz)" = "200 200 200" ] || fail "when started"
    [ "$(cat /proc/$pid/comm)" = headgate-pid1 ]
    [ "$(awk '/VmRSS/ { print $2 }' /proc/$pid/status)" -lt 1024 ] || fail "$(grep VmRSS /proc/$pid/status)"
    run -0 headgate entrypoint --healthcheck
    kill -TERM $pid
    code=0; wait $pid || code=$?
    [ $code -eq 143 ] || fail "exit $code"
    for same in "$port" " $port"; do
        PORT=$same run --separate-stderr headgate entrypoint --liveness "$port" -- true
        expect_status 2
        expect_stderr "PORT"
    done
    DATABASE_URL=${DATABASE_URL/$HGT_PORT/1} run --separate-stderr headgate entrypoint --healthcheck
    expect_status 1
    # What the target's variables come from has no more time than the database.
    # shellcheck disable=SC2016
    printf 'version: 1\ntargets: { local: { environment: [ { command: [sh, -c, "%s; exit 1"], format: dotenv } ] } }\n' \
        'xargs -0 < /proc/$PPID/cmdline > started' > headgate.yaml
    run --separate-stderr headgate entrypoint --healthcheck
    expect_status 1
    grep -q -e "--timeout=5.000" started || fail "$(cat started)"
}

# replicas WHAT: HGT_REPLICAS (12) at once, a tenth of them (at least 2) killed at random (HGT_SEED). What is in
# CODE goes before the application.
replicas() {
    local count=${HGT_REPLICAS:-12} what=$1 i kills pids=() up=() victim
    kills=$(((count + 9) / 10))
    [ "$kills" -ge 2 ] || kills=2
    rm -rf up && mkdir up
    for ((i = 0; i < count; i++)); do
        PATH=${HGT_WITHOUT:+$HGT_WITHOUT:}$PATH "$entry" "${CODE[@]}" -- sh -c 'echo $$ > "up/$0"; exec sleep 300' "$i" 2> "up/err.$i" 3>&- &
        pids+=($!)
        disown $!
    done
    for ((i = 0; i < kills; i++)); do
        sleep "0.$((RANDOM % 40 + 10))"
        victim=$((RANDOM % count))
        kill -9 "${pids[$victim]}" 2> /dev/null || :
        up[victim]=gone
    done
    for ((i = 0; i < count; i++)); do
        [ -z "${up[i]:-}" ] || continue
        # However long a loaded machine takes, as long as it is at work.
        while [ ! -s "up/$i" ] && kill -0 "${pids[$i]}" 2> /dev/null; do sleep 0.1; done
        kill -0 "${pids[$i]}" || fail "$what: replica $i is gone: $(cat "up/err.$i")"
    done
    kill -9 "${pids[@]}" 2> /dev/null || :
    hga_no_sessions || fail "$what: a session is left"
    [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())")" = 0 ] ||
        fail "$what: a lock is left"
}
applied_runs() { hgt_psql "select count(*) from headgate.run where direction = 'up' and outcome = 'applied'"; }

# crowd MAKE: an empty, a behind, an up-to-date and an ahead database; MAKE makes what the image carries.
crowd() {
    RANDOM=${HGT_SEED:=$RANDOM}
    echo "# HGT_SEED=$HGT_SEED" >&3
    # Commits of their own, so that running one twice could not hide in a rollback.
    for i in 1 2 3; do
        hga_revision $i "op.execute('create table t$i (id integer)')"
    done
    "$1"
    replicas empty
    [ "$(hga_rows)" = r3 ]
    [ "$(applied_runs)" = 1 ] || fail "applied $(applied_runs) times"
    hga_revision 4
    "$1"
    replicas behind
    [ "$(hga_rows)" = r4 ]
    [ "$(applied_runs)" = 2 ] || fail "applied $(applied_runs) times"
    all=$(runs)
    replicas up-to-date
    git rm -q mig/versions/r4.py && git commit -qm "an older image"
    "$1"
    replicas ahead
    [ "$(runs)" = "$all" ] || fail "something was run"
}

@test "many replicas at once, some killed at random: one migrates, all others serve, no lock stays" {
    CODE=()
    crowd true
}

@test "many replicas with a bundle, without Python: the same" {
    carry() { headgate bundle --no-verify -o image.bundle > bundle.log; }
    mkdir bin
    for name in python python3; do
        printf '#!/bin/sh\necho "$0 was run" >> "%s"\n' "$PWD/python.was.run" > bin/$name
    done
    chmod 755 bin/*
    CODE=(--bundle image.bundle)
    HGT_WITHOUT=$PWD/bin crowd carry
    [ ! -e python.was.run ] || fail "$(cat python.was.run)"
}
