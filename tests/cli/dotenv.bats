# SPDX-License-Identifier: Apache-2.0
# Our reader of dotenv files beside the tool whose dialect it reads.

setup_file() {
    load ../lib/common
    bats_require_minimum_version 1.5.0
    HGT_VENV=$("$HGT_ROOT/scripts/test-venv")
    export HGT_VENV
}

@test "python: 5,000 random files read as python-dotenv reads them" {
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/compare-dotenv" \
        "$HGT_BUILD/helpers/dotenv-parse" 5000
}

setup() { load ../lib/common; }
teardown_file() { :; }
