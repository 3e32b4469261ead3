#!/usr/bin/env bats
# headgate status against real servers and the real Alembic.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_project
    : > backend/.env
    hgt_db
    SERVER_LOG=$HGT_SERVER/data/server.log
}
teardown() {
    [ -z "${POOLER_PID:-}" ] || kill "$POOLER_PID" 2> /dev/null || true
    hgt_cluster_stop
}

FIRST=0001a7c35e90
SECOND=0002b41f6d28
LAST=0003c9e2074a

# The document, checked for its shape, in $output.
status_json() {
    run --separate-stderr headgate status --format json "$@"
    jq -e '.schema == "headgate.status/1" and (has("target") and has("state") and has("heads")
        and has("rows") and has("current") and has("pending") and has("unknown") and has("database")
        and has("version_table") and has("ledger") and has("running") and has("findings"))' \
        <<< "$output" > /dev/null || fail "not a status document"
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" status <<< "$output" || fail "not as the schema has it"
}

@test "empty, behind, up to date: rows, current and pending as Alembic has them" {
    status_json
    expect_status 0
    [ "$(json .state)" = empty ]
    [ "$(json '[.pending[].revision] | join(" ")')" = "$FIRST $SECOND $LAST" ]
    [ "$(json .version_table.exists)" = false ]
    hgt_upgraded "$FIRST" 2> /dev/null
    status_json
    [ "$(json .state)" = behind ]
    [ "$(json '.rows | join(" ")')" = "$FIRST" ]
    [ "$(json '[.pending[].revision] | join(" ")')" = "$SECOND $LAST" ]
    [ "$(json '.pending[0].down_revisions[0]')" = "$FIRST" ]
    [ -f "$(json '.pending[0].path')" ]
    hgt_upgraded head 2> /dev/null
    status_json --check
    expect_status 0
    [ "$(json .state)" = up-to-date ]
    [ "$(json '.current | join(" ")')" = "$(hgt_alembic current 2> /dev/null | cut -d' ' -f1)" ]
    [ "$(json '.database.name')" = "$HGT_DB" ]
    [ "$(json '.database.user')" = hgt ]
    [ "$(json '.database.server_version')" = "$(hgt_psql 'show server_version_num')" ]
    [ "$(json '.database.system_identifier')" = "$(hgt_psql 'select system_identifier from pg_control_system()')" ]
}

@test "the text says what is pending and what to type, and --check exits 1" {
    hgt_upgraded "$FIRST" 2> /dev/null
    run --separate-stderr headgate status
    expect_status 0
    [[ ${lines[0]} == "local: $HGT_DB at 127.0.0.1:$HGT_PORT, DATABASE_URL from "* ]] || fail "first line"
    expect_output "behind: 2 revisions pending"
    expect_output "$LAST  add sources table"
    expect_output "next     headgate apply -t local"
    [[ $output$stderr != *hgt-secret* ]] || fail "password shown"
    run --separate-stderr headgate status --check
    expect_status 1
    status_json --check
    expect_status 1
    [ "$(json .error.kind)" = refused ]
    [ "$(json .error.exit_code)" = 1 ]
}

# Errors that the shared server logged of this test's own database.
logged_errors() {
    grep -cE "\] $HGT_DB (ERROR|FATAL)" "$SERVER_LOG" || true
}

@test "asking creates nothing, locks nothing and leaves no line in the server's log" {
    headgate status > /dev/null
    [ "$(hgt_psql "select count(*) from pg_class where relname = 'alembic_version'")" = 0 ]
    hgt_upgraded head 2> /dev/null
    headgate status > /dev/null
    [ "$(logged_errors)" = 0 ] || fail "$(grep "$HGT_DB" "$SERVER_LOG")"
    ! hgt_psql "select 1/0" 2> /dev/null
    [ "$(logged_errors)" = 1 ] || fail "an error would not have been seen"
}

