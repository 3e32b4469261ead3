#!/usr/bin/env bats
# Long for its size: two dozen rounds, each with two applies.
# Something bad between any two statements of an apply (tests/e2e/faults.py). HGT_SEED repeats a run,
# HGT_ROUNDS=all tries every statement in every way (1,300 rounds each), HGT_PART=582:600 some of those.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_cluster
    hga_project 1
    for i in 1 2 3; do
        hga_revision $i "op.execute(\"insert into seen values ('r$i')\")
op.create_table('t$i', sa.Column('id', sa.Integer))"
    done
}
teardown() { hgt_cluster_stop; }

faults() {
    local seed=${HGT_SEED:-$RANDOM}
    echo "# HGT_SEED=$seed" >&3
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/faults.py" "${HGT_ROUNDS:-$1}" "$seed" | sed -u 's/^/# /' >&3
    [ "${PIPESTATUS[0]}" -eq 0 ]
}

@test "one transaction: whatever is gone between two statements, the next status is true and the next apply converges" {
    faults 12
}

@test "a transaction per revision: the same" {
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    faults 8
}

@test "a bundle, a transaction per revision: the same" {
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration=True'
    headgate bundle --no-verify > bundle.log
    export HGT_BUNDLE=headgate.bundle
    faults 8
}
