#!/usr/bin/env bats
# containers/, built and run by a real engine: the image of headgate, the sample with headgate in front, and
# replicas that all start at once while some are killed. HGT_REPLICAS (3), HGT_KILLED (1) and HGT_SEED say how
# many and which; HGT_IMAGE_FROM_SOURCE=1 has headgate compiled inside, as users build it.
#
# Every container of the sample runs without root, capabilities, a writable file or a home.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    hgt_app_image
    docker build -q -t hgt-postgres - > /dev/null <<< $'FROM headgate-base\nCMD ["headgate-test-postgres"]'
    export BATS_SUITE_TEST_NUMBER=file # for hgt_network: one for all tests
    hgt_network
    hgt_container headgate-base --network "$HGT_NETWORK" --network-alias db -e POSTGRES_USER=notebook \
        -e POSTGRES_PASSWORD=hgt-secret -e POSTGRES_DB=notebook -- headgate-test-postgres
    export DB=$HGT_CONTAINER
    HGT_PGURL=postgresql://notebook:hgt-secret@$(address "$DB"):5432/notebook
    export HGT_PGURL DB_URL=postgresql+psycopg://notebook:hgt-secret@db:5432/notebook
    export HGT_REPLICAS=${HGT_REPLICAS:-3} HGT_KILLED=${HGT_KILLED:-1} HGT_SEED=${HGT_SEED:-$RANDOM}
    wait_until 60 psql -XqAt "$HGT_PGURL" -c 'select 1'
}
setup() {
    load ../lib/common
    load ../lib/docker
    cd "$BATS_TEST_TMPDIR" || return 1
}
teardown() {
    hgt_containers_remove
    local project=label=com.docker.compose.project=${COMPOSE_PROJECT_NAME:-none}
    docker ps -aq --filter "$project" | xargs -r docker rm -f -v > /dev/null
    docker network ls -q --filter "$project" | xargs -r docker network rm > /dev/null
    docker volume ls -q --filter "$project" | xargs -r docker volume rm > /dev/null
}
teardown_file() {
    docker rm -f "$DB" > /dev/null
    docker network rm "$HGT_NETWORK" > /dev/null
}

address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }

# wait_until SECONDS COMMAND…
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not within its time: $*"
        sleep 0.2
    done
}

# Options of docker run and create for the sample as it is deployed.
deployed() {
    UNPRIVILEGED=(--network "$HGT_NETWORK" --read-only --user 65534:65534 --cap-drop ALL
        --security-opt no-new-privileges -e HEADGATE_TARGET=deployed -e "DATABASE_URL=$DB_URL" -e HOME=)
}
# app [DOCKER ARGS…] -- [COMMAND…]: the sample's container in the foreground.
app() {
    local args=()
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    deployed
    docker run --rm "${UNPRIVILEGED[@]}" "${args[@]}" "$HGT_APP_IMAGE" "$@"
}

