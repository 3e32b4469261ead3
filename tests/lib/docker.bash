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
