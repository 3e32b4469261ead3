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
    local file=$BATS_TEST_TMPDIR/held.$1 fifo=$BATS_TEST_TMPDIR/fifo.$1 fd
    mkfifo "$fifo"
    exec {fd}<> "$fifo" # open as long as the test is
    PGAPPNAME=$1 psql -XqAt -v ON_ERROR_STOP=1 "$HGT_PGURL" > "$file" 2>&1 < "$fifo" 3>&- 4>&- &
    CHILDREN+=($!)
    printf '%s;\nselect pg_backend_pid();\n' "$2" >&$fd
    until_true grep -sqE '^[0-9]+$' "$file"
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

@test "who is in the way is named with what to do, shuts no gate, and is waited for without the lock" {
    project
    printf 'version: 1\ngate: { fail_on: warning, rules: { HG610: error } }\ntargets: { local: { environment: [ process ] } }\n' \
        > headgate.yaml
    hga_revision 3 "op.add_column('big', sa.Column('a', sa.Integer))"
    hgt_psql "create table big as select g from generate_series(1, 100000) g"
    hgt_psql "create table left_alone (id int)"
    headgate apply -q -t local --baseline > /dev/null 2>&1
    hgt_psql "begin; insert into t1 values (1); prepare transaction 'left over'"
    hold elsewhere "begin; insert into left_alone values (1)"
    hold writer "begin; insert into t1 values (2)"
    # shellcheck disable=SC2153
    local writer=$HELD sweeper
    PGAPPNAME=waiter psql -Xq "$HGT_PGURL" -c "begin; lock table t1" > /dev/null 2>&1 3>&- 4>&- &
    CHILDREN+=($!)
    PGAPPNAME=sweeper PGOPTIONS="-c vacuum_cost_delay=100 -c vacuum_cost_limit=1" \
        psql -Xq "$HGT_PGURL" -c "vacuum big" > /dev/null 2>&1 3>&- 4>&- &
    CHILDREN+=($!)
    until_true sql_true "select count(*) = 1 from pg_stat_progress_vacuum"
    until_true sql_true "select count(*) > 0 from pg_locks where not granted"
    sweeper=$(hgt_psql "select pid from pg_stat_progress_vacuum")
    sleep 5.2
    # Whatever the severities are: the gate is open.
    run --separate-stderr headgate rollback -t local base --to-base --dry-run --format json
    expect_status 0
    [ "$(finding HG610 'map(.severity) | unique[]')" = error ]
    jq -rs '.[] | select(.event == "gate").findings[] | "\(.rule) \(.message) | \(.help)"' <<< "$output" > seen
    grep -q "^HG610 writer (pid $writer, user hgt, from .*, idle in transaction) has had a transaction open for .*it holds ROW EXCLUSIVE on public.t1.*SELECT pg_terminate_backend($writer);" \
        seen || fail "$(cat seen)"
    grep -q "^HG610 prepared transaction left over of user hgt .*ROLLBACK PREPARED 'left over'" seen || fail "$(cat seen)"
    grep -q "^HG612 1 session waits for a lock on public.t1 behind writer (pid $writer.*ROW EXCLUSIVE.*pg_terminate_backend($writer)" \
        seen || fail "$(cat seen)"
    ! grep -q elsewhere seen || fail "$(cat seen)"
    run --separate-stderr headgate apply -t local --wait-for-calm 0.1
    expect_status 124
    [[ $stderr == *"HG614  sweeper (pid $sweeper, user hgt"*") vacuums public.big"*"SELECT pg_cancel_backend($sweeper);"* ]] ||
        fail vacuum
    [ "$(hga_rows)" = r1 ]

    headgate apply -t local --wait-for-calm 60 --format json > out.json 2> err &
    local apply=$!
    until_true grep -q '"note":"calm"' out.json
    sql_true "select count(*) = 0 from pg_locks where locktype = 'advisory'"
    [ "$(jq -rs 'map(select(.note == "calm"))[0].calm' out.json)" = false ]
    hgt_psql "rollback prepared 'left over'"
    hgt_psql "select pg_terminate_backend(pid) from pg_stat_activity
               where application_name in ('writer', 'waiter', 'sweeper')" > /dev/null
    wait $apply || fail "$(cat out.json err)"
    [ "$(jq -rs 'map(select(.note == "calm"))[-1].calm' out.json)" = true ]
    [ "$(hga_rows)" = r3 ]
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
    while read -r line; do "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" apply-event <<< "$line"; done < out.json
    # What is overridden is not waited for.
    printf 'version: 1\ntargets: { local: { environment: [ process ], lock_budget: 1s } }\n' > headgate.yaml
    run --separate-stderr headgate apply --wait-for-calm 60 --override "HG610=it will end" --yes --format json
    expect_status 4 # and then the lock is not to be had
    [ "$(jq -rs 'map(select(.note == "calm")) | length' <<< "$output")" = 0 ]
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
    # Between two revisions the lag holds back: what the replica reports, and, where its receiver is stopped
    # and nothing is reported, that it does not come to where the server was.
    on_standby() { psql -XqAt "postgresql://hgt:hgt-secret@127.0.0.1:$port/$HGT_DB" -c "$1"; }
    printf 'version: 1\ntargets: { local: { environment: [ process ], throttle: { replica_lag: 200ms, limit: 30s } } }\n' \
        > headgate.yaml
    hga_revision 3
    caught_up() {
        hgt_psql "insert into filler values ('x')"
        sql_true "select coalesce(replay_lag < '100ms', false) from pg_stat_replication"
    }
    local round end=r3 receiver
    for round in paused stopped; do
        rm -f throttled # of the round before
        headgate apply --revision-by-revision > throttled 2>&1 3>&- 4>&- &
        CHILDREN+=($!)
        until_true grep -q "replica walreceiver (127.0.0.1) lags .* s, 0.2 s are allowed" throttled
        if [ "$round" = paused ]; then
            [ "$(hga_rows)" = r2 ]
            on_standby "select pg_wal_replay_resume()"
        else
            [ "$(hga_rows)" = r4 ]
            sql_true "select coalesce(replay_lag < '200ms', true) from pg_stat_replication" || fail "it does report"
            kill -CONT "$receiver"
        fi
        wait $! || fail "$(cat throttled)"
        [ "$(hga_rows)" = $end ]
        [ "$round" = paused ] || break
        hga_revision 4
        hga_revision 5
        end=r5
        until_true caught_up
        receiver=$(on_standby "select pid from pg_stat_wal_receiver")
        kill -STOP "$receiver"
    done
    printf 'version: 1\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    hga_revision 6 "op.execute('alter table t1 add column c int')"
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

@test "what a run changed is listed, and with a plan nothing else may change" {
    project "op.add_column('t1', sa.Column('a', sa.Integer))
op.create_table('fresh', sa.Column('id', sa.Integer, primary_key=True))
op.create_check_constraint('positive', 't1', 'a > 0', postgresql_not_valid=True)"
    headgate plan -o plan.json > /dev/null 2>&1
    # An earlier try of REINDEX CONCURRENTLY, by its name.
    hgt_psql "insert into t1 values (1), (1)"
    ! hgt_psql "create unique index concurrently t1_ccnew on t1 (id)" 2> /dev/null
    run --separate-stderr headgate apply --plan plan.json --format json
    expect_status 0
    [[ "$(finding HG607 '.[0].help')" == *"DROP INDEX CONCURRENTLY public.t1_ccnew;"* ]] || fail leftover
    while read -r line; do "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" apply-event <<< "$line"; done \
        < <(jq -c 'select(.event == "verify")' <<< "$output")
    [ "$(jq -rs 'map(select(.event == "verify"))[0].changed[] | "\(.change) \(.kind) \(.name)"' <<< "$output")" = \
        "added sequence public.fresh_id_seq
added table public.fresh
changed table public.t1
added constraint public.fresh.fresh_pkey
added constraint public.t1.positive
added index public.fresh_pkey" ] || fail changed
    # Said in the revision's text: the second half may come later.
    [ "$(hga_result '.findings[] | select(.rule == "HG609").severity')" = note ] || fail unvalidated
    # What comes along with what the plan names is no news.
    hga_revision 3 "op.execute('create view seen as select a from t1')
op.execute('create function doubled(i int) returns int language sql as \$\$select i * 2\$\$')
op.execute('create index by_a on t1 (a)')
op.execute('alter table fresh add column unique_one serial unique')
op.execute('create function note() returns trigger language plpgsql as \$\$begin return new; end\$\$')
op.execute('create trigger noted before insert on t1 for each row execute function note()')
op.execute('create sequence counted')
op.execute('create materialized view kept as select 1 as one')
op.create_table('more', sa.Column('id', sa.Integer, sa.ForeignKey('fresh.id')), sa.Column('e', sa.Integer, unique=True))"
    hga_revision 4 "op.execute('create type span as range (subtype = float8)')
op.execute('drop view seen')"
    headgate plan -o plan.json > /dev/null 2>&1
    run --separate-stderr headgate apply --plan plan.json --format json
    expect_status 0
    [ "$(jq -rs 'map(select(.event == "verify"))[0].changed | length > 12' <<< "$output")" = true ] || fail "$output"
    hga_revision 5 "op.execute('alter table t1 add column b int')
op.execute('create view wanted as select 1 as one')"
    headgate plan -o plan.json > /dev/null 2>&1
    hgt_psql "create function also() returns event_trigger language plpgsql as
              'begin if to_regclass(''beside'') is null then create table beside (id int primary key);
               create view beside_view as select 1 as one; create index beside_ix on fresh (id);
               create function beside_f(int) returns int language sql as ''select 1''; end if;
               if to_regclass(''wanted'') is not null then drop view wanted; end if; end';
              create event trigger also on ddl_command_end when tag in ('ALTER TABLE', 'CREATE VIEW')
              execute function also()"
    headgate apply -q --baseline > /dev/null 2>&1
    run --separate-stderr headgate apply --plan plan.json
    expect_status 4
    expect_stderr "+ table public.beside"
    expect_stderr "~ table public.t1"
    expect_stderr "+ column b: integer"
    expect_stderr "HG618  table public.beside was added, which the plan does not say"
    expect_stderr "HG618  view public.beside_view was added, which the plan does not say"
    expect_stderr "HG618  index public.beside_ix was added, which the plan does not say"
    expect_stderr "HG618  function public.beside_f(integer) was added, which the plan does not say"
    expect_stderr "HG618  view wanted is not there, although the plan makes it"
    [ "$(grep -c "error HG618  " <<< "$stderr")" = 5 ] || fail "something else too: $stderr"
    expect_stderr "every revision is in, but the schema is not what the plan said"
    [ "$(hga_rows)" = r5 ]
    [ "$(hgt_psql "select outcome from headgate.run order by seq desc limit 1")" = applied ]
    hgt_psql "drop event trigger also"
}

@test "what somebody renamed while a plan ran is not what the plan said" {
    hga_project 2
    hga_revision 3 "op.execute('create index by_id on t2 (id)')
op.execute('alter table t2 add constraint positive check (id > 0)')
op.execute('create sequence counted')
op.execute('create view seen as select 1 as one')
op.execute('create materialized view kept as select 1 as one')
op.execute('create function doubled(i int) returns int language sql as \$\$select i * 2\$\$')
op.execute(\"create type mood as enum ('good', 'bad')\")
op.execute('create index own on t1 (id)')"
    headgate apply -q > /dev/null 2>&1
    # One that a plan takes away and makes again under another name looks renamed, too.
    hga_revision 4 "op.execute('create view again as select 3 as three')
op.execute('create table gone (id serial primary key, e int unique)')
op.execute('create index late on t1 (id)')"
    headgate apply -q > /dev/null 2>&1
    hga_revision 5 "op.execute('drop view again')
op.execute('create view once_more as select 3 as three')
op.execute('drop table gone')
op.execute('create table back (id serial primary key, e int unique)')
op.execute('drop index late')
op.execute('create index later on t1 (id)')"
    headgate plan -o plan.json > /dev/null 2>&1
    run --separate-stderr headgate apply --plan plan.json
    expect_status 0
    expect_stderr "~ table public.back (was public.gone)"
    # The plan makes one view, and somebody takes away another that says the same.
    hga_revision 6 "op.execute('alter table t1 add column b int')
op.execute('create view same as select 2 as two')"
    hgt_psql "create view other as select 2 as two"
    headgate apply -q --baseline > /dev/null 2>&1
    headgate plan -o plan.json > /dev/null 2>&1
    hgt_psql "create function also() returns event_trigger language plpgsql as
              'begin if to_regclass(''counted'') is null then return; end if;
               alter sequence counted rename to counted_2; alter index by_id rename to by_id_2;
               alter index own rename to own_2; alter view seen rename to seen_2; drop view other;
               alter materialized view kept rename to kept_2; alter type mood rename to mood_2;
               alter function doubled rename to doubled_2;
               alter table t2 rename constraint positive to positive_2; end';
              create event trigger also on ddl_command_end when tag in ('ALTER TABLE') execute function also()"
    run --separate-stderr headgate apply --plan plan.json
    expect_status 4
    for what in "index public.by_id" "constraint public.t2.positive" "sequence public.counted" "view public.seen" \
        "materialized view public.kept" "type public.mood"; do
        expect_stderr "HG618  ${what}_2 was renamed from ${what##* }, which the plan does not say"
    done
    expect_stderr "HG618  function public.doubled_2(i integer) was renamed from public.doubled(i integer), which"
    expect_stderr "HG618  view public.other was removed, which the plan does not say"
    # An index of a table that the plan changes may follow from that.
    [ "$(grep -c "error HG618  " <<< "$stderr")" = 8 ] || fail "something else too: $stderr"
    hgt_psql "drop event trigger also"
}

@test "rollback counts what it destroys before it asks, and says what it cannot tell" {
    hga_project 1
    hga_revision 2 "op.create_table('Kept Notes', sa.Column('id', sa.Integer))
op.add_column('t1', sa.Column('title', sa.Text))
op.create_table('second', sa.Column('id', sa.Integer))" "op.drop_table('Kept Notes')
op.drop_column('t1', 'title')
op.execute('drop table second; delete from t1')"
    printf 'version: 1\ntargets:\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    headgate apply -q -t production --yes > /dev/null 2>&1
    hgt_psql "insert into \"Kept Notes\" select generate_series(1, 1234); insert into second values (1);
              insert into t1 (id, title) select g, case when g % 4 = 0 then 'x' end from generate_series(1, 100) g"
    run --separate-stderr headgate rollback -t production -1 < /dev/null
    expect_status 1
    expect_stderr "destroys data: drops table Kept Notes (1234 rows), drops column title of t1 (25 values in 100 rows), drops table second (1 row)"
    expect_stderr "cannot be told from the text: runs SQL: drop table second; delete from t1, which headgate cannot judge"
    expect_stderr "there is no terminal to confirm on"
    # What is locked is not waited for: the estimate.
    hgt_psql "analyze"
    hold locker "begin; lock table \"Kept Notes\""
    run --separate-stderr headgate rollback -t production -1 --dry-run --format json
    expect_status 0
    [ "$(jq -cs 'map(select(.note == "downgrade")) | .[0].lost | map([.object, .column, .rows, .values, .exact])' <<< "$output")" = \
        '[["public.\"Kept Notes\"",null,1234,null,false],["public.t1","title",100,25,true],["public.second",null,1,null,true]]' ] || fail lost
    hgt_psql "select pg_terminate_backend($HELD)" > /dev/null
    run --separate-stderr headgate rollback -t production -1 --yes
    expect_status 0
    [ "$(grep -c 'destroys data' <<< "$stderr")" = 1 ]
    expect_stderr '- table public."Kept Notes"'
    [ "$(hgt_psql "select count(*) from t1")" = 0 ]
}

@test "rollback counts many tables together; one that is locked, hidden or gone is not held against the others" {
    local up='' down='' i counted='[.[] | select(.note == "downgrade") | .lost[]]'
    for ((i = 1; i <= 250; i++)); do
        up+="op.create_table('m$i', sa.Column('id', sa.Integer), sa.Column('v', sa.Text))"$'\n'
        down+="op.drop_table('m$i')"$'\n'
    done
    hga_project 1
    hga_revision 2 "$up" "${down}op.drop_column('m7', 'v')
op.drop_column('m8', 'gone')
op.drop_table('gone')
op.drop_table('x', schema='hidden')"
    headgate apply -q > /dev/null 2>&1
    hgt_psql "do 'begin for i in 1..250 loop execute format(\$x\$insert into m%s select g, nullif(g, 1) from generate_series(1, %s) g\$x\$, i, i); end loop; end'
              ; create schema hidden; create table hidden.x (); analyze"
    hold locker "begin; lock table m9"
    export HEADGATE_TRACE=$BATS_TEST_TMPDIR/trace
    run --separate-stderr headgate rollback -1 --dry-run --format json
    expect_status 0
    [ "$(jq -cs "$counted | [length, (map(select(.exact)) | length), (map(select(.column == null and .exact and .object != \"hidden.x\")) | map(.rows) | add)]" <<< "$output")" = \
        "[254,251,$((250 * 251 / 2 - 9))]" ] || fail "counted"
    [ "$(jq -cs "$counted | .[8], .[250:][] | [.object, .column, .rows, .values, .exact]" <<< "$output" | xargs)" = \
        '[public.m9,null,9,null,false] [public.m7,v,7,6,true] [null,gone,null,null,false] [null,null,null,null,false] [hidden.x,null,0,null,true]' ] || fail "those"
    [ "$(grep -c 'pg_catalog.count(' "$HEADGATE_TRACE")" -le 5 ] || fail "one by one"
    hgt_psql "select pg_terminate_backend($HELD)" > /dev/null
    # A role that may not look into one schema.
    hgt_admin "create role $HGT_DB login password 'canary-login-7351'"
    hgt_psql "grant all on all tables in schema public to $HGT_DB; grant all on schema headgate to $HGT_DB;
              grant all on all tables in schema headgate to $HGT_DB"
    DATABASE_URL=postgresql+psycopg://$HGT_DB:canary-login-7351@${DATABASE_URL#*@} \
        run --separate-stderr headgate rollback -1 --dry-run --format json
    [ "$(jq -cs "$counted | [length, (map(select(.exact)) | length)]" <<< "$output")" = "[254,251]" ]
    [[ $(jq -rs '[.[] | select(.note == "downgrade") | .destroys[]] | last' <<< "$output") == "drops table hidden.x (rows could not be counted in time"* ]]
}
