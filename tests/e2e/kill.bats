#!/usr/bin/env bats
# kill -9 of headgate and of the migrator at random moments: never two migrators, the next
# status is true, the next apply converges, no lock stays behind.
# HGT_SEED repeats a run; HGT_ROUNDS sets the rounds of each test.

setup_file() {
    load ../lib/common
    hgt_setup_file
    export HGT_SEED=${HGT_SEED:-$RANDOM} HGT_ROUNDS=${HGT_ROUNDS:-7}
    echo "# HGT_SEED=$HGT_SEED" >&3
}
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/kill
    setup_kill
}
teardown() { hgt_cluster_stop; }

@test "kill -9 of headgate at random moments" {
    for ((n = 0; n < HGT_ROUNDS; n++)); do round headgate; done
    enough_hits "$HGT_ROUNDS"
}

@test "kill -9 of the migrator at random moments, transaction per migration" {
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    for ((n = 0; n < HGT_ROUNDS; n++)); do round migrator; done
    enough_hits "$HGT_ROUNDS"
}
