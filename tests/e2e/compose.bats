#!/usr/bin/env bats
# The sample's compose.yaml as it is, with docker-compose on a real engine: up, migrated by exec, down.
# Only what this machine needs is laid over it: images without a registry, the builder's network, free
# ports, and a container name that no other test has.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
}
setup() {
    load ../lib/common
    load ../lib/docker
    hgt_project
    export HEADGATE_MK=$HGT_ROOT/headgate.mk NAME=hgt-compose-$$-api
    export COMPOSE_DOCKER_CLI_BUILD=0 COMPOSE_PROJECT_NAME=hgtcompose$$
    export COMPOSE_FILE=compose.yaml:$BATS_TEST_TMPDIR/machine.yaml
    export BASE_IMAGE=headgate-base POSTGRES_IMAGE=headgate-base API_PORT POSTGRES_PORT
    read -r API_PORT POSTGRES_PORT <<< "$(free_ports)"
    cat > "$BATS_TEST_TMPDIR/machine.yaml" << YAML
services:
  api:
    build: { network: host }
    container_name: $NAME
    init: true
  db:
    command: headgate-test-postgres
    init: true
YAML
    sed -i "s/container: notebooklm-api/container: $NAME/" headgate.yaml
}
teardown() { docker-compose down -v --rmi local > "$BATS_TEST_TMPDIR/down" 2>&1 || true; }

free_ports() {
    python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))'
}

mk() { run --separate-stderr make --no-print-directory COMPOSE=docker-compose "$@"; }

@test "compose.yaml: up, migrated inside its container, down" {
    grep -qx '    container_name: notebooklm-api' compose.yaml
    mk up
    expect_status 0
    run --separate-stderr headgate status -t docker
    expect_status 0
    expect_output "empty"
    mk migrate-docker
    expect_status 0
    expect_stderr "headgate: exit 0 (done)"
    run --separate-stderr headgate status -t docker --check
    expect_status 0
    expect_output "up-to-date"
    # The application answers on the port that compose.yaml publishes, from what was migrated.
    run curl -sf --retry 20 --retry-connrefused --retry-delay 1 \
        "http://127.0.0.1:$API_PORT/notebooks"
    expect_status 0
    [ "$output" = '[]' ] || fail "the application's answer"
    mk down
    expect_status 0
    [ -z "$(docker ps -aq --filter "name=$NAME")" ] || fail "still there"
    run --separate-stderr headgate status -t docker
    expect_status 3
    expect_stderr "$NAME"
}
