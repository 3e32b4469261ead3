#!/usr/bin/env bats
# Which container is meant: by name, Compose service, project, number or labels; and each way in which
# none or several are, in its own words. Containers are made by docker-compose itself.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    cd "$BATS_FILE_TMPDIR" || return 1
    export SHOP=hgtshop$$ BLOG=hgtblog$$
    cat > docker-compose.yml << YAML
version: "2.4"
services:
  api:
    image: headgate-base
    command: sleep 3600
    init: true
    network_mode: none
    labels: { tier: "web,$$", app: api$$ }
  worker:
    image: headgate-base
    command: sleep 3600
    init: true
    network_mode: none
    environment: { ROLE: worker, DATABASE_URL: "postgresql://u@db/shop" }
    labels: { tier: jobs$$ }
YAML
    docker-compose -p "$SHOP" up -d --scale api=2 2> /dev/null
    docker-compose -p "$BLOG" up -d api 2> /dev/null
}
setup() {
    load ../lib/common
    load ../lib/docker
    cd "$BATS_TEST_TMPDIR" || return 1
}
teardown_file() {
    cd "$BATS_FILE_TMPDIR" || return 0
    local project
    for project in "$SHOP" "$BLOG"; do
        docker-compose -p "$project" kill > /dev/null 2>&1 || true
        docker-compose -p "$project" rm -fsv > /dev/null 2>&1 || true
    done
}

# choose CONTAINER: what headgate runs in
choose() {
    run --separate-stderr headgate-exec --container "$1" -- hostname
}
# is NAME: the one that was chosen
is() {
    expect_status 0
    [ "$output" = "$(docker inspect -f '{{.Config.Hostname}}' "$1")" ] || fail "another container than $1"
}
refused() { # TEXT…: in stderr
    local text
    expect_status 125
    for text in "$@"; do expect_stderr "$text"; done
}

@test "a service by itself, in its project, by its number" {
    COMPOSE_PROJECT_NAME=$SHOP choose worker
    is "${SHOP}_worker_1"
    choose "service:$SHOP/worker"
    is "${SHOP}_worker_1"
    choose "service:$SHOP/api#2"
    is "${SHOP}_api_2"
    COMPOSE_PROJECT_NAME=${SHOP^^} choose service:api#1
    is "${SHOP}_api_1"
    # Containers of `docker-compose run` are not the service.
    docker-compose -f "$BATS_FILE_TMPDIR/docker-compose.yml" -p "$BLOG" run -d api sleep 3600 > /dev/null 2>&1
    choose "service:$BLOG/api"
    is "${BLOG}_api_1"
}

@test "several: their names to choose from, and how" {
    choose "service:$SHOP/api"
    refused "2 running containers belong to the Compose service \"api\" of the project \"$SHOP\"" \
        "they are: ${SHOP}_api_1, ${SHOP}_api_2" "service:PROJECT/api#NUMBER"
    choose "service:api#1"
    refused "running containers belong to the Compose service \"api\"" "${SHOP}_api_1" "${BLOG}_api_1"
    choose "label:app=api$$"
    [ "$status" -eq 125 ] || fail "status $status"
}

@test "by labels: one, all of them, by key alone" {
    choose "label:tier=no$SHOP"
    refused "no container at $DOCKER_HOST has the label tier=no$SHOP" "running: "
    local pid
    pid=$(docker inspect -f '{{index .Config.Labels "tier"}}' "${SHOP}_worker_1")
    choose "label:tier=$pid,com.docker.compose.project=$SHOP"
    is "${SHOP}_worker_1"
    choose "label:tier=$pid"
    is "${SHOP}_worker_1"
    pid=$(docker inspect -f '{{index .Config.Labels "tier"}}' "${SHOP}_api_1")
    choose "label:tier=${pid/,/%2C},com.docker.compose.container-number=2"
    is "${SHOP}_api_2"
    choose "label:tier=${pid/,/%2C},com.docker.compose.project=$SHOP"
    refused "2 running containers have the labels tier=$pid, " "${SHOP}_api_1, ${SHOP}_api_2"
}

@test "none: no such service, project, number, or nothing a name could be" {
    choose "service:$SHOP/nothere"
    refused "there is no container of the Compose service \"nothere\" of the project \"$SHOP\"" "running: "
    choose "service:$SHOP/api#7"
    refused "the Compose service \"api\" of the project \"$SHOP\" has no container with number 7" \
        "#1 (${SHOP}_api_1), #2 (${SHOP}_api_2)"
    local bad
    for bad in service: service:/api service:a#0 service:a#x service:a#1/b label: label:=x label:a,,b; do
        run --separate-stderr headgate-exec --container "$bad" -- true
        expect_status 2
        expect_stderr "names no container"
    done
}

@test "stopped, paused: the state is told, and a running replica is preferred" {
    docker stop -t 0 "${SHOP}_api_1" > /dev/null
    choose "service:$SHOP/api"
    is "${SHOP}_api_2"
    choose "service:$SHOP/api#1"
    refused "the container ${SHOP}_api_1 does not run: it is exited" "docker start ${SHOP}_api_1"
    docker start "${SHOP}_api_1" > /dev/null
    docker pause "${SHOP}_worker_1" > /dev/null
    choose "service:$SHOP/worker"
    docker unpause "${SHOP}_worker_1" > /dev/null
    refused "the container ${SHOP}_worker_1 is paused" "docker unpause ${SHOP}_worker_1"
}

@test "headgate.yaml: service, project, index and labels, as a source and as the place to run" {
    local tier
    tier=$(docker inspect -f '{{index .Config.Labels "tier"}}' "${SHOP}_api_2")
    cat > headgate.yaml << YAML
version: 1
targets:
  service: { environment: [ { service: worker, project: $SHOP } ], run: { service: api, project: $SHOP, index: 2 } }
  labels:  { environment: [ "container:service:$SHOP/worker" ], run: { labels: [ "tier=$tier", com.docker.compose.container-number=1, com.docker.compose.project=$SHOP ] } }
YAML
    run --separate-stderr headgate-exec -t service -- sh -c 'echo "$(hostname)"'
    is "${SHOP}_api_2"
    run --separate-stderr headgate-exec -t labels -- hostname
    is "${SHOP}_api_1"
    run --separate-stderr headgate-env -v -t service -- sh -c 'echo "$ROLE"'
    expect_output "worker"
    sed -i 's/, index: 2//' headgate.yaml
    run --separate-stderr headgate-exec -t service -- true
    refused "2 running containers belong to"
}

@test "headgate.yaml: what does not go together is told with its place" {
    local line
    while IFS='|' read -r line want; do
        printf 'version: 1\ntargets:\n  x: { run: { %s } }\n' "$line" > headgate.yaml
        run --separate-stderr headgate-exec -t x -- true
        expect_status 125
        expect_stderr "headgate.yaml:3:"
        expect_stderr "$want"
    done << 'ROWS'
container: a, service: b|expected one of `container`, `service` or `labels`
project: a|expected one of
container: a, index: 1|`index` goes with `service`
service: a, index: 0|expected a number from 1
service: a/b|has no / or #
labels: [ "=x" ]|a label is KEY or KEY=VALUE
servce: a|did you mean `service`
ROWS
}
