#!/usr/bin/env bats
# kill -9 of the server at random moments: never two migrators, the next
# status is true, the next apply converges, no lock stays behind.
# HGT_SEED repeats a run; HGT_ROUNDS sets the rounds of each test.

setup_file() {
    load ../lib/common
    hgt_setup_file
    export HGT_SEED=${HGT_SEED:-$RANDOM} HGT_ROUNDS=${HGT_ROUNDS:-6}
    echo "# HGT_SEED=$HGT_SEED" >&3
}
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/kill
    setup_kill
}
teardown() { hgt_cluster_stop; }

@test "kill -9 of the server at random moments" {
    for ((n = 0; n < HGT_ROUNDS; n++)); do round server; done
    enough_hits "$HGT_ROUNDS"
}
