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

# $1: what reads the histories for headgate; the rest: folders
compare_folders() {
    VIRTUAL_ENV=$HGT_VENV run "$HGT_VENV/bin/python" \
        "$HGT_ROOT/tests/e2e/alembic_differential.py" "$1" --folders "${@:2}"
}

@test "existing folders are compared, whatever their files import" {
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_TEST_TMPDIR/make"
    mkdir "$BATS_TEST_TMPDIR/all"
    cd "$BATS_TEST_TMPDIR/all"
    PYTHONPATH=$HGT_ROOT/tests/e2e PYTHONDONTWRITEBYTECODE=1 "$HGT_VENV/bin/python" -c '
import random, alembic_differential as d
rnd = random.Random(7)
for number in range(12):
    d.write_case(rnd, ".", number, d.history(rnd))'
    mkdir -p project/m/versions needs-more/m/versions
    printf '[alembic]\nscript_location = m\n' | tee project/alembic.ini > needs-more/alembic.ini
    printf '"""%s"""\nfrom nowhere.models import Thing\nrevision = "%s"\ndown_revision = %s\n' \
        first aaaa1111 None > project/m/versions/b.py
    printf '"""%s"""\nimport nowhere.types as t\nrevision = "%s"\ndown_revision = "%s"\n' \
        second bbbb2222 aaaa1111 > project/m/versions/a.py
    printf '"only"\nrevision = "cccc3333"\ndown_revision = None\nraise_it = {}["missing"]\n' \
        > needs-more/m/versions/c.py

    compare_folders "$HGT_BUILD/helpers/graph_dump" ./*
    expect_status 0
    [[ $output == *"needs-more: KeyError"*", so by ast"* ]]
    [[ $output == *"# 14 histories, 0 of them refused, "*" 0 differences"* ]]

    # It sees a wrong answer: here about the heads, the first question.
    printf '#!/bin/sh\n"%s" | sed "2s/.*/[\\"aaaa1111\\"]/"\n' "$HGT_BUILD/helpers/graph_dump" > ../wrong
    chmod +x ../wrong
    compare_folders ../wrong project
    expect_status 1
    [[ $output == *"project (fault: None): heads"*"alembic:  ['bbbb2222']"*"headgate: ['aaaa1111']"* ]]
}
