#!/usr/bin/env bats
# run: { command: [PREFIX…] }: the migrator runs behind a command, and no secret stands in its argv.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 2
    echo "DATABASE_URL=$DATABASE_URL" > .env
    cp -R "$BATS_TEST_TMPDIR/proj" "$BATS_TEST_TMPDIR/far-away"
    # What kubectl exec is for a pod: another folder, another environment.
    cat > far << EOF
#!/bin/sh
echo "\$*" >> "$BATS_TEST_TMPDIR/args"
env > "$BATS_TEST_TMPDIR/env"
[ "\$1" = -- ] && shift
cd "$BATS_TEST_TMPDIR/far-away" || exit 1
exec env -i "PATH=$HGT_VENV/bin:/usr/bin:/bin" THERE=yes "\$@"
EOF
    chmod +x far
    yaml '[ ./far, -- ]'
    unset DATABASE_URL
}

yaml() { # COMMAND [MORE]
    cat > headgate.yaml << EOF
version: 1
targets:
  pod: { environment: [ { dotenv: .env } ], run: { command: $1 }${2:+, $2} }
EOF
    hga_commit
}

@test "apply runs the driver there; variables cross on stdin, not in argv" {
    hga_revision 2 'import os
print("in", os.path.basename(os.getcwd()), os.environ["THERE"], os.environ.get("HOME"))
op.create_table("t2", sa.Column("id", sa.Integer))'
    cp mig/versions/r2.py ../far-away/mig/versions/
    run --separate-stderr headgate apply -t pod --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ] || fail "rows"
    [ "$(hga_result '.applied | join(",")')" = r1,r2 ] || fail "applied"
    jq -rs 'map(select(.event == "output").text) | join("")' <<< "$output" |
        grep 'in far-away yes None' > /dev/null || fail "not there"
    [ "$(jq -rs 'map(select(.event == "step" and .phase == "committed").revision) | join(",")' <<< "$output")" = r1,r2 ]
    grep -Fx -- '-- python3 -' "$BATS_TEST_TMPDIR/args"
    run grep -F hgt-secret "$BATS_TEST_TMPDIR/args"
    [ "$status" -eq 1 ] || fail "the password was in argv"
    run grep '^DATABASE_URL=' "$BATS_TEST_TMPDIR/env"
    [ "$status" -eq 1 ] || fail "the password was in the command's environment"
    hga_no_sessions
}

@test "rollback goes the same way" {
    headgate apply -t pod > /dev/null
    run --separate-stderr headgate rollback -t pod -1 --format json
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "a failing revision is 4, its error is told" {
    hga_revision 2 'op.execute("select 1/0")'
    cp mig/versions/r2.py ../far-away/mig/versions/
    run --separate-stderr headgate apply -t pod --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"division by zero"* ]] || fail "the error"
    [ "$(hga_rows)" = none ]
}

@test "other files there are HG506, and nothing runs" {
    echo "# another build" >> ../far-away/mig/versions/r2.py
    cp mig/versions/r2.py ../far-away/mig/versions/r3.py
    run --separate-stderr headgate gate -t pod --format json
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG506").message] | sort | join("; ")')" = \
        'mig/versions/r2.py differs from the file in the place behind `far`; the place behind `far` has r3.py, which is not here' ] || fail "the findings"
    run --separate-stderr headgate apply -t pod --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [ "$(hga_rows)" = none ]
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "a command that does not work: 3, nothing was started, and what to try" {
    yaml '[ ./far-off, -- ]'
    run --separate-stderr headgate apply -t pod
    expect_status 3
    expect_stderr 'far-off'
    run --separate-stderr headgate snapshot diff pod models
    expect_status 2
    expect_stderr 'far-off'
    yaml '[ sh, -c, "echo no such pod >&2; exit 1", -- ]'
    run --separate-stderr headgate apply -t pod --format json
    expect_status 3
    [[ $(tail -n 1 <<< "$output") == *"exit code 1: no such pod"* ]] || fail "message"
    [ "$(hga_rows)" = none ]
    cat > far << 'EOF'
#!/bin/sh
program=$(cat)
case $program in *'SPEC["folder"]'*) shift; printf '%s\n' "$program" | "$@"; exit ;; esac
echo "the pod is gone" >&2
exit 1
EOF
    yaml '[ ./far, -- ]'
    run --separate-stderr headgate apply -t pod --format json
    expect_status 3
    [[ $(hga_result .error.message) == *"could not be started behind"*"exit code 1"* ]] || fail "message"
    [ "$(hga_result .outcome)" = failed ]
    [ "$(hga_rows)" = none ]
    run --separate-stderr headgate status -t pod --format json
    [ "$(json .state)" = empty ]
    yaml '[ ]'
    run --separate-stderr headgate apply -t pod
    expect_status 2
    expect_stderr 'expected a program in `command`'
}