@test "a role that may only read is enough; one that may not read the table gets the GRANT" {
    hgt_upgraded head 2> /dev/null
    role=reader_$RANDOM$RANDOM
    hgt_psql "create role $role login password 'pw'; grant select on alembic_version to $role"
    export DATABASE_URL=postgresql+psycopg://$role:pw@127.0.0.1:$HGT_PORT/$HGT_DB
    status_json
    expect_status 0
    [ "$(json .state)" = up-to-date ]
    hgt_psql "revoke select on alembic_version from $role"
    status_json
    expect_status 3
    [ "$(json .state)" = unknown ]
    [ "$(json .version_table.readable)" = false ]
    [ "$(json '.findings[].rule')" = HG604 ]
    [[ $(json .error.hint) == *"GRANT SELECT ON \"public\".\"alembic_version\" TO \"$role\""* ]] || fail hint
    hgt_psql "revoke usage on schema public from public; grant select on alembic_version to $role"
    status_json
    expect_status 3
    [ "$(logged_errors)" = 0 ] || fail "$(grep "$HGT_DB" "$SERVER_LOG")"
    hgt_psql "drop owned by $role; drop role $role"
}

@test "the table in another schema: by search_path, by configuration, as the sole candidate" {
    hgt_upgraded head 2> /dev/null
    hgt_psql 'create schema "Odd one"; alter table alembic_version set schema "Odd one"'
    status_json
    expect_status 0
    [ "$(json .state)" = up-to-date ]
    [ "$(json .version_table.schema)" = "Odd one" ]
    [ "$(json '.version_table.candidates[0]')" = "Odd one.alembic_version" ]
    [ "$(json '.findings[].rule')" = HG222 ]
    hgt_psql "alter database $HGT_DB set search_path = nowhere"
    status_json
    [[ "$(json '.findings[].message')" == *"but this role's search_path names no schema that is there" ]] || fail "where"
    hgt_psql "alter database $HGT_DB set search_path = \"Odd one\", public"
    status_json
    [ "$(json '.findings | length')" = 0 ]
    [ "$(json .version_table.schema)" = "Odd one" ]
    hgt_psql "alter database $HGT_DB reset search_path; create schema b; create table b.alembic_version (version_num text)"
    status_json
    expect_status 3
    [ "$(json .state)" = unknown ]
    [ "$(json '.version_table.candidates | length')" = 2 ]
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\ntargets:\n  local: { environment: [ process ], version_table_schema: b }\n' > headgate.yaml
    status_json
    expect_status 0
    [ "$(json .state)" = empty ]
    [ "$(json .version_table.schema)" = b ]
}

@test "the version column may stand anywhere in its table, and a table without it is none" {
    hgt_psql "create table alembic_version (dropped int, note text, version_num text);
              alter table alembic_version drop dropped;
              insert into alembic_version values ('x', '$LAST');
              create schema empty; create table empty.alembic_version ();
              create schema other; create table other.alembic_version (id int)"
    status_json --check
    expect_status 0
    [ "$(json '.rows | join(" ")')" = "$LAST" ]
    [ "$(json '.version_table.candidates | length')" = 0 ]
    hgt_psql 'drop table alembic_version'
    status_json
    [ "$(json .version_table.exists)" = false ]
}

@test "rows with odd characters come out as they are stored" {
    hgt_upgraded head 2> /dev/null
    hgt_psql "insert into alembic_version values ('a<b>&\"''x'), (E'c\\001d')"
    status_json
    [ "$(json '.unknown | sort | .[0]')" = "a<b>&\"'x" ]
    [ "$(json '.unknown | sort | .[1] | length')" = 3 ]
}

@test "an unknown revision is ahead, and is named from git with branch, commit and date" {
    hgt_upgraded head 2> /dev/null
    git checkout -q -b feature/later
    printf '"""later"""\nrevision = "99aa"\ndown_revision = "%s"\n' "$LAST" > backend/db/migrations/versions/99aa_later.py
    git add -A && git commit -q -m later
    git checkout -q main
    hgt_psql "update alembic_version set version_num = '99aa'"
    status_json
    expect_status 0
    [ "$(json .state)" = ahead ]
    [ "$(json .pending)" = null ]
    [ "$(json '.unknown[0]')" = 99aa ]
    [ "$(json '.unknown_details[0].branch')" = feature/later ]
    [ "$(json '.unknown_details[0].commit')" = "$(git rev-parse feature/later)" ]
    [[ $(json '.findings[] | select(.rule == "HG212") | .message') == *"branch feature/later"* ]] || fail message
    run headgate status
    expect_output "git merge feature/later, or the file alone: git checkout"
    bash -c "$(sed -n 's/^next .* alone: //p' <<< "$output")"
    [ -f backend/db/migrations/versions/99aa_later.py ] || fail "not brought back"
}

