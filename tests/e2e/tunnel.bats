#!/usr/bin/env bats
# A database on an internal network, no port published, reached through a container: the tunnel, who may
# use it, how it ends, and the server's name for TLS.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    NETWORK=hgt-tunnel-$$-$RANDOM
    export NETWORK
    docker network create --internal --label hgt.tunnel "$NETWORK" > /dev/null
    hgt_container headgate-base --network "$NETWORK" --network-alias db --network-alias other \
        -e POSTGRES_USER=notebook -e POSTGRES_PASSWORD=note-secret-1 -- headgate-test-postgres
    export DATABASE=$HGT_CONTAINER
    hgt_container headgate-base --network "$NETWORK" \
        -e DB_HOST=db -e DATABASE_URL=postgresql+psycopg://notebook:note-secret-1@db/notebook
    export APP=$HGT_CONTAINER
    for _ in $(seq 150); do
        ! docker exec "$DATABASE" pg_isready -q -h 127.0.0.1 || break
        sleep 0.2
    done
    certificate
    "$HGT_ROOT/tests/lib/forward" "${DOCKER_HOST#unix://}" > "$BATS_FILE_TMPDIR/port" 2> /dev/null 3>&- &
    echo $! > "$BATS_FILE_TMPDIR/forward"
    until [ -s "$BATS_FILE_TMPDIR/port" ]; do sleep 0.1; done
    AFAR=tcp://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
    export AFAR
}

# The server's own certificate names db and nothing else; ca.crt is the client's copy.
certificate() {
    (
        cd "$BATS_FILE_TMPDIR" || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=db -addext subjectAltName=DNS:db \
            -keyout server.key -out ca.crt 2> /dev/null
        docker cp ca.crt "$DATABASE":/tmp/server.crt
        docker cp server.key "$DATABASE":/tmp/server.key
    ) > /dev/null
    docker exec "$DATABASE" sh -c 'cd /var/lib/postgresql/data && mv /tmp/server.* . &&
        chown postgres: server.* && chmod 600 server.key'
    docker exec "$DATABASE" psql -qU notebook -h /tmp -c 'alter system set ssl = on' \
        -c 'select pg_reload_conf()' notebook > /dev/null
    export CA=$BATS_FILE_TMPDIR/ca.crt
}

setup() {
    load ../lib/common
    load ../lib/docker
    mkdir -p "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return 1
    config "$APP"
}
teardown() {
    [ -z "${BACKGROUND:-}" ] || kill -9 $BACKGROUND 2> /dev/null || true
    hgt_containers_remove
}
teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/forward")"
    docker rm -f "$DATABASE" "$APP" > /dev/null 2>&1
    docker network rm "$NETWORK" > /dev/null 2>&1
}

# config CONTAINER
config() {
    cat > headgate.yaml << YAML
version: 1
connect_timeout: 4s
targets:
  docker:
    environment: [ { container: $1 } ]
    route: tunnel
  auto: { environment: [ { container: $1 } ] }
  inside:
    environment: [ { container: $1 } ]
    run: { container: $1 }
    route: tunnel
YAML
}

# Processes in the application's container beside the one that keeps it, in one line.
relays() {
    docker exec "$APP" sh -c 'for p in /proc/[0-9]*; do
        [ "${p#/proc/}" -ne $$ ] || continue
        tr "\0" " " < "$p/cmdline" 2> /dev/null | cut -c 1-60 | head -n 1; done' |
        grep -v -e docker-init -e '^sleep 3600' -e '^$' || true
}
no_relays() { [ -z "$(relays)" ]; }
refused() { ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
wait_until() { # SECONDS CHECK…
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "not in time: $*; relays: $(relays)"
        sleep 0.1
    done
}

# A tunnel that stays: exports PORT and BACKGROUND.
hold() {
    headgate env --tunnel -t auto -- sh -c 'echo "$DATABASE_URL" > url; mv url held; exec sleep 300' 3>&- &
    BACKGROUND=$!
    wait_until 20 test -s held
    PORT=$(sed 's|.*:\([0-9]*\)/.*|\1|' held)
    export BACKGROUND PORT
}
direct() {
    PGPASSWORD=note-secret-1 PGSSLMODE=disable \
        psql -XAt "host=127.0.0.1 port=$PORT user=notebook dbname=notebook" "$@"
}

@test "psql: as the container sees it, password not on the command line, psql's own exit code" {
    run --separate-stderr headgate psql -t docker -- -XAtc "select current_user, inet_client_addr() = (
        select '$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$APP")'::inet)" \
        -c '\! tr "\0" " " < /proc/$PPID/cmdline | grep -c note-[s]ecret; env | grep -c note-[s]ecret'
    expect_status 0
    [ "$output" = $'notebook|t\n0\n1' ] || fail "$output"
    expect_stderr "is reached through container $APP by a tunnel at 127.0.0.1:"
    run --separate-stderr headgate psql -q -t docker -- -XAtc 'select 1/0'
    expect_status 1
    expect_stderr "ERROR:  division by zero"
    wait_until 10 no_relays
}

