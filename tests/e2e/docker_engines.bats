#!/usr/bin/env bats
# Engines that are not a local Docker: real ones behind TLS, behind ssh, and Podman.

setup_file() {
    load ../lib/common
    hgt_setup_file
    cd "$BATS_FILE_TMPDIR" || return 1
    small_image
    make_certificates
    start_engine
    start_sshd
}
setup() {
    load ../lib/common
    unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS_VERIFY DOCKER_TLS DOCKER_CERT_PATH
    export HOME=$BATS_TEST_TMPDIR/home DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
    mkdir -p "$HOME" "$DOCKER_CONFIG"
    cd "$BATS_TEST_TMPDIR" || return 1
}
teardown_file() {
    local at=$BATS_FILE_TMPDIR
    DOCKER_HOST=unix://$SOCKET docker rm -f there > /dev/null 2>&1
    [ ! -e "$at/rootless" ] || DOCKER_HOST=unix://$(cat "$at/rootless")/docker.sock docker rm -f there > /dev/null 2>&1
    [ ! -e "$at/podman.pid" ] || (in_podman rm -f -t 0 there) > /dev/null 2>&1
    for pid in "$at"/*.pid; do
        [ ! -e "$pid" ] || kill "$(cat "$pid")" 2> /dev/null || true
    done
    for pid in "$at/engine.pid" "$at/rootless.pid"; do
        for _ in $(seq 100); do
            [ -e "$pid" ] && kill -0 "$(cat "$pid")" 2> /dev/null || break
            sleep 0.1
        done
    done
    rm -rf "$RUN"
    [ ! -e "$at/rootless" ] || rm -rf "$(cat "$at/rootless")"
}

# An image that is nothing but a static busybox.
small_image() {
    mkdir -p root/bin root/tmp root/etc
    cp /bin/busybox root/bin/
    local name
    for name in sh cat sleep true env wc head ps kill; do ln -sf busybox "root/bin/$name"; done
    echo 'root:x:0:0::/:/bin/sh' > root/etc/passwd
    tar -C root -cf image.tar .
}

# certificate NAME SUBJECT EXTENSIONS: signed by ca/
certificate() {
    mkdir -p "$1"
    openssl req -newkey rsa:2048 -nodes -keyout "$1/key.pem" -subj "/CN=$2" -out "$1/csr" 2> /dev/null
    printf '%s\n' "$3" > "$1/ext"
    openssl x509 -req -in "$1/csr" -CA ca/ca.pem -CAkey ca/key.pem -CAcreateserial -days 2 \
        -extfile "$1/ext" -out "$1/cert.pem" 2> /dev/null
    cp ca/ca.pem "$1/ca.pem"
}

make_certificates() {
    local one
    for one in ca other; do
        mkdir -p "$one"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout "$one/key.pem" -subj "/CN=hgt $one" \
            -days 2 -out "$one/ca.pem" 2> /dev/null
    done
    certificate server engine.test 'subjectAltName=DNS:localhost,IP:127.0.0.1'
    certificate client me 'extendedKeyUsage=clientAuth'
    mkdir -p bare unknown
    cp ca/ca.pem bare/
    cp client/* unknown/
    cp other/ca.pem unknown/ca.pem
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A second engine: test-docker's belongs to all, and has no TLS.
start_engine() {
    RUN=$(mktemp -d /run/hgt-engine-XXXXXX)
    SOCKET=$RUN/docker.sock
    PORT=$(free_port)
    export RUN SOCKET PORT
    setsid dockerd --data-root "$RUN/data" --exec-root "$RUN/exec" --pidfile "$RUN/pid" \
        --host "unix://$SOCKET" --host "tcp://127.0.0.1:$PORT" --storage-driver vfs \
        --tlsverify --tlscacert ca/ca.pem --tlscert server/cert.pem --tlskey server/key.pem \
        --bridge=none --iptables=false --ip6tables=false --shutdown-timeout 2 \
        > engine.log 2>&1 < /dev/null 3>&- &
    echo $! > engine.pid
    for _ in $(seq 200); do
        DOCKER_HOST=unix://$SOCKET docker version > /dev/null 2>&1 && break
        sleep 0.1
    done
    DOCKER_HOST=unix://$SOCKET docker import image.tar hgt-small > /dev/null || { cat engine.log; return 1; }
    DOCKER_HOST=unix://$SOCKET docker run -d --init --name there --network none hgt-small sleep 3600 \
        > /dev/null
}

# A real sshd, and a real ssh that knows it; only its configuration file is not the usual one, because
# ssh takes that from the home in passwd.
start_sshd() {
    SSH_PORT=$(free_port)
    export SSH_PORT
    ssh-keygen -q -t ed25519 -N '' -f host_key
    ssh-keygen -q -t ed25519 -N '' -f my_key
    cp my_key.pub authorized
    chmod 600 authorized
    mkdir -p /run/sshd bin
    cat > sshd_config << CONF
Port $SSH_PORT
ListenAddress 127.0.0.1
HostKey $PWD/host_key
AuthorizedKeysFile $PWD/authorized
StrictModes no
UsePAM no
PidFile none
AcceptEnv nothing
CONF
    printf '[127.0.0.1]:%s %s\n' "$SSH_PORT" "$(cut -d ' ' -f 1,2 host_key.pub)" > known
    cat > ssh_config << CONF
Host *
    UserKnownHostsFile $PWD/known
    IdentityFile $PWD/my_key
    IdentitiesOnly yes
    BatchMode yes
CONF
    printf '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' "$PWD/ssh_config" > bin/ssh
    chmod +x bin/ssh
    setsid /usr/sbin/sshd -D -e -f sshd_config > sshd.log 2>&1 < /dev/null 3>&- &
    echo $! > sshd.pid
}

by_tls() { # FOLDER OF CERTIFICATES
    export DOCKER_HOST=tcp://127.0.0.1:$PORT DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$BATS_FILE_TMPDIR/$1
}
by_ssh() {
    export PATH=$BATS_FILE_TMPDIR/bin:$PATH
    export DOCKER_HOST=ssh://$(id -un)@127.0.0.1:$SSH_PORT$SOCKET
}
hexec() { headgate-exec --container there "$@"; }

# What an exec must do, whatever carries it.
exec_is_whole() {
    head -c 700000 /dev/urandom > want
    hexec -i -- sh -c 'cat; echo end >&2' < want > got 2> err || fail "$(cat err)"
    cmp want got
    [ "$(cat err)" = end ]
    hexec -i -- sh -c 'wc -c; echo over' < want > got
    [ "$(tr -d ' ' < got)" = $'700000\nover' ] || fail "$(cat got)"
    run hexec -- sh -c 'exit 7'
    expect_status 7
    run -127 --separate-stderr hexec -- no-such-command
    expect_stderr "there is no command no-such-command"
}

alive_inside() { # WORD
    # By the socket, and without the TLS that the test may have set for us.
    env -u DOCKER_TLS_VERIFY -u DOCKER_TLS -u DOCKER_CERT_PATH DOCKER_HOST="unix://$SOCKET" \
        docker top there -eo pid,args | grep -v headgate-keeper | grep -c -- "$1" || true
}
wait_for_count() { # WORD COUNT
    for _ in $(seq 150); do
        [ "$(alive_inside "$1")" -ne "$2" ] || return 0
        sleep 0.1
    done
    return 1
}
ends_with_its_client() { # SECONDS
    headgate-exec --container there -- sleep "$1" 3>&- &
    local client=$!
    wait_for_count "sleep $1" 1
    sleep 0.5
    kill -KILL "$client"
    wait "$client" || true
    wait_for_count "sleep $1" 0 || fail "the command outlived its client"
    headgate-exec --container there -- sleep "$1" 3>&- &
    client=$!
    wait_for_count "sleep $1" 1
    kill "$client"
    local code=0
    wait "$client" || code=$?
    [ "$code" -eq 143 ] || fail "code $code"
    wait_for_count "sleep $1" 0 || fail "the command was not ended"
}

@test "TLS: streams, half-close, codes, and the command ends with its client" {
    by_tls client
    exec_is_whole
    ends_with_its_client 71
}

@test "TLS by a context: its files, and its word not to verify" {
    mkdir -p all
    by_tls client
    docker context create secure --docker \
        "host=$DOCKER_HOST,ca=$DOCKER_CERT_PATH/ca.pem,cert=$DOCKER_CERT_PATH/cert.pem,key=$DOCKER_CERT_PATH/key.pem" \
        > /dev/null
    docker context create trusting --docker \
        "host=$DOCKER_HOST,cert=$DOCKER_CERT_PATH/cert.pem,key=$DOCKER_CERT_PATH/key.pem,skip-tls-verify=true" \
        > /dev/null
    unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH
    DOCKER_CONTEXT=secure run hexec -- sh -c 'exit 5'
    expect_status 5
    DOCKER_CONTEXT=trusting run hexec -- sh -c 'exit 6'
    expect_status 6
    docker context use secure > /dev/null
    run hexec -- sh -c 'exit 8'
    expect_status 8
}

@test "TLS: an engine that cannot be trusted, one that does not trust us, plain HTTP" {
    by_tls unknown
    run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "the engine's certificate is not trusted"
    by_tls client
    DOCKER_HOST=tcp://localhost:$PORT run hexec -- true
    expect_status 0
    DOCKER_HOST=tcp://127.0.0.2:$PORT run --separate-stderr hexec -- true
    expect_status 125
    DOCKER_TLS_VERIFY='' DOCKER_TLS=1 run hexec -- true
    expect_status 0
    by_tls bare
    run --separate-stderr hexec -- true
    expect_status 125
    [[ $stderr == *"bad certificate"* || $stderr == *"certificate required"* ]] || fail "$stderr"
    mkdir none
    DOCKER_CERT_PATH=$PWD/none run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "there is no $PWD/none/ca.pem"
    unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH
    run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "DOCKER_TLS_VERIFY=1"
}

# The engine as one that speaks OLDEST and refuses everything newer, on old.sock: 1.24, or what Docker itself (29)
# still speaks.
old_engine() {
    OLDEST=$(printf '1.24\n%s\n' "$(DOCKER_HOST=unix://$SOCKET docker version -f '{{.Server.MinAPIVersion}}')" | sort -V | tail -n 1)
    python3 - "$SOCKET" "$OLDEST" 3>&- << 'PY' &
import re, socket, sys, threading
OLDEST = sys.argv[2].encode()
def requests(client, engine):
    while (data := client.recv(65536)):
        asked = re.match(rb"(?:GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1.1\r\n", data)
        if asked:
            open("asked", "ab").write(asked[1] + b"\n")
            if not asked[1].startswith((b"/_ping", b"/v%s/" % OLDEST)):
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return client.close()
        engine.sendall(data)
    engine.shutdown(socket.SHUT_WR)
def answers(engine, client):
    while (data := engine.recv(65536)):
        client.sendall(re.sub(rb"(?i)(\r\nApi-Version: )[0-9.]+", rb"\g<1>" + OLDEST, data))
    client.shutdown(socket.SHUT_WR)
def quietly(one, *args):
    try:
        one(*args)
    except OSError:
        pass
listener = socket.socket(socket.AF_UNIX)
listener.bind("old.sock")
listener.listen()
while True:
    client, _ = listener.accept()
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[1])
    for args in ((requests, client, engine), (answers, engine, client)):
        threading.Thread(target=quietly, args=args, daemon=True).start()
PY
    OLD=$!
    until [ -S old.sock ]; do sleep 0.05; done
}

@test "API 1.24, or the engine's oldest: agreed on with one that knows nothing newer, and by DOCKER_API_VERSION" {
    old_engine
    export DOCKER_HOST=unix://$PWD/old.sock
    exec_is_whole
    headgate env --from container:there -- true
    kill "$OLD"
    grep -qF "/v$OLDEST/containers/there" asked
    ! grep -vE "^/_ping|^/v${OLDEST/./\\.}/" asked || fail "it was asked for something newer"
    export DOCKER_HOST=unix://$SOCKET DOCKER_API_VERSION=$OLDEST
    exec_is_whole
    DOCKER_API_VERSION=1.23 run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "1.24 or later"
}

@test "TLS: the engine's name must be in its certificate" {
    by_tls client
    # The same engine by a name that its certificate does not have.
    python3 - "$PORT" 3>&- << 'PY' &
import socket, sys, threading
def pipe(a, b):
    try:
        while (data := a.recv(65536)):
            b.sendall(data)
    finally:
        a.close(); b.close()
listener = socket.create_server(("127.0.0.2", 0))
open("port", "w").write(str(listener.getsockname()[1]))
while True:
    a, _ = listener.accept()
    b = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for pair in ((a, b), (b, a)):
        threading.Thread(target=pipe, args=pair, daemon=True).start()
PY
    local proxy=$!
    until [ -s port ]; do sleep 0.05; done
    DOCKER_HOST=tcp://127.0.0.2:$(cat port) run --separate-stderr hexec -- true
    kill "$proxy"
    expect_status 125
    expect_stderr "IP address mismatch"
}

@test "ssh: streams, half-close, codes, and the command ends with its client" {
    by_ssh
    exec_is_whole
    ends_with_its_client 72
}

@test "ssh: what it says when it cannot" {
    by_ssh
    DOCKER_HOST=ssh://nobody-there@127.0.0.1:$SSH_PORT run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "Permission denied"
    DOCKER_HOST=ssh://$(id -un)@127.0.0.1:1 run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "Connection refused"
    DOCKER_HOST="ssh://$(id -un)@127.0.0.1:$SSH_PORT/tmp/x;reboot" run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "letters, digits"
}

# Becomes podman: in parentheses, or in the background so that $! is podman's own.
in_podman() {
    exec env -u DOCKER_CONFIG podman --root "$RUN/store" --runroot "$RUN/run" --storage-driver vfs --events-backend none \
        --cgroup-manager cgroupfs --runtime runc "$@"
}

@test "Podman: streams, codes, a target's variables; the command ends with its client" {
    (in_podman import "$BATS_FILE_TMPDIR/image.tar" hgt-small) > /dev/null 2>&1
    (in_podman run -d --init=false --name there --network none -e DATABASE_URL=postgresql://u:sesame-open@db/x \
        --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 hgt-small sleep 3600) > /dev/null
    in_podman system service --time=0 "unix://$RUN/podman.sock" > podman.log 2>&1 < /dev/null 3>&- &
    echo $! > "$BATS_FILE_TMPDIR/podman.pid"
    for _ in $(seq 100); do
        [ ! -S "$RUN/podman.sock" ] || break
        sleep 0.1
    done
    export DOCKER_HOST=unix://$RUN/podman.sock
    exec_is_whole
    run headgate-env --from container:there -- sh -c 'echo "$DATABASE_URL"'
    expect_status 0
    expect_output "postgresql://u:***@db/x"
    run --separate-stderr headgate-exec --container nowhere -- true
    expect_status 125
    expect_stderr "running: there"
    headgate-exec --container there -- sleep 73 3>&- &
    local client=$!
    sleep 1
    kill "$client"
    local code=0
    wait "$client" || code=$?
    [ "$code" -eq 143 ] || fail "code $code"
}

# As a user whom this machine knows in a mount namespace of its own only. Becomes rootlesskit.
rootless_engine() {
    local name=hgt-rootless id=61184 file
    mkdir -p "$AT/home"
    echo "$name:x:$id:$id::$AT/home:/bin/sh" | cat /etc/passwd - > "$AT/passwd"
    echo "$name:x:$id:" | cat /etc/group - > "$AT/group"
    echo "$name:1000000:65536" | tee "$AT/subuid" > "$AT/subgid"
    chmod 755 "$AT"
    chown -R "$id:$id" "$AT"
    # shellcheck disable=SC2016
    exec unshare --mount sh -ec 'for file in passwd group subuid subgid; do
            touch "/etc/$file"
            mount --bind "$AT/$file" "/etc/$file"
        done
        exec setpriv --reuid="$0" --regid="$0" --clear-groups env -i PATH="$PATH:/usr/sbin:/sbin" \
            HOME="$AT/home" XDG_RUNTIME_DIR="$AT" "$@"' "$id" \
        rootlesskit --net=host --copy-up=/etc --copy-up=/run --state-dir="$AT/kit" \
        sh -ec 'rm -rf /run/docker /run/containerd
            exec dockerd --rootless --data-root "$HOME/data" --exec-root "$XDG_RUNTIME_DIR/exec" \
                --pidfile "$XDG_RUNTIME_DIR/pid" --host "unix://$XDG_RUNTIME_DIR/docker.sock" \
                --storage-driver vfs --bridge=none --iptables=false --ip6tables=false --shutdown-timeout 2'
}

@test "rootless: streams, codes, and the command ends with its client" {
    AT=$(mktemp -d /tmp/hgt-rootless-XXXXXX)
    export AT
    echo "$AT" > "$BATS_FILE_TMPDIR/rootless"
    rootless_engine > rootless.log 2>&1 < /dev/null 3>&- &
    echo $! > "$BATS_FILE_TMPDIR/rootless.pid"
    export DOCKER_HOST=unix://$AT/docker.sock
    answers() { docker info -f '{{.SecurityOptions}}' 2> /dev/null > options; }
    wait_for answers
    grep -F name=rootless options || fail "$(cat options rootless.log)"
    docker import "$BATS_FILE_TMPDIR/image.tar" hgt-small > /dev/null
    docker run -d --init --name there --network none hgt-small sleep 3600 > /dev/null
    exec_is_whole
    # Without cgroups of its own such an engine lists no processes: this machine does.
    alive_inside() { pgrep -fxc -- "$1" || true; }
    ends_with_its_client $((100000 + $$))
}
