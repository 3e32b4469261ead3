#!/usr/bin/env bats
# apply with the migrator in a container: the right place, the right files, streams kept apart.

setup_file() { load ../lib/common; hgt_setup_file; load ../lib/docker; hgt_docker; }
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/docker
    hgt_db
    hga_project 2
}
teardown() { hgt_containers_remove; }

start_container() {
    # The container's own copy: what is in the image is not what is in the working tree.
    rm -rf "$BATS_TEST_TMPDIR/image" && cp -R "$BATS_TEST_TMPDIR/proj" "$BATS_TEST_TMPDIR/image"
    hgt_project_container "$BATS_TEST_TMPDIR/image:/app"
    hga_commit
}

@test "apply and new run the migrator in the container" {
    hga_revision 2 'import os
print("in", os.getcwd(), "home", os.environ.get("HOME"))
op.create_table("t2", sa.Column("id", sa.Integer))'
    start_container
    run --separate-stderr headgate apply -t docker --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result '.applied | join(",")')" = r1,r2 ]
    jq -rs 'map(select(.event == "output").text) | join("")' <<< "$output" | grep -q "in /app home"
    [ "$(jq -rs 'map(select(.event == "step" and .phase == "committed").revision) | join(",")' <<< "$output")" = r1,r2 ]
    hga_no_sessions
    hga_new_comes_home docker "$BATS_TEST_TMPDIR/image"
}

@test "a lock is tried for again, and a throttle holds back, with the migrator in the container" {
    hga_revision 2 'op.execute("alter table hot add b int")'
    hga_revision 3
    hga_revision 1 'op.execute("create table hot (a int)")'
    start_container
    sed -i 's/^    run: .*/&\n    lock_timeout: 200ms\n    throttle: { file: hold, limit: 60s }/' headgate.yaml
    touch hold
    local n holder="pid from pg_stat_activity where query like '%pg_sleep(600)%' and datname = current_database() and pid <> pg_backend_pid()"
    noted() { # NOTE COUNT
        local i
        for ((i = 0; i < 600; i++)); do
            [ "$(grep -c "\"note\":\"$1\"" events)" -lt "$2" ] || return 0
            kill -0 "$run" 2> /dev/null || break
            sleep 0.1
        done
        fail "no $1: $(cat events err)"
    }
    : > events
    headgate apply -t docker --revision-by-revision --format json > events 2> err 3>&- &
    local run=$!
    noted throttle 1
    [ "$(hga_rows)" = r1 ]
    psql -XqAt "$HGT_PGURL" > /dev/null 3>&- << 'SQL' &
begin; lock table hot; select pg_sleep(600);
SQL
    for ((n = 0; n < 300; n++)); do
        [ "$(hgt_psql "select count(*) $(cut -d' ' -f2- <<< "$holder")")" = 0 ] || break
        sleep 0.1
    done
    rm hold
    noted retry 2
    [ "$(jq -rs 'map(select(.note == "retry"))[0] | .sqlstate + " " + (.applied | join(","))' events)" = "55P03 r1" ]
    touch hold
    hgt_psql "select pg_terminate_backend(pid) from (select $holder) h" > /dev/null
    noted throttle 2
    [ "$(hga_rows)" = r2 ]
    rm hold
    wait "$run" || fail "$(cat events err)"
    [ "$(hga_rows)" = r3 ]
    hga_no_sessions
}

@test "a file that differs in the container is HG506, and nothing runs" {
    start_container
    echo "# another build" >> "$BATS_TEST_TMPDIR/image/mig/versions/r2.py"
    run --separate-stderr headgate gate -t docker --format json
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG506").location.revision] | join(",")')" = r2 ]
    run --separate-stderr headgate apply -t docker --format json
    expect_status 1
    [ "$(hga_result '[.findings[].rule] | index("HG506") != null')" = true ]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "a failing revision in the container is exit 4 with its reason" {
    hga_revision 2 'op.execute("select 1/0")'
    start_container
    run --separate-stderr headgate apply -t docker --format json
    expect_status 4
    [ "$(hgt_psql "select sqlstate from headgate.run")" = 22012 ]
}

@test "a container without a Python is exit 3: 127 is about a command that was typed" {
    hgt_container headgate-base --network host -v "$PWD:/app" -w /app -e "DATABASE_URL=$DATABASE_URL"
    docker exec "$HGT_CONTAINER" sh -c 'rm /usr/bin/python3*'
    cat > headgate.yaml << EOF
version: 1
targets:
  docker: { environment: [ { container: $HGT_CONTAINER } ], run: { container: $HGT_CONTAINER } }
EOF
    unset DATABASE_URL
    hga_commit
    for verb in "apply -t docker" "new -t docker --manual -m x" "snapshot diff docker models"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate $verb
        expect_status 3
        expect_stderr "there is no command python in the container"
    done
    [ "$(hga_rows)" = none ]
}

@test "files out of the ledger reach the migrator in an older container, and none of them stays there" {
    git checkout -q -b old
    git checkout -q main
    hga_revision 3
    headgate apply -q > /dev/null
    git checkout -q old
    rm -rf mig/versions/__pycache__
    start_container
    run --separate-stderr headgate rollback -1 -t docker
    expect_status 1
    expect_stderr "--files-from-ledger"
    run --separate-stderr headgate rollback -1 -t docker --files-from-ledger
    expect_status 0
    expect_stderr "proven by: mig/versions/r3.py in commit"
    [ "$(hga_rows)" = r2 ]
    run --separate-stderr headgate exec --container "$HGT_CONTAINER" -- find /tmp -name 'headgate-*'
    expect_status 0
    [ -z "$output" ]
}

@test "run: { command: [docker, exec, -i, NAME] } does the same without the engine's API" {
    url=$DATABASE_URL
    start_container
    echo "DATABASE_URL=$url" > .env
    cat > headgate.yaml << EOF
version: 1
targets:
  pod:
    environment: [ { dotenv: .env } ]
    run: { command: [docker, exec, -i, -e, DATABASE_URL=, $HGT_CONTAINER] }
EOF
    hga_commit
    run --separate-stderr headgate apply -t pod --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result '.applied | join(",")')" = r1,r2 ]
    hga_no_sessions
}

@test "driver: plain runs bare alembic in the container, with a warning and with what it says" {
    hga_revision 2 'print("bare", __import__("os").getcwd())'
    start_container
    sed -i 's/^    run: .*/&\n    driver: plain/' headgate.yaml
    run --separate-stderr headgate apply -t docker --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    [ "$(hga_result '[.findings[].rule] | index("HG508") != null')" = true ]
    jq -rs 'map(select(.event == "output").text) | join("")' <<< "$output" > said
    grep -q "bare /app" said || fail "its output is lost"
    hga_revision 3 'op.execute("select 1/0")'
    cp mig/versions/r3.py "$BATS_TEST_TMPDIR/image/mig/versions/"
    run --separate-stderr headgate apply -t docker --format json
    expect_status 4
    [ "$(hga_rows)" = r2 ]
}
