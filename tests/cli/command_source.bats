#!/usr/bin/env bats
# A command as a source: what it prints are secrets, and it is asked again before later connections.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    cd "$BATS_TEST_TMPDIR" || return 1
    unset DATABASE_URL
}

yaml() {
    { echo "version: 1"; cat; } > headgate.yaml
}

@test "JSON and dotenv, an object inside, numbers and null; secrets are masked" {
    cat > vault << 'EOF'
#!/bin/sh
echo '{"data":{"data":{"DATABASE_URL":"postgresql://u:s3cret-pw@127.0.0.1:1/d","WORKERS":12345678,"DEBUG":true,"GONE":null,"SIGNING":"sign-with-me"}}}'
EOF
    chmod +x vault
    yaml << 'EOF'
targets:
  vault: { environment: [ { command: [./vault], format: json, member: data.data } ] }
  lines: { environment: [ { command: [printf, 'DB_HOST=h\nDB_PASS=pass-w0rd\n'], format: dotenv } ] }
EOF
    run --separate-stderr headgate env -t vault --print
    expect_status 0
    [ "$output" = 'DATABASE_URL=postgresql://u:***@127.0.0.1:1/d
DEBUG=***
SIGNING=***
WORKERS=***' ] || fail "not these lines"
    run --separate-stderr headgate env -t vault -- sh -c 'echo "$WORKERS $DEBUG ${GONE-unset} $SIGNING"'
    [ "$output" = '*** true unset ***' ] || fail "the variables"
    run --separate-stderr headgate env -t vault --mask never -- sh -c 'echo "$WORKERS $DEBUG ${GONE-unset} $SIGNING"'
    [ "$output" = '12345678 true unset sign-with-me' ] || fail "the values"
    run --separate-stderr headgate env -t lines --print --reveal
    [ "$output" = 'DB_HOST=h
DB_PASS=pass-w0rd' ] || fail "the dotenv lines"
}

@test "it runs in the folder of headgate.yaml, from argv, with what stands before it" {
    mkdir below
    printf '#!/bin/sh\necho "WHAT=$1"\necho "TOKEN=$VAULT_TOKEN"\n' > give
    chmod +x give
    echo 'VAULT_TOKEN=t0k3n-value' > .env
    yaml << 'EOF'
targets:
  t: { environment: [ { dotenv: .env }, { command: [./give, "a b; echo c"], format: dotenv, dialect: docker } ] }
EOF
    run --separate-stderr headgate env -C below -c ../headgate.yaml -t t --mask never -- sh -c 'echo "$WHAT|$TOKEN"'
    [ "$output" = 'a b; echo c|t0k3n-value' ] || fail "argv or environment"
}

@test "its stderr is passed on, masked; names that execute code are left out and named" {
    yaml << 'EOF'
targets:
  t: { environment: [ { command: [sh, -c, 'echo "using s3cret-pw" >&2; echo API_TOKEN=s3cret-pw; echo PYTHONSTARTUP=/x; echo BASH_ENV=/y'], format: dotenv } ] }
EOF
    run --separate-stderr headgate env -t t -- sh -c 'echo "${PYTHONSTARTUP-none} ${BASH_ENV-none}"'
    [ "$output" = 'none none' ] || fail "they were taken"
    expect_stderr 'sh: using ***'
    expect_stderr 'PYTHONSTARTUP of command sh (headgate.yaml:3) is left out'
    expect_stderr 'BASH_ENV of command'
    run --separate-stderr headgate env -t t --allow-exec-names -- sh -c 'echo "${PYTHONSTARTUP-none}"'
    [ "$output" = /x ] || fail "not taken with --allow-exec-names"
}

@test "every failure has its sentence, and none shows what was printed" {
    yaml << 'EOF'
targets:
  fails: { environment: [ { command: [sh, -c, 'echo A=hush-hush; echo "permission denied to hush-hush" >&2; exit 3'], format: json } ] }
  json: { environment: [ { command: [sh, -c, 'echo "{\"A\":[\"hush-hush\"]}"; echo "permission denied to hush-hush" >&2; exit 3'], format: json } ] }
  killed: { environment: [ { command: [sh, -c, 'echo hush-hush; kill -9 $$$$'], format: json } ] }
  missing: { environment: [ { command: [no-such-program], format: json } ] }
  text: { environment: [ { command: [echo, hush-hush], format: json } ] }
  list: { environment: [ { command: [echo, '["hush-hush"]'], format: json } ] }
  deep: { environment: [ { command: [echo, '{"A":{"B":"hush-hush"}}'], format: json } ] }
  lines: { environment: [ { command: [printf, 'A=1\n\nhush hush-hush\n'], format: dotenv } ] }
  slow: { environment: [ { command: [sleep, "60"], format: json } ] }
EOF
    while IFS='|' read -r target sentence; do
        run --separate-stderr headgate env -t "$target" --timeout 1 --print
        [ "$status" -eq 125 ] || fail "$target: exit code"
        expect_stderr "$sentence"
        [[ "$output$stderr" != *hush* ]] || fail "$target: shows its output"
    done << 'EOF'
fails|command sh (headgate.yaml:3) ended with exit code 3
fails|it said: permission denied to ***
json|it said: permission denied to ***
killed|command sh (headgate.yaml:5) ended with signal 9
missing|command no-such-program (headgate.yaml:6): command not found
text|what command echo (headgate.yaml:7) printed is no JSON (line 1
list|the JSON of command echo (headgate.yaml:8) has no object
deep|`A` in the JSON of command echo (headgate.yaml:9) is no string
lines|line 3 of what command printf (headgate.yaml:10) printed is no dotenv line
slow|sleep did not finish within
EOF
    run --separate-stderr headgate status -t fails --format json
    expect_status 3
    [ "$(json .error.kind)" = network ] || fail "the kind of the error"
    [[ $(json .error.detail) == 'it said: permission denied to ***' ]] || fail "the verb's error"
    echo 'VAULT_TOKEN=t0k3n-value' > .env
    yaml <<< 'targets: { t: { environment: [ { dotenv: .env }, { command: [sh, -c, "echo no $VAULT_TOKEN >&2; exit 1"], format: json } ] } }'
    run headgate status -t t
    expect_output 'it said: no ***'
    run headgate env -t t -- true
    expect_output 'it said: no ***'
}

@test "headgate.yaml says what a command needs" {
    yaml <<< 'targets: { t: { environment: [ { command: [a] } ] } }'
    run headgate env -t t --print
    [ "$status" -eq 125 ]
    expect_output 'format'
    yaml <<< 'targets: { t: { environment: [ { command: [a], format: dotenv, member: x } ] } }'
    run headgate env -t t --print
    expect_output '`member` goes with `format: json`'
    yaml <<< 'targets: { t: { environment: [ { command: [a], format: json, dialect: node } ] } }'
    run headgate env -t t --print
    expect_output '`dialect` goes with `format: dotenv`'
    yaml <<< 'targets: { t: { environment: [ { command: a b, format: json } ] } }'
    run headgate env -t t --print
    expect_output 'expected a list of strings'
    yaml <<< 'targets: { t: { environment: [ { command: [], format: json } ] } }'
    run headgate env -t t --print
    expect_output 'expected a program in `command`'
    rm headgate.yaml
    run headgate env --from command:x --print
    [ "$status" -eq 2 ]
    expect_output 'a command stands in headgate.yaml'
}

# A vault whose every answer ends the one before: prints a URL with a password set this moment.
rotating_vault() {
    hgt_db
    local role=${HGT_DB}_rot
    hgt_admin "create role $role login; grant $role to hgt"
    hgt_psql "grant create on database $HGT_DB to $role; grant all on schema public to $role"
    cat > vault << EOF
#!/bin/sh
echo run >> "$BATS_TEST_TMPDIR/runs"
password=rotated-\$\$-\$(date +%N)
echo "\$password" >> "$BATS_TEST_TMPDIR/passwords"
psql -XqAt "$HGT_PGURL" -c "alter role $role password '\$password'" >&2
echo "{\"DATABASE_URL\":\"postgresql+psycopg://$role:\$password@127.0.0.1:$HGT_PORT/$HGT_DB\"}"
EOF
    chmod +x vault
}

@test "apply reads it again before every later connection, and shows none of the passwords" {
    rotating_vault
    hga_project 2
    unset DATABASE_URL
    cat > headgate.yaml << EOF
version: 1
targets:
  t: { environment: [ { command: [$BATS_TEST_TMPDIR/vault], format: json } ] }
EOF
    hga_commit
    run --separate-stderr headgate apply -t t -v
    expect_status 0
    [ "$(hga_rows)" = r2 ] || fail "not applied"
    runs=$(wc -l < "$BATS_TEST_TMPDIR/runs")
    [ "$runs" -ge 4 ] || fail "asked only $runs times" # status, lock, migrator, verify
    while read -r password; do
        [[ "$output$stderr" != *"$password"* ]] || fail "shows a password"
    done < "$BATS_TEST_TMPDIR/passwords"
    run --separate-stderr headgate status -t t --check
    expect_status 0
}

@test "gate --wait asks again, and a command that fails by then is said" {
    rotating_vault
    hga_project 1
    unset DATABASE_URL
    cat > headgate.yaml << EOF
version: 1
targets:
  t: { environment: [ { command: [$BATS_TEST_TMPDIR/vault], format: json } ] }
EOF
    hga_commit
    run --separate-stderr headgate gate -t t --require t=up-to-date --wait 3
    expect_status 1
    [ "$(wc -l < "$BATS_TEST_TMPDIR/runs")" -ge 2 ] || fail "asked once only"
}

@test "a refused password is told with its source and its age" {
    hgt_db
    unset DATABASE_URL
    url=postgresql://hgt:not-the-password@127.0.0.1:$HGT_PORT/$HGT_DB
    yaml << EOF
targets:
  command: { environment: [ { command: [echo, "DATABASE_URL=$url"], format: dotenv } ] }
  file: { environment: [ { dotenv: old.env } ] }
EOF
    echo "DATABASE_URL=$url" > old.env
    touch -d '3 days ago' old.env
    hga_project 1
    cp ../headgate.yaml ../old.env .
    touch -d '3 days ago' old.env
    unset DATABASE_URL
    run --separate-stderr headgate status -t command
    expect_status 3
    expect_stderr 'which came from DATABASE_URL from command echo (headgate.yaml:3), read '
    expect_stderr ' ago'
    run --separate-stderr headgate status -t file
    expect_stderr 'which came from DATABASE_URL from old.env:1, written 3 days ago'
    [[ $stderr != *not-the-password* ]]
}

@test "every name that docs/sources.md lists is left out" {
    names=$(sed -n '/<!-- begin names -->/,/<!-- end names -->/p' "$HGT_ROOT/docs/sources.md" |
        grep -o '`[A-Za-z0-9_]*`' | tr -d '`')
    [ "$(wc -w <<< "$names")" -ge 85 ] || fail "the list is not there"
    {
        echo '#!/bin/sh'
        for name in $names; do echo "echo $name=x"; done
        echo 'echo path=x; echo LD_ANYTHING=x; echo KEPT=kept'
    } > list
    chmod +x list
    yaml <<< 'targets: { t: { environment: [ { command: [./list], format: dotenv } ] } }'
    run --separate-stderr headgate env -t t --print --reveal
    [ "$output" = KEPT=kept ] || fail "something else is taken"
    for name in $names path LD_ANYTHING; do expect_stderr "$name of command"; done
}
