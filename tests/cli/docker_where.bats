#!/usr/bin/env bats
# Which engine is asked, and answers that are none: no engine is needed for these.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR" || return 1
    export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
    mkdir -p "$DOCKER_CONFIG"
}
teardown() { [ -z "${FAKE:-}" ] || kill "$FAKE" 2> /dev/null || true; }

# fake TEXT [TEXT]: something on a socket that answers TEXT (a printf format) to everything, the second one to what
# is asked of an exec
fake() {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("fake.sock")
s.listen()
open("up", "w").close()
while True:
    c, _ = s.accept()
    answer = sys.argv[1 + (b"/exec" in c.recv(65536).split(b"\r")[0])]
    if answer:
        c.sendall(answer.encode().decode("unicode_escape").encode())
        c.shutdown(socket.SHUT_WR)
        try:
            while c.recv(65536):
                pass
        except OSError:
            pass
        c.close()
    else:
        keep = c
' "$1" "${2:-$1}" 3>&- &
    FAKE=$!
    until [ -e up ]; do sleep 0.05; done
    export DOCKER_HOST=unix://$PWD/fake.sock
}

context() { # NAME ADDRESS
    local dir
    dir=$DOCKER_CONFIG/contexts/meta/$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$dir"
    printf '{"Name":"%s","Endpoints":{"docker":{"Host":"%s"}}}' "$1" "$2" > "$dir/meta.json"
}

try() { run --separate-stderr headgate-exec --container x "$@" -- true; expect_status 125; }

@test "DOCKER_HOST beats DOCKER_CONTEXT beats config.json" {
    context chosen unix:///chosen.sock
    context current unix:///current.sock
    echo '{"currentContext":"current"}' > "$DOCKER_CONFIG/config.json"
    try
    expect_stderr 'unix:///current.sock (context "current"'
    DOCKER_CONTEXT=chosen try
    expect_stderr 'unix:///chosen.sock (context "chosen" from DOCKER_CONTEXT)'
    DOCKER_CONTEXT=chosen DOCKER_HOST=unix:///host.sock try
    expect_stderr 'unix:///host.sock (DOCKER_HOST)'
    DOCKER_CONTEXT=nosuch try
    expect_stderr 'there is no Docker context "nosuch"'
    echo '{"currentContext":' > "$DOCKER_CONFIG/config.json"
    try
    expect_stderr "$DOCKER_CONFIG/config.json:"
}

@test "addresses that are none, or whose certificates are missing" {
    DOCKER_HOST=npipe:////x try
    expect_stderr "is not an address of a container engine"
    DOCKER_TLS_VERIFY=1 DOCKER_HOST=tcp://127.0.0.1:2376 try
    expect_stderr "there is no $DOCKER_CONFIG/ca.pem"
    DOCKER_HOST=unix://relative try
    expect_stderr "must be absolute"
}

@test "a user whom an engine does not find already when the command is created (Docker 29)" {
    fake 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"ApiVersion":"1.52","Id":"x","Name":"/x","State":{"Running":true,"Status":"running"},"Config":{}}' \
        'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{"message":"unable to find user nosuch: no matching entries in passwd file"}'
    try -u nosuch
    expect_stderr "x: the container has no user nosuch"
    expect_stderr "the engine says: unable to find user nosuch"
}

@test "something else answers, an engine too old, one that hangs up or never answers" {
    fake 'SSH-2.0-OpenSSH_9.2\r\n'
    try
    expect_stderr "not a container engine"
    expect_stderr "SSH-2.0-OpenSSH_9.2"
    kill "$FAKE"; rm fake.sock up
    fake 'HTTP/1.1 200 OK\r\nApi-Version: 1.20\r\nContent-Length: 2\r\n\r\nOK'
    try
    expect_stderr "speaks API version 1.20"
    kill "$FAKE"; rm fake.sock up
    fake 'HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nTLS'
    try
    expect_stderr "answered with status 400"
    kill "$FAKE"; rm fake.sock up
    fake 'HTTP/1.1 200'
    try
    expect_stderr "hung up without an answer"
    kill "$FAKE"; rm fake.sock up
    fake ''
    try --timeout 1
    expect_stderr "did not answer in time"
}