@test "an unknown revision whose file this branch deleted: it is to be brought back, there is nothing to merge" {
    hgt_upgraded head 2> /dev/null
    git rm -q "backend/db/migrations/versions/${LAST}_add_sources.py" && git commit -q -m "Gone"
    cd backend
    run headgate status
    [[ $output != *"git merge"* ]] || fail "to merge this branch into itself"
    expect_output "Its file was deleted in this branch. Bring it back: \`git checkout"
    run headgate new -m x
    expect_status 1
    expect_output "bring the file back: git checkout"
    git checkout -q --detach
    run headgate status
    bash -c "$(sed -n 's/^next  *//p' <<< "$output")"
    [ -f "db/migrations/versions/${LAST}_add_sources.py" ] || fail "not brought back"
}

@test "an unknown revision that was applied before it was committed: its commit is the one that has the file" {
    hgt_upgraded head 2> /dev/null
    git checkout -q -b feature/later
    printf '"""later"""\nrevision = "99aa"\ndown_revision = "%s"\ndef upgrade():\n    pass\n' "$LAST" \
        > backend/db/migrations/versions/99aa_later.py
    headgate apply > /dev/null
    git add -A && git commit -q -m later
    git checkout -q main
    status_json
    [ "$(json '.unknown_details[0] | .found + " " + .branch + " " + .commit')" = \
        "ledger feature/later $(git rev-parse feature/later)" ] || fail "which commit"
    run headgate status
    bash -c "$(sed -n 's/^next .* alone: //p' <<< "$output")"
    [ -f backend/db/migrations/versions/99aa_later.py ] || fail "not brought back"
}

@test "two heads: the next command is not an apply that would be refused" {
    hgt_upgraded head 2> /dev/null
    printf '"""other"""\nrevision = "88bb"\ndown_revision = "%s"\n' "$SECOND" > backend/db/migrations/versions/88bb_other.py
    run headgate status
    expect_output "next     headgate explain HG101"
    expect_output "in the folder of alembic.ini"
    (cd backend && alembic merge heads -m merge > /dev/null)
    run headgate status
    expect_output "next     headgate apply -t local"
}

@test "an unknown revision that branched off below our head has diverged" {
    hgt_upgraded head 2> /dev/null
    git checkout -q -b feature/other
    printf '"""other"""\nrevision = "88bb"\ndown_revision = "%s"\n' "$SECOND" > backend/db/migrations/versions/88bb_other.py
    git add -A && git commit -q -m other
    git checkout -q main
    hgt_psql "update alembic_version set version_num = '88bb'"
    status_json
    [ "$(json .state)" = diverged ]
    [ "$(json '[.findings[].rule] | index("HG213") != null')" = true ]
    run headgate status
    expect_output "next     git merge feature/other, or the file alone: git checkout"
    hgt_psql "update alembic_version set version_num = '$FIRST'; insert into alembic_version values ('$LAST')"
    status_json
    [ "$(json .state)" = diverged ]
    [ "$(json '[.findings[].rule] | index("HG218") != null')" = true ]
}

@test "no rows in a database with tables: empty, with the error that shuts the gate" {
    hgt_psql "create table customers (id int)"
    status_json
    expect_status 0
    [ "$(json .state)" = empty ]
    [ "$(json '.findings[] | select(.rule == "HG214") | .severity')" = error ]
}

@test "without alembic.ini the bare database is shown" {
    hgt_upgraded head 2> /dev/null
    mkdir "$BATS_TEST_TMPDIR/nowhere" && cd "$BATS_TEST_TMPDIR/nowhere"
    status_json
    expect_status 0
    [ "$(json '.rows[0]')" = "$LAST" ]
    [ "$(json '.heads | length')" = 0 ]
    [ "$(json .pending)" = null ]
}

