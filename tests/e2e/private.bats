#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# Nobody reads the memory of a program that holds secrets. Not among tests/cli, because under sanitizers the
# leak checker must be able to trace its own process.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; FOLDER=$(mktemp -d /tmp/hgt-XXXXXX); cd "$FOLDER" || return 1; }
teardown() { rm -rf "$FOLDER"; }

@test "no core file, no reading of a program's memory by others of the same user; its command is free" {
    # As somebody else than root, who may read everything; who need not be let into this repository's folder.
    chmod 755 .
    cp "$HGT_BUILD/headgate-env" .
    as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --clear-groups -- "$@"; else "$@"; fi; }
    mkfifo out
    chmod 666 out
    as env -i "PATH=$PATH" API_TOKEN=abcdefgh ./headgate-env -C / --from process \
        --mask always -- \
        sh -c 'echo $$; exec sleep 60' > out 3>&- &
    local job=$! child
    read -r child < out
    local ours
    ours=$(awk '/^PPid/ { print $2 }' "/proc/$child/status")
    [[ $(tr '\0' ' ' < "/proc/$ours/cmdline") == *headgate-env* ]]
    run as cat "/proc/$ours/environ"
    [ "$status" -ne 0 ]
    run as cat "/proc/$child/environ"
    [ "$status" -eq 0 ]
    kill "$ours"
    wait "$job" || true
}
