#!/usr/bin/env bats
# What stands in the way of a migration is said before it starts, with who it is and what to do; load never
# shuts the gate, and --wait-for-calm waits for its end. One server for all tests; each has a database.

setup_file() {
    load ../lib/common
    hgt_setup_file
    HGP_DIR=$(mktemp -d /tmp/hgt-XXXXXX)
    export HGP_DIR
    "$HGT_ROOT/tests/server" start "$HGP_DIR"
    HGT_PORT=$(cat "$HGP_DIR/port")
    export HGT_PORT
}
teardown_file() { "$HGT_ROOT/tests/server" stop "$HGP_DIR"; }

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    CHILDREN=()
}
teardown() {
    local pid
    for pid in "${CHILDREN[@]}"; do kill "$pid" 2> /dev/null || :; done
}

# hold NAME SQL: a session that has run SQL and waits, with application_name NAME; its backend in $HELD.
hold() {
    local file=$BATS_TEST_TMPDIR/held.$1
    PGAPPNAME=$1 psql -XqAt -v ON_ERROR_STOP=1 "$HGT_PGURL" > "$file" 2>&1 3>&- 4>&- \
        < <(printf '%s;\nselect pg_backend_pid();\n' "$2"; exec sleep 300) &
    CHILDREN+=($!)
    until_true grep -qE '^[0-9]+$' "$file"
    HELD=$(grep -E '^[0-9]+$' "$file")
}

until_true() {
    local i
    for ((i = 0; i < 200; i++)); do
        "$@" && return 0
        sleep 0.05
    done
    fail "never true: $*"
}

sql_true() { [ "$(hgt_psql "$1")" = t ]; }

# project: r1 is in, r2 alters its table.
project() {
    hga_project 1
    headgate apply -q > /dev/null 2>&1
    hga_revision 2 "${1:-op.add_column('t1', sa.Column('a', sa.Integer))}" "${2:-op.drop_column('t1', 'a')}"
}

# finding RULE FILTER: of the gate event of the last run.
finding() {
    jq -rs --arg rule "$1" '[.[] | select(.event == "gate") | .findings[] | select(.rule == $rule)] | '"$2" \
        <<< "$output"
}

@test "a long transaction is named with what it holds and how to end it, and does not shut the gate" {
    project
    printf 'version: 1\ngate: { fail_on: warning, rules: { HG610: error } }\ntargets: { local: { environment: [ process ] } }\n' \
        > headgate.yaml
    hga_commit
    hold reporter "begin; select count(*) from t1"
    hold elsewhere "begin; create table other (id int)"
    sleep 5.2
    run --separate-stderr headgate rollback -t local base --to-base --dry-run --format json
    expect_status 0
    [ "$(finding HG610 'length')" = 1 ] || fail one
    [[ "$(finding HG610 '.[0].message')" == "reporter (pid "*", user hgt, from "*", idle in transaction) has had a transaction open for "*"ACCESS SHARE on public.t1"* ]] || fail message
    [[ "$(finding HG610 '.[0].help')" == *"SELECT pg_terminate_backend("*");" ]]
    # A reader and an ADD COLUMN cannot be in together: it goes on once the lock is to be had.
    kill "${CHILDREN[0]}"
    until_true sql_true "select count(*) = 0 from pg_stat_activity where application_name = 'reporter'"
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(finding HG610 'length')" = 0 ]
    [ "$(hga_rows)" = r2 ]
}

@test "--wait-for-calm waits for its end without the lock, says what for, and then goes" {
    project
    hold reporter "begin; lock table t1 in share mode"
    sleep 5.2
    headgate apply --wait-for-calm 60 --format json > out.json 2> err &
    local apply=$!
    until_true grep -q '"note":"calm"' out.json
    sql_true "select count(*) = 0 from pg_locks where locktype = 'advisory'"
    [ "$(jq -rs 'map(select(.note == "calm"))[0] | .calm, .findings[0].rule' out.json | paste -sd ' ')" = "false HG610" ]
    hgt_psql "select pg_terminate_backend($HELD)" > /dev/null
    wait $apply
    [ "$(jq -rs 'map(select(.note == "calm"))[-1].calm' out.json)" = true ]
    [ "$(hga_rows)" = r2 ]
    jq -es '[.[].at] | length > 3' out.json > /dev/null
}