@test "a history that Alembic refuses: unknown, exit 3, with the database's rows" {
    hgt_upgraded head 2> /dev/null
    printf 'revision = "77cc"\ndown_revision = "nothere"\n' > backend/db/migrations/versions/77cc.py
    status_json
    expect_status 3
    [ "$(json .state)" = unknown ]
    [ "$(json '.rows[0]')" = "$LAST" ]
    [ "$(json '[.findings[].rule | startswith("HG1")] | any')" = true ]
}

# $1 URL, $2 words of the message, $3 words of the hint
refused() {
    DATABASE_URL=$1 run --separate-stderr headgate status --format json
    expect_status 3
    [ "$(json .state)" = unknown ]
    [ "$(json .error.exit_code)" = 3 ]
    [ "$(json .error.kind)" = database ]
    [[ $(json .error.message) == *"$2"* ]] || fail "message of $1"
    [[ $(json .error.hint) == *"$3"* ]] || fail "hint of $1"
    [[ $output$stderr != *sekret* && $output$stderr != *hgt-secret* ]] || fail "password shown"
}

@test "each way of not reaching a database has its own sentence, exit 3, and no password" {
    at=127.0.0.1:$HGT_PORT
    refused "postgresql://hgt:hgt-secret@$at/nosuchdb" 'database "nosuchdb" does not exist' "createdb"
    refused "postgresql+psycopg://hgt:sekret@$at/postgres" 'refused the password of user "hgt"' "password"
    [[ $(json .error.message) == *DATABASE_URL* ]] || fail "the password's source is not named"
    refused "postgresql://hgt:sekret@$HGT_NO_HOST/x" "does not resolve" "host"
    refused "postgresql://hgt:sekret@127.0.0.1:1/x" "connection refused" "running"
    refused "postgresql://hgt:hgt-secret@$at/postgres?sslmode=require" "does not offer SSL" "sslmode"
    python3 -c "
import socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(20)" > port &
    silent=$!
    until [ -s port ]; do sleep 0.05; done
    refused "postgresql://u:sekret@127.0.0.1:$(cat port)/x?connect_timeout=2" "no answer" "--timeout"
    kill "$silent"
    DATABASE_URL=postgresql://hgt:sekret@nowhere.invalid/x run --separate-stderr \
        "$HGT_ROOT/tests/lib/silent-names" headgate status --timeout 1
    expect_status 3
    expect_stderr "host name nowhere.invalid could not be resolved in time"
    expect_stderr "the name server does not answer"
    DATABASE_URL=postgresql://hgt:sekret@nowhere.invalid/x RES_OPTIONS='timeout:1 attempts:1' \
        run --separate-stderr "$HGT_ROOT/tests/lib/silent-names" headgate status
    expect_status 3
    expect_stderr "no name server answered for its host name"
}

@test "too many connections, and a server that is starting up" {
    hgt_cluster
    role=limited
    hgt_psql "create role $role login password 'pw'"
    conf=$HGT_CLUSTER_DIR/data/postgresql.conf
    hgt_psql "alter system set max_connections = 5" && hgt_psql "alter system set superuser_reserved_connections = 3"
    hgt_psql "alter system set max_wal_senders = 0"
    bin=$(dirname "$(readlink "/proc/$HGT_CLUSTER_PID/exe")")
    as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; else "$@"; fi; }
    (cd / && as "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" -w -s -l "$HGT_CLUSTER_DIR/data/server.log" restart -m fast)
    # One is refused while our own question below takes its place: it tries again.
    occupy() {
        for _ in $(seq 50); do
            psql -Xq "postgresql://$role:pw@127.0.0.1:$HGT_CLUSTER_PORT/postgres" -c 'select pg_sleep(60)' && break
            sleep 0.3
        done
    }
    for _ in 1 2; do occupy & done > /dev/null 2>&1 3>&-
    for _ in $(seq 100); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where usename = '$role'")" = 2 ] && break
        sleep 0.2
    done
    refused "postgresql://$role:pw@127.0.0.1:$HGT_CLUSTER_PORT/postgres" "too many connections" "pg_stat_activity"
    (cd / && as "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" -s stop -m immediate)
    # Recovery that waits for a file which never comes is a server that stays "starting up".
    as touch "$HGT_CLUSTER_DIR/data/recovery.signal"
    printf "restore_command = 'sleep 2; false'\n" | as tee -a "$conf" > /dev/null
    (cd / && as "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" -W -s -l "$HGT_CLUSTER_DIR/data/server.log" start)
    for _ in $(seq 30); do
        DATABASE_URL=$HGT_PGURL run --separate-stderr headgate status --format json
        [[ $(json .error.message) == *"starting up"* ]] && break
        sleep 0.1
    done
    expect_status 3
    [[ $(json .error.message) == *"starting up"* ]] || fail "not told as starting up"
    (cd / && as "$bin/pg_ctl" -D "$HGT_CLUSTER_DIR/data" -s stop -m immediate)
}

