# Loaded by bats files that need containers, after common.bash:
#   setup_file() { load ../lib/common; hgt_setup_file; load ../lib/docker; hgt_docker; }
#   setup()      { load ../lib/common; load ../lib/docker; }
#   teardown()   { hgt_containers_remove; }
# shellcheck shell=bash

# The engine of scripts/test-docker with the image headgate-base; exports DOCKER_HOST.
hgt_docker() {
    # HOME is the test's own by now; the cache is where the virtualenv was found.
    local cache
    cache=$(dirname "$(dirname "$HGT_VENV")")
    DOCKER_HOST=$(XDG_CACHE_HOME=$cache "$HGT_ROOT/scripts/test-docker" start) || return 1
    export DOCKER_HOST DOCKER_BUILDKIT=0
    XDG_CACHE_HOME=$cache "$HGT_ROOT/scripts/test-base-image" > /dev/null
}

# hgt_container IMAGE [DOCKER RUN ARGS…] [-- COMMAND…]: a container for this test, which does nothing
# unless told; exports HGT_CONTAINER, its name. Removed by hgt_containers_remove.
hgt_container() {
    local image=$1 args=() command=(sleep 3600)
    shift
    while (($#)); do
        if [ "$1" = -- ]; then
            shift
            command=("$@")
            break
        fi
        args+=("$1")
        shift
    done
    HGT_CONTAINER=hgt-$$-$RANDOM$RANDOM
    export HGT_CONTAINER
    # init: it ends at once when it is removed, and reaps what exec leaves behind.
    docker run -d --init --name "$HGT_CONTAINER" --label hgt.test="$BATS_SUITE_TEST_NUMBER-$$" \
        "${args[@]}" "$image" "${command[@]}" > /dev/null
}

# hgt_project_container FOLDER:/app[:ro]: such a container, of this host's network and virtualenv, in /app; it has
# DATABASE_URL from here on, and ./headgate.yaml names it, as target docker.
hgt_project_container() {
    # The virtualenv's interpreter may lie outside /usr; python3 of the image has no alembic.
    local prefix mounts=()
    prefix=$(dirname "$(dirname "$(realpath "$HGT_VENV/bin/python3")")")
    [ "$prefix" = /usr ] || mounts=(-v "$prefix:$prefix:ro")
    hgt_container headgate-base --network host -v "$1" -w /app -v "$HGT_VENV:$HGT_VENV:ro" "${mounts[@]}" \
        -e "PATH=/usr/bin:/bin:$HGT_VENV/bin" -e "DATABASE_URL=$DATABASE_URL"
    cat > headgate.yaml << EOF
version: 1
targets:
  docker:
    environment: [ { container: $HGT_CONTAINER } ]
    run: { container: $HGT_CONTAINER }
EOF
    unset DATABASE_URL
}

# hgt_network: a network for this test; exports HGT_NETWORK.
hgt_network() {
    HGT_NETWORK=hgt-net-$$-$RANDOM
    export HGT_NETWORK
    docker network create --label hgt.test="$BATS_SUITE_TEST_NUMBER-$$" "$HGT_NETWORK" > /dev/null
}

# Everything that hgt_container and hgt_network made in this test.
hgt_containers_remove() {
    local label=hgt.test=$BATS_SUITE_TEST_NUMBER-$$
    docker ps -aq --filter "label=$label" | xargs -r docker rm -f > /dev/null 2>&1
    docker network ls -q --filter "label=$label" | xargs -r docker network rm > /dev/null 2>&1
    return 0
}

# The image of containers/headgate.Dockerfile from the programs of this build: exports HGT_IMAGE. With
# HGT_IMAGE_FROM_SOURCE=1 they are compiled inside, as users build it: minutes.
hgt_headgate_image() {
    local context=$HGT_ROOT tree=
    HGT_IMAGE=hgt-headgate-$(hgt_image_key)
    export HGT_IMAGE
    if [ -z "${HGT_IMAGE_FROM_SOURCE:-}" ]; then
        context=$(mktemp -d /tmp/hgt-XXXXXX)
        tree=tree
        "$HGT_ROOT/scripts/install-tree" "$HGT_BUILD" "$context/tree" /opt/headgate > /dev/null
        strip "$context"/tree/opt/headgate/{bin,libexec/headgate}/*
    fi
    docker build -q --network host -f "$HGT_ROOT/containers/headgate.Dockerfile" -t "$HGT_IMAGE" \
        --build-arg BASE_IMAGE=headgate-base --build-arg TREE=$tree "$context" > /dev/null || return 1
    [ -z "$tree" ] || rm -rf "$context"
}

# The sample's image, by one test file at a time: its requirements come over the network.
hgt_sample_image() {
    flock -w 300 "$(dirname "$(dirname "$HGT_VENV")")/lock-sample-image" \
        docker build -q --network host --build-arg BASE_IMAGE=headgate-base -t headgate-sample \
        "$HGT_ROOT/containers/notebook-api" > /dev/null
}

# The sample as it is deployed, with headgate in front: exports HGT_APP_IMAGE. Its first layers are those of
# the sample's own image.
hgt_app_image() {
    hgt_headgate_image && hgt_sample_image || return 1
    HGT_APP_IMAGE=hgt-notebook-$(hgt_image_key)
    export HGT_APP_IMAGE
    docker build -q --network host -f "$HGT_ROOT/containers/notebook-api/production.Dockerfile" \
        --build-arg BASE_IMAGE=headgate-base --build-arg HEADGATE_IMAGE="$HGT_IMAGE" -t "$HGT_APP_IMAGE" \
        "$HGT_ROOT/containers/notebook-api" > /dev/null
}

# Two working trees on one engine have images of their own.
hgt_image_key() { sha256sum <<< "$HGT_ROOT" | cut -c 1-8; }