@test "auto: an engine elsewhere and no published port: status, exec and env" {
    printf '[alembic]\nscript_location = v\n' > alembic.ini
    mkdir -p v/versions && touch v/env.py
    export DOCKER_HOST=$AFAR
    run --separate-stderr headgate status -t auto --format json
    expect_status 0
    [ "$(json .database.name)" = notebook ] || fail "$output"
    run --separate-stderr headgate status -t inside
    expect_status 0
    [[ $output == *"notebook at db:"*"by a tunnel at 127.0.0.1"* ]] || fail "$output"
    # Whoever does not connect opens none, and env leaves names alone unless it is asked.
    run --separate-stderr headgate exec -v -t inside -- printenv DB_HOST
    expect_status 0
    [ "$output" = db ] || fail "$output"
    [[ $stderr != *tunnel* ]] || fail "$stderr"
    run --separate-stderr headgate env -t auto -- printenv DB_HOST
    [ "$output" = db ] || fail "$output"
    run --separate-stderr headgate env --tunnel -t inside -- printenv DB_HOST
    [ "$output" = 127.0.0.1 ] || fail "$output"
}

@test "only processes of our own user" {
    hold
    [ "$(direct -c 'select 1')" = 1 ] || fail "ours"
    cat > stranger.py << 'PY'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
try:
    s.sendall(struct.pack("!ii", 8, 80877103))
    answer = s.recv(1)
except OSError:
    answer = b""
print("refused" if answer == b"" else answer)
PY
    [ "$(python3 stranger.py "$PORT")" != refused ] || fail "our own"
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    [ "$($sudo setpriv --reuid=65534 --regid=65534 --clear-groups python3 - "$PORT" < stranger.py)" = refused ] ||
        fail "a stranger"
    [ "$(direct -c 'select 2')" = 2 ] || fail "and it goes on"
}

@test "killed: no listener, no process, no relay in the container stays" {
    hold
    direct -c 'select pg_sleep(60)' > /dev/null 2>&1 3>&- &
    local client=$!
    wait_until 5 sh -c "docker exec $APP sh -c 'cat /proc/net/tcp' | grep -q ':1538 01'"
    kill -9 "$BACKGROUND"
    wait_until 10 refused "$PORT"
    wait_until 15 no_relays
    local code=0
    wait "$client" || code=$?
    [ "$code" -eq 2 ] || fail "the client was told: $code"
}

@test "the tunnel's own process killed: the relay goes too" {
    hold
    [ "$(direct -c 'select 1')" = 1 ] || fail "it works"
    [ -n "$(relays)" ] || fail "there is a relay to be ended"
    local inode process
    inode=$(awk -v port="$(printf ':%04X' "$PORT")" '$2 ~ port && $4 == "0A" {print $10}' /proc/net/tcp)
    process=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2> /dev/null | head -n 1 | cut -d / -f 3)
    kill -9 "$process"
    wait_until 10 refused "$PORT"
    wait_until 15 no_relays
}

@test "the relay dies: clients see their connection end, and the next one gets another relay" {
    hold
    direct -c 'select pg_sleep(60)' 2> err 3>&- &
    local client=$! code=0
    wait_until 5 sh -c "docker exec $APP sh -c 'cat /proc/net/tcp' | grep -q ':1538 01'"
    docker exec "$APP" sh -c 'for p in /proc/[0-9]*; do
        ! tr "\0" " " < "$p/cmdline" | grep -q "^python3 -I" || kill -9 "${p#/proc/}"; done'
    wait "$client" || code=$?
    [ "$code" -eq 2 ] || fail "code $code: $(cat err)"
    [ "$(direct -c 'select 3')" = 3 ] || fail "another relay"
}

