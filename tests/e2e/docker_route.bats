#!/usr/bin/env bats
# From a container's configuration to its database, and its files: what headgate-env and the gate ask
# of the container engine.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    # One network with a database (alias db, its port published elsewhere) and an application.
    hgt_network
    export NETWORK=$HGT_NETWORK
    hgt_container headgate-base --network "$NETWORK" --network-alias db -p 127.0.0.1::5432 \
        -e POSTGRES_USER=notebook -e POSTGRES_PASSWORD=note-secret-1 -- headgate-test-postgres
    export DATABASE=$HGT_CONTAINER
    hgt_container headgate-base --network "$NETWORK" --add-host elsewhere:127.0.0.9 \
        --add-host outside:host-gateway \
        -e DB_HOST=db -e DB_USER=notebook -e DB_PASS=note-secret-1 -e WITH='a=b c' -e EMPTY=
    export APP=$HGT_CONTAINER
    PUBLISHED=$(docker port "$DATABASE" 5432/tcp | head -n 1)
    export PUBLISHED=${PUBLISHED##*:}
    export ADDRESS
    ADDRESS=$(docker inspect -f "{{(index .NetworkSettings.Networks \"$NETWORK\").IPAddress}}" "$DATABASE")
    for _ in $(seq 150); do
        ! docker exec "$DATABASE" pg_isready -q -h 127.0.0.1 || break
        sleep 0.2
    done
}
setup() {
    load ../lib/common
    load ../lib/docker
    cd "$BATS_TEST_TMPDIR" || return 1
}
teardown() { hgt_containers_remove; }
teardown_file() {
    docker rm -f "$DATABASE" "$APP" > /dev/null 2>&1
    docker network rm "$NETWORK" > /dev/null 2>&1
}

# ask CONTAINER HOST PORT: the answer about one host
ask() {
    jq -nc --arg c "$1" --arg h "$2" --argjson p "$3" \
        '{container: $c, hosts: [{host: $h, port: $p}], timeout: 10}' | headgate-source-container
}

@test "a container's variables, exactly" {
    run --separate-stderr headgate-source-container <<< "{\"container\":\"$APP\",\"timeout\":10}"
    expect_status 0
    [ "$(json .variables.DB_HOST)" = db ] || fail "DB_HOST"
    [ "$(json .variables.WITH)" = "a=b c" ] || fail "a value with ="
    [ "$(json '.variables.EMPTY == ""')" = true ] || fail "an empty value"
    [ "$(json .error)" = null ] || fail "error"
}

@test "an alias leads to the address of the container that bears it" {
    run --separate-stderr ask "$APP" db 5432
    expect_status 0
    [ "$(json .addresses[0].hostaddr)" = "$ADDRESS" ] || fail "hostaddr"
    [ "$(json .addresses[0].use_host)" = db ] || fail "the name stays, for TLS"
    [ "$(json .addresses[0].use_port)" = 5432 ] || fail "port"
    [[ $(json .addresses[0].how) == *"$DATABASE"*"$NETWORK"* ]] || fail "how"
    PGPASSWORD=note-secret-1 psql -XAtc 'select 1' \
        "host=db hostaddr=$ADDRESS port=5432 user=notebook dbname=notebook"
    # Its name does as well, and what means the same everywhere stays.
    run --separate-stderr ask "$APP" "$DATABASE" 5432
    [ "$(json .addresses[0].hostaddr)" = "$ADDRESS" ] || fail "by name"
    run --separate-stderr ask "$APP" db.example.org 5432
    [ "$(json '.addresses[0] | [.hostaddr, .how, .same] | tojson')" = '[null,null,true]' ] || fail "foreign"
}

@test "from afar: the published port of the engine's host" {
    cat > forward.py << 'PY'
import os, socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[1])
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
PY
    python3 forward.py "${DOCKER_HOST#unix://}" > port 2> /dev/null 3>&- &
    local forward=$!
    until [ -s port ]; do sleep 0.1; done
    export DOCKER_HOST=tcp://127.0.0.1:$(cat port)
    run --separate-stderr ask "$APP" db 5432
    [ "$(json '.addresses[0] | "\(.hostaddr):\(.use_port)"')" = "127.0.0.1:$PUBLISHED" ] || fail "port"
    # exec too goes over TCP, with its half-close.
    head -c 200000 /dev/urandom > want
    headgate-exec --container "$APP" -i -- cat < want | cmp - want
    kill "$forward"
}

