#!/usr/bin/env bats
# apply behind pgbouncer: refused where no session is kept, unless there is a way past it.

setup_file() {
    load ../lib/common
    hgt_setup_file
    POOL_DIR=$(mktemp -d /tmp/hgt-XXXXXX)
    export POOL_DIR
    chmod 755 "$POOL_DIR"
    for mode in transaction session; do start_pooler $mode; done
}
teardown_file() {
    for mode in transaction session; do kill "$(cat "$POOL_DIR/$mode.pid")" 2> /dev/null || :; done
    rm -rf "$POOL_DIR"
}
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
    PAST=$DATABASE_URL
}

start_pooler() {
    local mode=$1 port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "$port" > "$POOL_DIR/$mode.port"
    echo '"hgt" "hgt-secret"' > "$POOL_DIR/users"
    cat > "$POOL_DIR/$mode.ini" << EOF
[databases]
* = host=127.0.0.1 port=$HGT_PORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = plain
auth_file = $POOL_DIR/users
pool_mode = $mode
ignore_startup_parameters = extra_float_digits,options
EOF
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups pgbouncer -q "$POOL_DIR/$mode.ini" \
            > "$POOL_DIR/$mode.log" 2>&1 < /dev/null 3>&- 4>&- &
    else
        pgbouncer -q "$POOL_DIR/$mode.ini" > "$POOL_DIR/$mode.log" 2>&1 < /dev/null 3>&- 4>&- &
    fi
    echo $! > "$POOL_DIR/$mode.pid"
    for _ in $(seq 50); do
        psql -XqAt "postgresql://hgt:hgt-secret@127.0.0.1:$port/postgres" -c "select 1" \
            > /dev/null 2>&1 && return 0
        sleep 0.1
    done
    cat "$POOL_DIR/$mode.log" >&2
    return 1
}

through() {
    local port
    port=$(cat "$POOL_DIR/$1.port")
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$port/$HGT_DB
}

config() {
    printf 'version: 1\ntargets:\n  local:\n    environment: [ process ]\n    %s\n' "$1" > headgate.yaml
    hga_commit
}

@test "transaction pooling is refused before anything is started" {
    through transaction
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result '[.findings[] | select(.severity == "error").rule] | join(",")')" = HG603 ]
    [ "$(hgt_psql "select to_regnamespace('headgate') is null and to_regclass('t1') is null")" = t ]
}

@test "direct_url: headgate and the migrator go past the pooler" {
    through transaction
    config "direct_url: \"$PAST\""
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    hga_no_sessions
}

@test "pooler: session, declared and true" {
    through session
    run --separate-stderr headgate apply --format json
    expect_status 1
    config "pooler: session"
    run --separate-stderr headgate apply -t local --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "an env.py that goes through the pooler by itself is stopped" {
    through transaction
    hga_env "\"$DATABASE_URL\""
    export DATABASE_URL=$PAST
    run --separate-stderr headgate apply --format json
    expect_status 4
    [[ "$(hga_result .error.message)" == *"through a pooler"* ]]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}
