#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Random histories: headgate's answers beside those of the real Alembic.

setup_file() { load ../lib/common; hgt_setup_file; }
setup()      { load ../lib/common; }

@test "600 random histories get the same answers from headgate and from Alembic" {
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_TEST_TMPDIR/make"
    VIRTUAL_ENV=$HGT_VENV run "$HGT_VENV/bin/python" \
        "$HGT_ROOT/tests/e2e/alembic_differential.py" "$HGT_BUILD/helpers/graph_dump" \
        "${HGT_SEED:-}" 600
    expect_status 0
    echo "$output" >&3
    [[ $output == *"600 histories"*"0 differences"* ]]
}

@test "200 random histories get the same answers from headgate and from Alembic 1.8.1" {
    old=$(hgt_old_venv 1.8.1)
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_TEST_TMPDIR/make"
    VIRTUAL_ENV=$old run "$old/bin/python" "$HGT_ROOT/tests/e2e/alembic_differential.py" \
        "$HGT_BUILD/helpers/graph_dump" "${HGT_SEED:-22}" 200
    expect_status 0
    echo "$output" >&3
    [[ $output == *"200 histories"*"0 differences"* ]]
}