@test "--wait-for-calm that takes too long is 124, and a signal ends it at once" {
    project
    hold pg_dump "begin; lock table t1 in access share mode"
    run --separate-stderr headgate apply --wait-for-calm 1
    expect_status 124
    expect_stderr "did not become calm within 1.0 s; nothing was started"
    expect_stderr "is a dump at work"
    expect_stderr "SELECT pg_terminate_backend($HELD);"
    [ "$(hga_rows)" = r1 ]
    headgate apply --wait-for-calm 60 --format json > out.json 2> err &
    local apply=$! code=0
    until_true grep -q '"note":"calm"' out.json
    kill -TERM $apply
    wait $apply || code=$?
    [ "$code" = 143 ] || fail "exit $code: $(cat err)"
    [ "$(hga_rows)" = r1 ]
    # What is overridden is not waited for.
    run --separate-stderr headgate apply --wait-for-calm 60 --override "HG610=it will end" --yes --format json
    expect_status 4 # and then the lock is not to be had
    [ "$(jq -rs 'map(select(.note == "calm")) | length' <<< "$output")" = 0 ]
}

@test "a prepared transaction, a queue, a vacuum and a full server" {
    project
    hgt_psql "begin; lock table t1 in access share mode; insert into t1 values (1); prepare transaction 'left over'"
    hold writer "begin; insert into t1 values (2)"
    PGAPPNAME=waiter psql -Xq "$HGT_PGURL" -c "begin; lock table t1" > /dev/null 2>&1 3>&- 4>&- &
    CHILDREN+=($!)
    hgt_psql "create table big as select g from generate_series(1, 100000) g"
    PGAPPNAME=sweeper PGOPTIONS="-c vacuum_cost_delay=100 -c vacuum_cost_limit=1" \
        psql -Xq "$HGT_PGURL" -c "vacuum big" > /dev/null 2>&1 3>&- 4>&- &
    CHILDREN+=($!)
    until_true sql_true "select count(*) = 1 from pg_stat_progress_vacuum"
    until_true sql_true "select count(*) > 0 from pg_locks where not granted"
    hga_revision 3 "op.add_column('big', sa.Column('a', sa.Integer))"
    hga_revision 4 "op.execute('alter table t1 add column b int')"
    sleep 5.2
    run --separate-stderr headgate apply --wait-for-calm 0.1 --format json
    expect_status 124
    jq -r '.findings[] | "\(.rule) \(.message) | \(.help)"' <<< "$(tail -n 1 <<< "$output")" > seen
    grep -q "^HG610 prepared transaction left over of user hgt .*ROLLBACK PREPARED 'left over'" seen || fail "$(cat seen)"
    grep -q "^HG612 1 session waits for a lock on public.t1 behind writer (pid .*ROW EXCLUSIVE.*pg_terminate_backend" seen ||
        fail "$(cat seen)"
    grep -q "^HG614 sweeper (pid .* vacuums public.big.*pg_cancel_backend" seen || fail "$(cat seen)"
    hgt_psql "rollback prepared 'left over'"
}