serves() { [ "$(curl -sf -m 2 "http://$(address "$1"):8000/notebooks")" = '[]' ]; }
fresh() { hgt_psql 'set client_min_messages = warning; drop schema public cascade; create schema public; drop schema if exists headgate cascade'; }
# Advisory locks and sessions of headgate and its migrators; the server may need a moment to notice a death.
nothing_left() {
    [ "$(hgt_psql "select (select count(*) from pg_locks where locktype = 'advisory') +
        (select count(*) from pg_stat_activity where application_name like 'headgate%')")" = 0 ]
}
# What the ledger counts as done, in the order it was done in.
done_revisions() {
    hgt_psql "select coalesce(string_agg(left(revision, 4), ' ' order by seq), '')
        from headgate.step where outcome = 'done' and direction = 'up'"
}
open_runs() { hgt_psql "select count(*) from headgate.run where finished_at is null"; }
# A revision after the sample's, which a container may mount, and what it does.
revision() { # FILE REVISION DOWN_REVISION PYTHON
    printf 'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "%s"\ndown_revision = "%s"\n
def upgrade():\n    %s\n\n\ndef downgrade():\n    pass\n' "$2" "$3" "$4" > "$1"
    chmod 644 "$1"
}
VERSIONS=/app/backend/db/migrations/versions

@test "the image has what docs/images.md lists, loads what it says, and is as large" {
    page=$(cat "$HGT_ROOT/docs/images.md")
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    without=${page#*Not in it are} without=${without%%man pages*}
    docker run --rm --network none --entrypoint sh "$HGT_IMAGE" -c \
        'cd /opt/headgate && find . -type f && du -sb . && id -u' > got
    for program in "$HGT_BUILD"/headgate "$HGT_BUILD"/headgate-*; do
        name=${program##*/}
        [ -x "$program" ] && [ -f "$program" ] || continue
        if [[ $without == *"\`${name%.*}"[.\`]* ]]; then
            ! grep -q "/$name\$" got || fail "$name is in it"
        else
            grep -qE "^\./(bin|libexec/headgate)/$name\$" got || fail "$name is not in it"
        fi
        libraries=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(lib[a-z]*\).*/\1/p' | sort | xargs)
        [[ $codename != bookworm || $(objdump -T "$program" 2>&1) != *GLIBC_2.3[5-9]* ]] || fail "$name: glibc"
        case $name:$libraries in
            *:libc | headgate-pid1: | headgate-relay.*:) ;;
            headgate-source-railway:"libc libcrypto libssl libz" | headgate-notify:"libc libcrypto libssl libz") ;;
            headgate-source-tls:"libc libcrypto libssl") ;;
            *) fail "$name loads $libraries" ;;
        esac
    done
    ! grep -vE '^(\./(bin/headgate|libexec/headgate/headgate-[a-z0-9-]+)|[0-9].*)$' got || fail "more than programs"
    [ "$(tail -n 1 got)" = 65532 ] || fail "not the user"
    size=$(awk '$2 == "." {print $1}' got)
    said=$(sed -n 's/.*together \([0-9]*\) MB.*/\1/p' <<< "$page")
    [ "$size" -ge $((said * 850000)) ] && [ "$size" -le $((said * 1150000)) ] || fail "it has $size bytes"
}

# One job of migrate-job-bundle.yaml, in an image that has nothing else. A ConfigMap is mounted as links to links.
bundle_job() { # IMAGE
    local job
    read -ra job <<< "$(sed -n 's/^ *command: \[\(.*\)\]$/\1/p' \
        "$HGT_ROOT/containers/kubernetes/migrate-job-bundle.yaml" | tr -d '",')"
    [ "${job[0]}" = headgate ] || fail "no command"
    if [ ! -d config ]; then
        mkdir -p config/..1
        headgate bundle -q -C "$HGT_ROOT/containers/notebook-api" --no-verify -o "$PWD/config/..1/headgate.bundle"
        cp "$HGT_ROOT/containers/notebook-api/headgate.yaml" config/..1
        chmod 644 config/..1/*
        ln -s ..1 config/..data
        ln -s ..data/headgate.bundle ..data/headgate.yaml config
    fi
    run docker run --rm "${UNPRIVILEGED[@]}" -v "$PWD/config:/migrations:ro" -w /migrations \
        -e "DATABASE_URL=$HGT_PGURL" "$1" "${job[@]:1}"
    expect_status 0
}

@test "libc is all it needs in another image, and a bundle to migrate: no Python, no shell" {
    printf '%s\n' "FROM $HGT_IMAGE AS headgate" 'FROM headgate-base AS libc' \
        "RUN mkdir /tree && cp -L --parents \$(ldd /bin/true | grep -o '/[^ ]*') /tree" 'FROM scratch' \
        'COPY --from=headgate /opt/headgate/ /usr/local/' 'COPY --from=libc /tree/ /' \
        'ENTRYPOINT ["/usr/local/bin/headgate"]' > Dockerfile
    image=$(docker build -q --network host . 2> log) || fail "$(cat log)"
    run -0 docker run --rm --network none "$image" --version
    fresh
    deployed
    run docker run --rm "${UNPRIVILEGED[@]}" -e "DATABASE_URL=$HGT_PGURL" "$image" status --format json
    expect_status 0
    expect_output '"state": "empty"'
    expect_output '"server_version":'
    bundle_job "$image"
    expect_output "deployed: 3 revisions applied"
    expect_output "next: headgate status -t deployed --bundle headgate.bundle"
    [ "$(done_revisions)" = "0001 0002 0003" ] || fail "$(done_revisions)"
    bundle_job "$image"
    expect_output "deployed: nothing to do"
    # The application's image, which has Alembic, finds what the bundle made as it wants it.
    run app -e HEADGATE_POLICY=verify -- echo serving
    expect_status 0
    docker rmi "$image" > /dev/null
}

@test "the application becomes process 1, or headgate stays as a small init; exit codes are its own" {
    fresh
    run app -- sh -c 'tr "\0" " " < /proc/1/cmdline; exit 7'
    expect_status 7
    expect_output "sh -c tr"
    run app -e HEADGATE_INIT=1 -- sh -c 'tr "\0" " " < /proc/1/cmdline; exit 8'
    expect_status 8
    expect_output "headgate-pid1"
    run -127 app -e HEADGATE_POLICY=verify -- no-such-program
    fresh
    run app -e HEADGATE_POLICY=verify -- true
    expect_status 1
    expect_output "3 revisions pending"
    run app --entrypoint headgate -e DATABASE_URL=postgresql://nobody@127.0.0.1:1/x -- \
        entrypoint --timeout 1 -- true
    expect_status 124
}

@test "Railway's pre-deploy and start commands, through the image's ENTRYPOINT or without it" {
    fresh
    railway=(-e HEADGATE_TARGET= -e RAILWAY_ENVIRONMENT_NAME=production -e RAILWAY_SERVICE_NAME=api
        -e RAILWAY_DEPLOYMENT_ID=d1)
    run app "${railway[@]}" -- headgate apply --yes
    expect_status 0
    expect_output "production: 3 revisions applied"
    expect_output "production: nothing to do"
    run app "${railway[@]}" --entrypoint headgate -- apply --yes
    expect_status 0
    run app "${railway[@]}" --entrypoint headgate -- entrypoint --policy verify -- echo serving
    expect_status 0
    expect_output serving
}

@test "replicas at once, on an empty database that comes after them" { replicas empty; }

@test "replicas at once, on a database that is behind, up to date, ahead" {
    replicas behind
    replicas up-to-date
    replicas ahead
}

# The states follow one another: what replicas left is what the next ones find.
state() {
    case $1 in
        behind)
            fresh
            app -e HEADGATE_POLICY=none -- headgate apply --yes 0001 > log 2>&1
            ;;
        ahead)
            revision later.py 0004aaaaaaaa 0003c9e2074a 'op.create_table("later", sa.Column("id", sa.Integer))'
            app -v "$PWD/later.py:$VERSIONS/0004_later.py:ro" -- true > log 2>&1
            ;;
    esac
}

compose_environment() {
    export COMPOSE_PROJECT_NAME=hgt$BATS_SUITE_TEST_NUMBER-$$
    export API_IMAGE=$HGT_APP_IMAGE HEADGATE_IMAGE=$HGT_IMAGE POSTGRES_IMAGE=hgt-postgres DB_PASS=hgt-secret
}

of_service() {
    docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter "label=com.docker.compose.service=$1"
}

start_replicas() { # STATE
    state "$1" || fail "$(cat log)"
    deployed
    names=()
    for ((i = 0; i < HGT_REPLICAS; i++)); do
        names+=("hgt-$$-$1-$i")
        docker create --name "hgt-$$-$1-$i" --label "hgt.test=$BATS_SUITE_TEST_NUMBER-$$" "${UNPRIVILEGED[@]}" \
            "$HGT_APP_IMAGE" > /dev/null
    done
    printf '%s\n' "${names[@]}" | xargs -P "$HGT_REPLICAS" -n 1 docker start > /dev/null
}

replicas() { # STATE
    echo "seed $HGT_SEED" >&2
    RANDOM=$HGT_SEED
    case $1 in
        # With a database that comes later than they do.
        empty)
            compose_environment
            docker-compose -f "$HGT_ROOT/containers/notebook-api/compose.replicas.yaml" \
                up -d --scale "api=$HGT_REPLICAS" > log 2>&1 || fail "$(cat log)"
            HGT_PGURL=postgresql://notebook:hgt-secret@$(address "$(of_service db)"):5432/notebook
            mapfile -t names < <(of_service api)
            ;;
        *) start_replicas "$1" ;;
    esac
    [ "${#names[@]}" = "$HGT_REPLICAS" ] || fail "${#names[@]} replicas"
    for ((i = 0; i < HGT_KILLED; i++)); do
        sleep "0.$((RANDOM % 10))"
        victim=$((RANDOM % ${#names[@]}))
        docker kill "${names[victim]}" > /dev/null || fail "${names[victim]} was gone already"
        unset "names[victim]"
        names=("${names[@]}")
    done
    for name in "${names[@]}"; do
        wait_until 90 serves "$name" || fail "$(docker logs "$name" 2>&1)"
    done
    wait_until 10 nothing_left
    # One that was killed when all was in, and not recorded yet: the others found nothing to do, and the next apply
    # records it.
    [ "$(open_runs)" = 0 ] || docker exec "${names[0]}" headgate apply --yes > log 2>&1 || fail "$(cat log)"
    case $1 in
        ahead)
            [ "$(done_revisions)" = "0001 0002 0003 0004" ] || fail "$(done_revisions)"
            run docker logs "${names[0]}"
            expect_output 0004aaaaaaaa
            ;;
        *) [ "$(done_revisions)" = "0001 0002 0003" ] || fail "$(done_revisions)" ;;
    esac
    # Runs that were begun twice without anybody's death would be two migrators.
    [ "$(open_runs)" = 0 ] || fail "an open run"
}

@test "docker stop as it is during a migration: backend canceled, lock gone, well before its 10 s" {
    fresh
    app -- true > log 2>&1 || fail "$(cat log)"
    revision slow.py 0004bbbbbbbb 0003c9e2074a 'op.execute("select pg_sleep(600)")'
    deployed
    hgt_container "$HGT_APP_IMAGE" "${UNPRIVILEGED[@]}" -v "$PWD/slow.py:$VERSIONS/0004_slow.py:ro" --init=false -- true
    sleeping="select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
    asleep() { [ "$(hgt_psql "$sleeping and state = 'active'")" = 1 ]; }
    wait_until 30 asleep
    docker stop "$HGT_CONTAINER" > /dev/null
    [ "$(hgt_psql "$sleeping")" = 0 ] || fail "the backend goes on"
    nothing_left || fail "a lock or a session is left"
    run docker logs "$HGT_CONTAINER"
    expect_output 0003c9e2074a
    # After the grace period it would be 137.
    [ "$(docker inspect -f '{{.State.ExitCode}}' "$HGT_CONTAINER")" = 4 ] || fail "not exit 4"
    [ "$(hgt_psql 'select version_num from alembic_version')" = 0003c9e2074a ]
}

@test "HEALTHCHECK: healthy once the application was started on a database that it fits" {
    fresh
    deployed
    hgt_container "$HGT_APP_IMAGE" "${UNPRIVILEGED[@]}" --init=false --health-interval 1s -- sleep 600
    healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$HGT_CONTAINER")" = healthy ]; }
    wait_until 30 healthy
    # Somebody takes the database away from under it.
    hgt_psql "update alembic_version set version_num = 'ffffffffffff'"
    run docker exec "$HGT_CONTAINER" headgate entrypoint --healthcheck
    expect_status 1
    expect_output ffffffffffff
}

@test "the guide: Compose with a service that migrates once, with Python and without, and three replicas behind it" {
    cp -R "$HGT_ROOT/containers/notebook-api/." .
    compose_environment
    unset DB_PASS
    run timeout 150 "$HGT_ROOT/tests/lib/guide" "$HGT_ROOT/docs/guides/deploy-compose.md"
    expect_status 0
}
