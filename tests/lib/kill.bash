# The rounds of the kill tests: never two migrators, the next status is true, the next apply converges,
# no lock stays behind. Loaded after common.bash and apply.bash.
# HGT_SEED repeats a run; HGT_ROUNDS sets the rounds of each test.
# shellcheck shell=bash

# kill_setup_file ROUNDS
kill_setup_file() {
    hgt_setup_file
    export HGT_SEED=${HGT_SEED:-$RANDOM} HGT_ROUNDS=${HGT_ROUNDS:-$1}
    echo "# HGT_SEED=$HGT_SEED" >&3
}

kill_setup() {
    HITS=0
    RANDOM=$((HGT_SEED + BATS_TEST_NUMBER))
    hgt_cluster
    # The test server forgives lost commits; here what was committed must be there after a crash.
    hgt_psql "alter system set synchronous_commit = on"
    hgt_psql "select pg_reload_conf()" > /dev/null
    hga_project 1
    local i
    for i in 1 2 3; do
        hga_revision $i "op.execute('select pg_sleep(0.15)')
op.execute('insert into seen select pg_backend_pid(), clock_timestamp()')
op.create_table('t$i', sa.Column('id', sa.Integer))
op.execute('select pg_sleep(0.05)')"
    done
}

server_up() {
    local bin i
    bin=$(dirname "$(find /usr/lib/postgresql -maxdepth 3 -name pg_ctl | sort -V | tail -n 1)")
    for ((i = 0; i < 60; i++)); do
        psql -Xq "$HGT_PGURL" -c "select 1" > /dev/null 2>&1 && return 0
        if [ "$(id -u)" = 0 ]; then
            setpriv --reuid=postgres --regid=postgres --init-groups "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" \
                -l "$HGT_CLUSTER_DIR/data/server.log" -w -t 10 start > /dev/null 2>&1 3>&- 4>&- || :
        else
            "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" -l "$HGT_CLUSTER_DIR/data/server.log" -w -t 10 start \
                > /dev/null 2>&1 3>&- 4>&- || :
        fi
        sleep 0.2
    done
    return 1
}

fresh() {
    hgt_psql "drop schema if exists headgate cascade" 2> /dev/null
    hgt_psql "drop table if exists alembic_version, t1, t2, t3, seen"
    hgt_psql "create table seen (pid int, at timestamptz)"
}

# Counts the runners that have migrators' sessions at this moment, over and over.
sample_runners() {
    while [ ! -e stop-sampling ]; do
        "$HGT_PSQL" -XqAt "$HGT_PGURL" -c "select count(distinct application_name) from pg_stat_activity
            where application_name like 'headgate migrator of%'" 2> /dev/null >> samples || :
        sleep 0.05
    done
}

# round VICTIM: two applies, a kill after 0 to 1.6 s, then the checks.
round() {
    local victim=$1 pid target other
    fresh
    rm -f stop-sampling samples
    sample_runners &
    local sampler=$!
    headgate apply --from-empty > out1 2> err1 &
    pid=$!
    headgate apply --from-empty > out2 2> err2 &
    other=$!
    sleep "$(printf '%d.%02d' $((RANDOM % 2)) $((RANDOM % 80)))"
    case $victim in
        headgate) target=$pid ;;
        migrator) target=$(pgrep -P $pid | head -n 1); target=${target:-$(pgrep -P $other | head -n 1)} ;;
        server) target=$(head -n 1 "$HGT_CLUSTER_DIR/data/postmaster.pid") ;;
    esac
    if [ -n "$target" ] && kill -9 "$target" 2> /dev/null; then HITS=$((HITS + 1)); fi
    [ "$victim" != server ] || server_up
    wait $pid || :
    wait $other || :
    touch stop-sampling
    wait $sampler
    if grep -qvE '^[01]$' samples; then
        echo "two migrators at once:"; sort samples | uniq -c; return 1
    fi
    # What status says is what is there.
    code=0
    headgate status --format json > status.json 2> status.err || code=$?
    [ "$code" = 0 ] || { cat status.json status.err; return 1; }
    [ "$(jq -r '.rows | join(",")' status.json)" = "$(hga_rows | sed s/none//)" ] || { cat status.json; return 1; }
    code=0
    headgate apply --from-empty --lock-wait 20 > out 2> err || code=$?
    [ "$code" = 0 ] || { cat out err; return 1; }
    [ "$(hga_rows)" = r3 ] || return 1
    [ "$(hgt_psql "select count(*) from seen")" = 3 ] || { echo "a step ran twice"; return 1; }
    [ "$(hgt_psql "select count(*) from headgate.run where finished_at is null")" = 0 ] || return 1
    [ "$(hgt_psql "select count(distinct revision) from headgate.step where outcome = 'done'")" = 3 ] || return 1
    hga_no_sessions || return 1
    [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory'")" = 0 ]
}

# rounds VICTIM: HGT_ROUNDS of them, and more until half as many kills have found their victim at work: one whose
# victim was not there yet, or not any more, proves nothing, and how many are depends on the machine.
rounds() {
    local n
    for ((n = 0; n < HGT_ROUNDS || (2 * HITS < HGT_ROUNDS && n < 4 * HGT_ROUNDS); n++)); do round "$1"; done
    echo "# $HITS of $n kills found their victim at work" >&3
    ((2 * HITS >= HGT_ROUNDS))
}