@test "a read-only database and a standby answer; each has its finding" {
    hgt_upgraded head 2> /dev/null
    hgt_psql "alter database $HGT_DB set default_transaction_read_only = on"
    status_json
    expect_status 0
    [ "$(json .database.read_only)" = true ]
    [ "$(json .state)" = up-to-date ]
    [ "$(json '.findings[].rule')" = HG602 ]

    bin=$(dirname "$(readlink "/proc/$(cat "$HGT_SERVER/pid")/exe")")
    as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; else "$@"; fi; }
    copy=$(mktemp -d /tmp/hgt-XXXXXX)
    [ "$(id -u)" != 0 ] || chown postgres: "$copy"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    (cd / && as env PGPASSWORD=hgt-secret "$bin/pg_basebackup" -h 127.0.0.1 -p "$HGT_PORT" -U hgt -D "$copy/data" -R -c fast -X stream --no-sync)
    (cd / && as "$bin/pg_ctl" -D "$copy/data" -w -s -l "$copy/log" -o "-c port=$port -c unix_socket_directories=$copy -c hot_standby=on" start)
    DATABASE_URL=postgresql://hgt:hgt-secret@127.0.0.1:$port/$HGT_DB
    status_json
    state=$(json .state) recovery=$(json .database.in_recovery) rules=$(json '[.findings[].rule] | join(" ")')
    (cd / && as "$bin/pg_ctl" -D "$copy/data" -s stop -m immediate)
    rm -rf "$copy"
    expect_status 0
    [ "$state" = up-to-date ]
    [ "$recovery" = true ]
    [ "$rules" = HG601 ]
}

# pgbouncer in front of the test server; $1 pool mode. Sets POOL_PORT.
pooler() {
    local dir=$BATS_TEST_TMPDIR/pool
    rm -rf "$dir" && mkdir "$dir"
    POOL_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf '"hgt" "hgt-secret"\n' > "$dir/users"
    cat > "$dir/ini" <<- INI
		[databases]
		* = host=127.0.0.1 port=$HGT_PORT
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $POOL_PORT
		unix_socket_dir =
		auth_type = plain
		auth_file = $dir/users
		pool_mode = $1
		logfile = $dir/log
	INI
    chmod -R a+rwX "$BATS_TEST_TMPDIR" "$dir"
    pool_as=(); [ "$(id -u)" != 0 ] || pool_as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
    "${pool_as[@]}" pgbouncer -q "$dir/ini" > "$dir/out" 2>&1 3>&- &
    POOLER_PID=$!
    for _ in $(seq 50); do
        (: < "/dev/tcp/127.0.0.1/$POOL_PORT") 2> /dev/null && return 0
        sleep 0.1
    done
    fail "$(cat "$dir/out" "$dir/log")"
}