@test "no way: why, and what to type" {
    run --separate-stderr ask "$APP" db 9999
    [ "$(json .addresses[0].hostaddr)" = null ] || fail "there is no way"
    [[ $(json .addresses[0].how) == *"does not accept connections from here on port 9999"* ]] || fail how
    run --separate-stderr ask "$APP" localhost 5432
    [[ $(json .addresses[0].how) == *"localhost is the container $APP"* ]] || fail how
    run --separate-stderr ask "$APP" elsewhere 5432
    [[ $(json .addresses[0].how) == *"127.0.0.9"* ]] || fail how
    run --separate-stderr ask "$APP" outside "$HGT_PORT"
    [ "$(json .addresses[0].hostaddr)" = 127.0.0.1 ] || fail "the engine's host"
    hgt_container headgate-base --network "$NETWORK" --network-alias sleeping
    docker kill "$HGT_CONTAINER" > /dev/null
    run --separate-stderr ask "$APP" sleeping 5432
    [[ $(json .addresses[0].how) == *"docker start $HGT_CONTAINER"* ]] || fail how
}

@test "a container that shares another one's network finds what that one finds" {
    hgt_container headgate-base --network "container:$APP"
    run --separate-stderr ask "$HGT_CONTAINER" db 5432
    [ "$(json .addresses[0].hostaddr)" = "$ADDRESS" ] || fail "through the other one"
}

@test "not found, stopped: the error is in the answer, exit 3" {
    run --separate-stderr ask nosuch$$ db 1
    expect_status 3
    [ "$(json .error.kind)" = docker ] || fail kind
    [[ $(json .error.detail) == *"running: "*"$APP"* ]] || fail "names to choose from"
    hgt_container headgate-base --network none
    docker kill "$HGT_CONTAINER" > /dev/null
    run --separate-stderr ask "$HGT_CONTAINER" db 1
    expect_status 3
    [ "$(json .error.hint)" = "docker start $HGT_CONTAINER" ] || fail hint
    run --separate-stderr headgate-source-container <<< 'no json'
    expect_status 2
}

@test "target docker: env keeps the container's name inside and says the route" {
    hgt_project
    cat > headgate.yaml << YAML
version: 1
migrator: { kind: alembic, directory: backend }
url: "postgresql://\${DB_USER}:\${DB_PASS}@\${DB_HOST}/notebook"
targets:
  docker: { environment: [ { container: $APP } ], run: { container: $APP } }
YAML
    run --separate-stderr headgate exec -v -t docker -- sh -c 'echo "$DB_HOST"'
    expect_status 0
    [ "$output" = db ] || fail "the name"
    expect_stderr "is reached at $ADDRESS:5432"
}

@test "digests of files in a container: the same as sha256sum there" {
    docker exec "$APP" sh -c 'mkdir -p /srv/v/sub && cd /srv/v && printf "a\r\n" > a.py &&
        : > empty && head -c 100000 /dev/urandom > "sub/b c.py" && ln -s a.py link && mkfifo pipe'
    docker exec -w /srv/v "$APP" sh -c 'find . -type f | sort | xargs -d "\n" sha256sum' |
        sed 's|  \./| |' | LC_ALL=C sort -k 2 > want
    run --separate-stderr headgate-source-files <<< "{\"container\":\"$APP\",\"path\":\"/srv/v\",\"timeout\":10}"
    expect_status 0
    json '.files[] | "\(.sha256) \(.path)"' > got
    diff want got
    run --separate-stderr headgate-source-files <<< "{\"container\":\"$APP\",\"path\":\"/no/such\"}"
    expect_status 3
    [[ $(json .error.message) == "there is no /no/such in the container $APP" ]] || fail message
}
