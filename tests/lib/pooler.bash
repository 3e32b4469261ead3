# Loaded by bats files that put pgbouncer between: hgt_poolers_start MODE… in setup_file (pool modes
# such as transaction), hgt_poolers_stop in teardown_file, hgt_through MODE after hgt_db.
# shellcheck shell=bash

hgt_poolers_start() {
    local mode
    HGT_POOL_DIR=$(mktemp -d /tmp/hgt-XXXXXX)
    export HGT_POOL_DIR
    chmod 755 "$HGT_POOL_DIR"
    for mode; do hgt_pooler_start "$mode"; done
}

hgt_poolers_stop() {
    local file
    for file in "$HGT_POOL_DIR"/*.pid; do kill "$(cat "$file")" 2> /dev/null || :; done
    rm -rf "$HGT_POOL_DIR"
}

hgt_pooler_start() {
    local mode=$1 port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "$port" > "$HGT_POOL_DIR/$mode.port"
    echo '"hgt" "hgt-secret"' > "$HGT_POOL_DIR/users"
    cat > "$HGT_POOL_DIR/$mode.ini" << EOF
[databases]
* = host=127.0.0.1 port=$HGT_PORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = plain
auth_file = $HGT_POOL_DIR/users
pool_mode = $mode
ignore_startup_parameters = extra_float_digits,options
EOF
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups pgbouncer -q "$HGT_POOL_DIR/$mode.ini" \
            > "$HGT_POOL_DIR/$mode.log" 2>&1 < /dev/null 3>&- 4>&- &
    else
        pgbouncer -q "$HGT_POOL_DIR/$mode.ini" > "$HGT_POOL_DIR/$mode.log" 2>&1 < /dev/null 3>&- 4>&- &
    fi
    echo $! > "$HGT_POOL_DIR/$mode.pid"
    for _ in $(seq 50); do
        psql -XqAt "postgresql://hgt:hgt-secret@127.0.0.1:$port/postgres" -c "select 1" \
            > /dev/null 2>&1 && return 0
        sleep 0.1
    done
    cat "$HGT_POOL_DIR/$mode.log" >&2
    return 1
}

hgt_through() {
    local port
    port=$(cat "$HGT_POOL_DIR/$1.port")
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$port/$HGT_DB
}