# As COPY gives the same bytes each time, and pg_dump does not.
same_bytes() {
    headgate env --tunnel -t auto -- sh -c '
        url=$(echo "$DATABASE_URL" | sed s/+psycopg//)
        for n in 1 2 3 4; do
            psql -XAtqc "copy (select i, md5(i::text), repeat(md5((i * $n)::text), 6)
                               from generate_series(1, $0) i) to stdout" "$url" | sha256sum > "got$n" &
        done
        wait' "$1"
    for n in 1 2 3 4; do
        docker exec "$DATABASE" psql -XAtqU notebook -h /tmp -c "copy (select i, md5(i::text),
            repeat(md5((i * $n)::text), 6) from generate_series(1, $1) i) to stdout" notebook |
            sha256sum | diff - "got$n"
    done
}

# The image has neither: busybox's nc, and this host's socat with all it needs.
give_socat_and_nc() {
    local library
    mkdir socat.d
    cp "$(command -v socat)" socat.d/program
    ldd socat.d/program | grep -o '/[^ ]*' | while read -r library; do cp -L "$library" socat.d/; done
    printf '#!/bin/sh\nexec /socat.d/ld-linux-* --library-path /socat.d /socat.d/program "$@"\n' > socat
    chmod +x socat
    docker cp socat.d "$APP:/socat.d" # Docker 20.10 has no `cp -q`
    docker cp socat "$APP:/usr/local/bin/socat"
    docker cp "$(command -v busybox)" "$APP:/usr/local/bin/nc"
}

@test "every way to relay: four connections at once, byte for byte, in both directions" {
    give_socat_and_nc
    for tool in python3 relay bash socat nc; do
        HEADGATE_TUNNEL_RELAY=$tool same_bytes 5000
        head -c 1000000 /dev/urandom | base64 -w 76 > rows
        HEADGATE_TUNNEL_RELAY=$tool headgate psql -q -t docker -- -Xq -c 'create temp table t (l text)' \
            -c '\copy t from rows' -c '\copy t to back'
        cmp rows back
    done
    wait_until 15 no_relays
    [ -z "$(docker exec "$APP" sh -c 'ls -d /headgate-relay*' 2> /dev/null)" ] || fail "the relay's file"
}

@test "half-close, and a reader that stands still holds up nobody else" {
    docker exec -d "$APP" python3 -c '
import socket, threading
def serve(c):
    total = 0
    while data := c.recv(65536):
        total += len(data)
    c.sendall(b"got %d" % total)
    c.close()
def flood(c):
    try:
        while True: c.sendall(b"x" * 65536)
    except OSError: pass
for port, how in ((7001, serve), (7002, flood)):
    def run(port=port, how=how):
        s = socket.create_server(("0.0.0.0", port))
        while True: threading.Thread(target=how, args=(s.accept()[0],), daemon=True).start()
    threading.Thread(target=run).start()
'
    cat > clients.py << 'PY'
import json, os, socket, subprocess, sys
def tunnel(port):
    fd = os.pidfd_open(os.getpid())
    request = {"container": sys.argv[1], "host": "127.0.0.1", "port": port, "owner_fd": fd, "tool": sys.argv[2]}
    out = subprocess.run(["headgate-source-tunnel"], input=json.dumps(request).encode(), pass_fds=[fd],
                         stdout=subprocess.PIPE).stdout
    return socket.create_connection(("127.0.0.1", json.loads(out)["port"]), 20)
slow = tunnel(7002)          # never read
a = tunnel(7001)
a.sendall(b"y" * 5000000)
a.shutdown(socket.SHUT_WR)
print(a.recv(100).decode(), a.recv(1))
PY
    for tool in python3 relay; do
        [ "$(python3 clients.py "$APP" $tool)" = "got 5000000 b''" ] || fail "$tool"
    done
    docker exec "$APP" sh -c 'kill $(grep -l 7001 /proc/[0-9]*/cmdline | cut -d / -f 3)' 2> /dev/null || true
}

@test "a name that the container does not know, a port where nothing listens: headgate's sentence" {
    hgt_container headgate-base --network "$NETWORK" \
        -e DATABASE_URL=postgresql://notebook:x@nosuchhost.invalid:5432/notebook
    config "$HGT_CONTAINER"
    run --separate-stderr headgate psql -t docker -- -c 'select 1'
    expect_status 125
    expect_stderr "the host nosuchhost.invalid is not known inside container $HGT_CONTAINER"
    hgt_container headgate-base --network "$NETWORK" -e DATABASE_URL=postgresql://notebook:x@db:9/notebook
    config "$HGT_CONTAINER"
    run --separate-stderr headgate psql -t docker -- -c 'select 1'
    expect_stderr "nothing accepts connections at db:9, as container $HGT_CONTAINER sees it"
}

