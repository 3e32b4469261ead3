#!/usr/bin/env bats
# Long for its size: the faults stand in matrix.py.
# Faults around an apply (tests/e2e/matrix.py), on a server whose disk is small. HGT_SEED repeats a run,
# HGT_ROUNDS sets the rounds of each fault, HGT_FAULTS names others of them (matrix.py lists all).

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_TEST_TMPDIR/make"
    DISK=$(mktemp -d /tmp/hgt-XXXXXX)
    mount -t tmpfs -o size=200m tmpfs "$DISK"
    chmod 755 "$DISK"
    HGT_CLUSTER_DIR=$DISK/server
    "$HGT_ROOT/tests/server" start "$HGT_CLUSTER_DIR"
    export HGT_CLUSTER_DIR
    local port
    port=$(cat "$HGT_CLUSTER_DIR/port")
    export HGT_PGURL=postgresql://hgt:hgt-secret@127.0.0.1:$port/postgres
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:$port/postgres
    # The test server forgives lost commits; here what was committed must be there after a crash.
    hgt_psql "alter system set synchronous_commit = on"
    hgt_psql "alter system set max_wal_size = '32MB'"
    hgt_psql "select pg_reload_conf()" > /dev/null
    hga_project 1
    hga_env 'os.environ["DATABASE_URL"]' 'transaction_per_migration="HGT_EACH" in os.environ'
    for i in 1 2 3; do
        hga_revision $i "op.execute(\"insert into seen values ('r$i')\")
op.create_table('t$i', sa.Column('id', sa.Integer))
op.execute(\"select work('r$i')\")
op.execute(\"select * from load('r$i')\")"
    done
    headgate bundle --no-verify -o bundle-one > bundle.log
    HGT_EACH=1 headgate bundle --no-verify -e HGT_EACH=1 -o bundle-each > bundle.log
}
teardown() {
    "$HGT_ROOT/tests/server" stop "$HGT_CLUSTER_DIR"
    umount -l "$DISK" # its processes may take a moment to go
    rmdir "$DISK"
}

@test "disk full, time-out, SIGSTOP, pgbouncer killed, DNS gone, clock jump, restart, deadlock: true last lines, and the next apply converges" {
    local seed=${HGT_SEED:-$RANDOM}
    echo "# HGT_SEED=$seed" >&3
    # shellcheck disable=SC2086
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/e2e/matrix.py" "${HGT_ROUNDS:-1}" "$seed" ${HGT_FAULTS:-disk timeout stopped pooler dns clock bundle-restart bundle-deadlock} | sed -u 's/^/# /' >&3
    [ "${PIPESTATUS[0]}" -eq 0 ]
}