@test "python where there is no python3; driver: plain crosses in the same way" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$HGT_VENV/bin/python3" "$BATS_TEST_TMPDIR/bin/python"
    cat > far << EOF
#!/bin/sh
cd "$BATS_TEST_TMPDIR/far-away" || exit 1
[ "\$2" != python3 ] || exit 127
shift 2
exec "$HGT_VENV/bin/python" "\$@"
EOF
    run --separate-stderr headgate apply -t pod r1
    expect_status 0
    [ "$(hga_rows)" = r1 ]
    yaml '[ ./far, -- ]' 'driver: plain'
    run --separate-stderr headgate apply -t pod
    expect_status 0
    [ "$(hga_rows)" = r2 ]
}

@test "SIGTERM ends the migration there and says where the database stands" {
    hga_revision 2 'op.execute("select pg_sleep(60)")'
    cp mig/versions/r2.py ../far-away/mig/versions/
    headgate apply -t pod --format json > out 2> err &
    pid=$!
    for ((i = 0; i < 300; i++)); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()")" = 0 ] || break
        sleep 0.1
    done
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -eq 4 ] || fail "exit $code: $(cat err)"
    [ "$(tail -n 1 out | jq -r .outcome)" = interrupted ]
    hga_no_sessions
}

# ssh puts its words together and has a shell take them apart again.
@test "behind ssh: apply, gate and new; a new revision comes home" {
    cat > over << EOF
#!/bin/sh
cd "$BATS_TEST_TMPDIR/far-away" && exec env -i "PATH=$HGT_VENV/bin:/usr/bin:/bin" THERE=yes sh -c "\$*"
EOF
    chmod +x over
    yaml '[ ./over ]'
    echo "ODD='café \$HOME'" >> .env
    mkdir ../far-away/alembic && echo 'raise RuntimeError("not this one")' > ../far-away/alembic/__init__.py
    hga_revision 2 'import os
print("odd", os.environ["ODD"])
op.create_table("t2", sa.Column("id", sa.Integer))'
    cp mig/versions/r2.py ../far-away/mig/versions/
    run --separate-stderr headgate apply -t pod
    expect_status 0
    expect_stderr "odd café \$HOME"
    [ "$(hga_rows)" = r2 ]
    hga_new_comes_home pod ../far-away
}

@test "exec goes behind the command" {
    run --separate-stderr headgate exec -t pod -- sh -c 'echo "$THERE $(basename "$PWD")"; exit 7'
    [ "$status" -eq 7 ] || fail "exit code"
    [ "$output" = 'yes far-away' ] || fail "not there"
    for option in "--with headgate.yaml" "--fetch a=b" "--max-runtime 5"; do
        # shellcheck disable=SC2086
        run headgate exec -t pod $option -- true
        [ "$status" -eq 2 ] || fail "$option is taken and not used"
    done
    run headgate exec -t pod -u root -- true
    [ "$status" -eq 2 ]
    expect_output 'targets.pod.run.command'
}

@test "doctor looks at env.py behind the command" {
    run --separate-stderr headgate doctor -t pod
    expect_status 0
    grep -E '^ok +envpy.runs .* behind .*/far --$' <<< "$output" || fail "not behind the command"
    grep -E '^ok +alembic.current .*: none$' <<< "$output" || fail "alembic current"
    run grep -F hgt-secret "$BATS_TEST_TMPDIR/args"
    [ "$status" -eq 1 ] || fail "the password was in argv"
    printf '#!/bin/sh\necho "pod not found" >&2; exit 1\n' > far
    run --separate-stderr headgate doctor -t pod
    expect_status 1
    grep -E '^fail +envpy.runs' <<< "$output" || fail "no failure"
    expect_output 'pod not found'
}
