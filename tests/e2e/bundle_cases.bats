#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Long for its size: the cases stand in bundle_cases.py. T1 to T22, by the real Alembic and from a bundle.

setup_file() { load ../lib/common; hgt_setup_file; }
setup()      { load ../lib/common; }

@test "each case T1 to T22 ends from a bundle as with Alembic, or is refused before its first statement" {
    hgt_db
    run "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/bundle_cases.py" "$HGT_BUILD" "$HGT_PGURL"
    expect_status 0
    echo "# $(grep -c "^ok" <<< "$output") cases" >&3
}
