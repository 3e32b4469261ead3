#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Generated histories, by the real Alembic and from a bundle: see bundle_differential.py. By hand:
#   HGT_CASES=300 HGT_SEED=1 bats tests/e2e/bundle_differential.bats

setup_file() { load ../lib/common; hgt_setup_file; }
setup()      { load ../lib/common; }

differential() { # SEED CASES
    hgt_db
    VIRTUAL_ENV=$HGT_VENV run "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/bundle_differential.py" \
        "$HGT_BUILD" "$HGT_PGURL" "$1" "$2"
    expect_status 0
    echo "$output" >&3
    [[ $output == *" 0 differences"* ]]
}

@test "a bundle does to a database what Alembic does, or refuses before its first statement" {
    differential "${HGT_SEED:-20261123}" "${HGT_CASES:-4}"
}

@test "where Alembic would stop for want of a version row, with an autocommit block already in, nothing is begun" {
    differential 20261124 95:96
    [[ $output == *"1 refused"* ]]
}