@test "through a pooler: status answers and names the mode" {
    chmod a+x "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" 2> /dev/null || true
    cp -R . /tmp/hgt-pool-$$ && chmod -R a+rX /tmp/hgt-pool-$$
    hgt_upgraded head 2> /dev/null
    for mode in transaction session statement; do
        BATS_TEST_TMPDIR=/tmp/hgt-pool-$$ pooler "$mode"
        DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$POOL_PORT/$HGT_DB
        status_json
        expect_status 0
        [ "$(json .state)" = up-to-date ]
        [ "$(json .database.pool_mode)" = "$mode" ] || fail "mode of $mode"
        [ "$(json '.findings[].rule')" = HG603 ]
        kill "$POOLER_PID"; wait "$POOLER_PID" || true
        POOLER_PID=
    done
    BATS_TEST_TMPDIR=/tmp/hgt-pool-$$ pooler transaction
    refused "postgresql://hgt:hgt-secret@127.0.0.1:$POOL_PORT/$HGT_DB?options=-c%20lock_timeout%3D3s" \
        "pooler" "options"
    rm -rf /tmp/hgt-pool-$$
}

@test "a migration under way is shown, and one whose runner is gone" {
    hgt_upgraded "$FIRST" 2> /dev/null
    key() { "$HGT_BUILD/helpers/lock_key" public alembic_version; }
    held() {
        [ "$(hgt_psql "select count(*) from pg_locks where classid = $1 and granted and locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database())")" = 1 ]
    }
    PGAPPNAME="headgate migrator of 1" psql -Xq "$HGT_PGURL" \
        -c "select pg_advisory_lock_shared(1751608679, $(key))" -c 'select pg_sleep(20)' > /dev/null 2>&1 &
    holder=$!
    wait_for held 1751608679
    status_json
    [ "$(json .running.revision)" = null ]
    [ "$(json '.running.by')" = hgt ]
    [ "$(json '[.findings[].rule] | join(" ")')" = HG606 ]
    kill "$holder"
    PGAPPNAME="headgate rollback $SECOND@x:1" psql -Xq "$HGT_PGURL" \
        -c "select pg_advisory_lock(1751605616, $(key))" -c 'select pg_sleep(20)' > /dev/null 2>&1 &
    holder=$!
    wait_for held 1751605616
    status_json
    [ "$(json .running.revision)" = "$SECOND" ]
    kill "$holder"
}

@test "--watch prints a line at once and at every change; with --check it ends when up to date" {
    hgt_upgraded "$FIRST" 2> /dev/null
    timeout 20 headgate status --watch --check > watch.txt 2>&1 &
    watcher=$!
    until grep -q behind watch.txt; do sleep 0.1; done
    hgt_upgraded head 2> /dev/null
    wait "$watcher"
    grep -q "up-to-date" watch.txt
    [ "$(wc -l < watch.txt)" -le 3 ]
}

@test "the statement can be prepared on every server at hand" {
    sql=$(cat "$HGT_ROOT/pkg/status/sql/status.sql")
    hgt_psql "prepare s (text, text, text) as $sql; execute s (null, 'alembic_version', 'true')" > /dev/null
    for bin in ${HGT_TEST_PG_BINDIRS:-}; do
        state=$(mktemp -d /tmp/hgt-XXXXXX) && chmod 755 "$state"
        url=$(HEADGATE_STATE_DIR=$state/s HEADGATE_PG_BINDIR=$bin headgate postgres start --ephemeral)
        psql -XqAt -v ON_ERROR_STOP=1 "$url" -c "prepare s (text, text, text) as $sql; execute s (null, 'alembic_version', 'true')" > /dev/null
        DATABASE_URL=$url status_json
        [ "$(json .state)" = empty ]
        HEADGATE_STATE_DIR=$state/s headgate postgres destroy --ephemeral
        rm -rf "$state"
    done
}

@test "--watch with JSON is refused, an unknown option too: exit 2" {
    run headgate status --watch --format json
    expect_status 2
    run headgate status --chek
    expect_status 2
}

@test "a broken alembic.ini is told at once, though the database does not answer" {
    python3 -c "import socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(20)" > port &
    silent=$!
    until [ -s port ]; do sleep 0.1; done
    printf '[alembic]\nscript_location = db/migrations\nscript_location = other\n' > backend/alembic.ini
    DATABASE_URL=postgresql://u:p@127.0.0.1:$(cat port)/db run timeout 8 headgate status
    kill "$silent"
    expect_status 2
    [[ "$output" == *"alembic.ini:3"* ]]
}
