#!/usr/bin/env bats
# Long for its size: rounds of two applies at once.
# kill -9 of headgate and of the migrator at random moments (tests/lib/kill.bash).

setup_file() { load ../lib/common; load ../lib/kill; kill_setup_file 7; }
setup()      { load ../lib/common; load ../lib/apply; load ../lib/kill; kill_setup; }
teardown()   { hgt_cluster_stop; }

@test "kill -9 of headgate at random moments" {
    rounds headgate
}

@test "kill -9 of the migrator at random moments, transaction per migration" {
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    rounds migrator
}