@test "a role that may not do it is an error, with the SQL for an administrator" {
    project "op.add_column('t1', sa.Column('a', sa.Integer))
op.create_table('fresh', sa.Column('id', sa.Integer))"
    hgt_psql "create role worker_$HGT_DB login password 'hgt-secret' connection limit 4;
              grant select on alembic_version to worker_$HGT_DB; revoke create on schema public from public"
    export DATABASE_URL=${DATABASE_URL/hgt:hgt-secret/worker_$HGT_DB:hgt-secret}
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(finding HG616 'map(.help) | sort | join("\n")')" = "Let an administrator run: GRANT CREATE ON SCHEMA public TO worker_$HGT_DB;
Let its owner run: GRANT DELETE ON public.alembic_version TO worker_$HGT_DB;
Let its owner run: GRANT INSERT ON public.alembic_version TO worker_$HGT_DB;
Let its owner run: GRANT UPDATE ON public.alembic_version TO worker_$HGT_DB;
Run it as the owner, or let an administrator run: GRANT hgt TO worker_$HGT_DB;" ] || fail
    # Of the four connections of this role two are taken by then.
    [ "$(finding HG615 '.[0].message')" = "role worker_$HGT_DB (its connection limit) has 2 connections left; apply opens up to 3 more" ] || fail
    # A role that may become the owner lacks nothing of its.
    hgt_psql "grant hgt to worker_$HGT_DB; alter role worker_$HGT_DB noinherit"
    run --separate-stderr headgate apply --format json
    [ "$(finding HG616 length)" = 0 ] || fail
    export DATABASE_URL=${DATABASE_URL/worker_$HGT_DB:hgt-secret/hgt:hgt-secret}
    hgt_psql "revoke hgt from worker_$HGT_DB; drop owned by worker_$HGT_DB; drop role worker_$HGT_DB"
}

@test "a replica that lags and a vacuum that prevents wraparound" {
    local bin standby=$HGP_DIR/standby port
    bin=$(dirname "$(find /usr/lib/postgresql -maxdepth 3 -name pg_ctl | sort -V | tail -n 1)")
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    project
    grep -q '^host.*replication' "$HGP_DIR/data/pg_hba.conf" ||
        echo 'host replication all 127.0.0.1/32 md5' >> "$HGP_DIR/data/pg_hba.conf"
    hgt_admin "select pg_reload_conf()" > /dev/null
    as_postgres "$bin/pg_basebackup" -d "postgresql://hgt:hgt-secret@127.0.0.1:$HGT_PORT" -D "$standby" -R -X stream \
        -c fast 3>&- 4>&-
    printf 'port = %s\nhot_standby = on\n' "$port" | as_postgres tee -a "$standby/postgresql.auto.conf" > /dev/null
    as_postgres "$bin/pg_ctl" -D "$standby" -l "$standby/log" -w start > /dev/null 2>&1 3>&- 4>&-
    psql -XqAt "postgresql://hgt:hgt-secret@127.0.0.1:$port/$HGT_DB" -c "select pg_wal_replay_pause()"
    hgt_psql "create table filler as select repeat(md5(g::text), 30) from generate_series(1, 25000) g"
    run --separate-stderr headgate apply --wait-for-calm 0.1
    expect_status 124
    [[ $stderr == *"has "*" MB left to replay"* ]] || fail lag
    expect_stderr "HG613  replica walreceiver (walsender pid "
    as_postgres "$bin/pg_ctl" -D "$standby" -m immediate stop > /dev/null 2>&1
    # Old enough for autovacuum to insist, slow enough to be met.
    hgt_psql "insert into t1 select generate_series(1, 200000)"
    hgt_psql "alter table t1 set (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100,
              autovacuum_vacuum_cost_limit = 1)"
    hgt_psql "do \$\$ begin for i in 1 .. 110000 loop perform txid_current(); commit; end loop; end \$\$"
    hgt_admin "alter system set autovacuum_naptime = 1"
    hgt_admin "select pg_reload_conf()" > /dev/null
    until_true sql_true "select count(*) = 1 from pg_stat_progress_vacuum where relid = 't1'::regclass"
    run --separate-stderr headgate apply --wait-for-calm 0.1
    expect_status 124
    [[ $stderr == *"HG614  autovacuum (pid "*") vacuums public.t1 to prevent wraparound"* ]] || fail vacuum
}