@test "the database goes away later: the client is told by headgate" {
    hgt_container headgate-base --network "$NETWORK" --network-alias soon \
        -e POSTGRES_USER=notebook -e POSTGRES_PASSWORD=note-secret-1 -- headgate-test-postgres
    local database=$HGT_CONTAINER
    hgt_container headgate-base --network "$NETWORK" \
        -e DATABASE_URL=postgresql://notebook:note-secret-1@soon/notebook
    config "$HGT_CONTAINER"
    wait_until 30 docker exec "$database" pg_isready -q -h 127.0.0.1
    hold
    docker kill "$database" > /dev/null
    run direct -c 'select 1'
    [[ $output == *"inside container $HGT_CONTAINER"* || $output == *"as container $HGT_CONTAINER sees it"* ||
        $output == *"from container $HGT_CONTAINER"* ]] || fail "$output"
}

@test "an image with nothing in it: the static relay, which leaves no file" {
    mkdir root
    printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' > wait.c
    gcc -static -o root/wait wait.c
    tar -C root -c . | docker import - hgt-bare-tunnel > /dev/null
    hgt_container hgt-bare-tunnel --network "$NETWORK" \
        -e DATABASE_URL=postgresql://notebook:note-secret-1@db/notebook -- /wait
    config "$HGT_CONTAINER"
    run --separate-stderr headgate psql -t docker -- -XAtc 'select 42'
    expect_status 0
    [ "$output" = 42 ] || fail "$output"
    expect_stderr "(relay)"
    [ "$(docker export "$HGT_CONTAINER" | tar -t | grep -c headgate-relay)" = 0 ] || fail "its file stays"
    # Where no file can be put: the sentence.
    hgt_container hgt-bare-tunnel --network "$NETWORK" --read-only \
        -e DATABASE_URL=postgresql://notebook:note-secret-1@db/notebook -- /wait
    config "$HGT_CONTAINER"
    run --separate-stderr headgate psql -t docker -- -XAtc 'select 42'
    expect_status 125
    expect_stderr "no program can be put into the container"
    docker rm -f "$HGT_CONTAINER" > /dev/null
}

