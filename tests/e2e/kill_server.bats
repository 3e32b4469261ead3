#!/usr/bin/env bats
# Long for its size: rounds of two applies at once.
# kill -9 of the server at random moments (tests/lib/kill.bash).

setup_file() { load ../lib/common; load ../lib/kill; kill_setup_file 6; }
setup()      { load ../lib/common; load ../lib/apply; load ../lib/kill; kill_setup; }
teardown()   { hgt_cluster_stop; }

@test "kill -9 of the server at random moments" {
    rounds server
}