@test "TLS: the server's name is verified by headgate, psql and the migrator" {
    hgt_container headgate-base --network "$NETWORK" \
        -e "DATABASE_URL=postgresql+psycopg://notebook:note-secret-1@db/notebook?sslmode=verify-full&sslrootcert=$CA"
    config "$HGT_CONTAINER"
    local ssl='select ssl from pg_stat_ssl where pid = pg_backend_pid()'
    cat > migrator.py << 'PY'
import os, sqlalchemy
url = sqlalchemy.make_url(os.environ["DATABASE_URL"])
driver = os.environ.get("DRIVER")
url = url.set(drivername="postgresql+" + driver) if driver else url
with sqlalchemy.create_engine(url).connect() as c:
    print(url.host, c.exec_driver_sql("select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar())
PY
    run --separate-stderr headgate psql -t docker -- -XAtc "$ssl" -c '\conninfo'
    expect_status 0
    [[ $output == *"on host \"db\""* && $output == t* ]] || fail "$output"
    # Through the tunnel, and by the container's own address.
    run --separate-stderr headgate env --tunnel -t auto -- env DRIVER=psycopg2 "$HGT_VENV/bin/python" migrator.py
    [ "$output" = "db True" ] || fail "tunnel: $output $stderr"
    run --separate-stderr headgate env -t auto -- "$HGT_VENV/bin/python" migrator.py
    [ "$output" = "db True" ] || fail "address: $output $stderr"
    # A name that the certificate does not have.
    hgt_container headgate-base --network "$NETWORK" \
        -e "DATABASE_URL=postgresql+psycopg://notebook:note-secret-1@other/notebook?sslmode=verify-full&sslrootcert=$CA"
    config "$HGT_CONTAINER"
    run --separate-stderr headgate psql -t docker -- -c "$ssl"
    expect_status 2
    expect_stderr 'does not match host name "other"'
    run --separate-stderr headgate env --tunnel -t auto -- "$HGT_VENV/bin/python" migrator.py
    [ "$status" -ne 0 ] || fail "the migrator must refuse"
    expect_stderr 'does not match host name "other"'
}

@test "TLS: a driver that cannot keep the name refuses, and headgate says so before" {
    hgt_container headgate-base --network "$NETWORK" \
        -e "DATABASE_URL=postgresql+asyncpg://notebook:note-secret-1@db/notebook?ssl=verify-full"
    config "$HGT_CONTAINER"
    export PGSSLROOTCERT=$CA
    run --separate-stderr headgate env --tunnel -t auto -- printenv DATABASE_URL
    [[ $output == *"@127.0.0.1:"* ]] || fail "$output"
    expect_stderr "postgresql+asyncpg verifies the server's certificate against 127.0.0.1"
}

@test "variables apart: the name stays for libpq by PGHOSTADDR" {
    hgt_container headgate-base --network "$NETWORK" -e PGHOST=db -e PGUSER=notebook -e PGDATABASE=notebook \
        -e PGPASSWORD=note-secret-1 -e PGSSLMODE=verify-full -e "PGSSLROOTCERT=$CA"
    config "$HGT_CONTAINER"
    run --separate-stderr headgate env --tunnel -t auto -- psql -XAtc '\conninfo'
    expect_status 0
    [[ $output == *'on host "db" (address "127.0.0.1")'* ]] || fail "$output"
}

@test "another transport: a command that stands for railway ssh, with its banner and its shell" {
    cat > ssh-like << SH
#!/bin/sh
echo "Welcome! headgate is not me"
exec docker exec -i $APP sh -c "\$*"
SH
    chmod +x ssh-like
    cat > headgate.yaml << YAML
version: 1
targets:
  far:
    environment: [ { dotenv: far.env } ]
    tunnel: { command: [ $PWD/ssh-like ] }
YAML
    echo DATABASE_URL=postgresql://notebook:note-secret-1@db.railway.internal:5432/notebook > far.env
    docker exec "$APP" sh -c 'echo "$0 db.railway.internal" >> /etc/hosts' \
        "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$DATABASE")"
    run --separate-stderr headgate psql -t far -- -XAtc 'select 7'
    expect_status 0
    [ "$output" = 7 ] || fail "$output $stderr"
    expect_stderr "db.railway.internal:5432 is reached through"
    wait_until 15 no_relays
    # The command behind which the migrator runs is a way too.
    sed 's/tunnel: /route: tunnel\n    run: /' headgate.yaml > run.yaml
    run --separate-stderr headgate psql -c run.yaml -t far -- -XAtc 'select 8'
    [ "$output" = 8 ] || fail "$output $stderr"
    # A place that is none.
    sed -i 's/ssh-like/nothing-like/' headgate.yaml
    run --separate-stderr headgate psql -t far -- -c 'select 1'
    expect_status 125
    expect_stderr nothing-like
}

@test "apply: the migrator on this host goes through the tunnel, and so do lock, watcher and check" {
    hgt_project
    cat > headgate.yaml << YAML
version: 1
migrator: { kind: alembic, directory: backend }
targets:
  docker:
    environment: [ { container: $APP } ]
    route: tunnel
YAML
    run --separate-stderr headgate apply -t docker --yes
    expect_status 0
    expect_stderr "by a tunnel at 127.0.0.1:"
    run --separate-stderr headgate status -t docker --check --format json
    expect_status 0
    [ "$(json .state)" = up-to-date ] || fail "$output"
    wait_until 15 no_relays
}

@test "wrong usage: no place to tunnel through, --print" {
    run --separate-stderr env DATABASE_URL=postgresql://x@127.0.0.1/x headgate env --from process --tunnel -- true
    expect_status 125
    expect_stderr "no place to tunnel through"
    run --separate-stderr headgate env --tunnel --print -t auto
    expect_status 2
}

@test "the guide" {
    hgt_project
    docker exec "$DATABASE" psql -qU notebook -h /tmp notebook \
        -c 'drop schema if exists headgate cascade' -c 'drop schema public cascade' -c 'create schema public'
    cat > headgate.yaml << YAML
version: 1
migrator: { directory: backend }
targets:
  docker:
    environment: [ { container: $APP } ]
    route: tunnel
YAML
    run timeout 60 "$HGT_ROOT/tests/lib/guide" "$HGT_ROOT/docs/guides/containers.md"
    expect_status 0
    expect_output "by a tunnel at 127.0.0.1:"
    run --separate-stderr headgate status -t docker --check
    expect_status 0
}
