# SPDX-License-Identifier: Apache-2.0
# route: railway-ssh with the real CLI's `railway ssh`: its requests and its ssh command line are real,
# what is on the other side of ssh is a stand-in (tests/lib/ssh-place), for Railway's relay is not here.

setup_file() {
    load ../lib/railway_cli
    hgt_setup_file
    export REAL_CACHE=${HGT_VENV%/*}
    XDG_CACHE_HOME=${REAL_CACHE%/*} hgt_cli_setup_file
    hgt_stub_stop
    ln -s "$HGT_ROOT/tests/lib/ssh-place" "$BATS_FILE_TMPDIR/bin/ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_FILE_TMPDIR/key"
}

setup() {
    load ../lib/railway_cli
    hgt_db
    local database=$HGT_DB
    unset DATABASE_URL
    export HOME=$BATS_TEST_TMPDIR/home RAILWAY_API_TOKEN=$HGT_ACCOUNT_TOKEN
    export PLACE_LOG=$BATS_TEST_TMPDIR/ssh.log PLACE_HOST=postgres.railway.internal PLACE_PORT=$HGT_PORT
    mkdir -p "$HOME/.ssh" "$HOME/project"
    cp "$BATS_FILE_TMPDIR/key" "$HOME/.ssh/id_ed25519"
    cp "$BATS_FILE_TMPDIR/key.pub" "$HOME/.ssh/id_ed25519.pub"
    # No public address: the database is what a new one of Railway is.
    jq --arg key "$(cat "$HOME/.ssh/id_ed25519.pub")" \
        --arg print "$(ssh-keygen -lf "$HOME/.ssh/id_ed25519.pub" | awk '{print $2}')" \
        'del(.projects[0].services[1].tcp_proxies) | del(.projects[0].services[1].variables_with_proxy) |
         .ssh_keys = [{name: "laptop", publicKey: $key, fingerprint: $print}]' \
        "$HGT_ROOT/tests/railway-stub/sample.json" > "$BATS_TEST_TMPDIR/fixture.json"
    hgt_stub_start "$BATS_TEST_TMPDIR/fixture.json" --set STUB_PGUSER=hgt \
        --set STUB_PGPASSWORD=hgt-secret --set STUB_PGPASSWORD_URL=hgt-secret \
        --set "STUB_PGDATABASE=$database"
    export RAILWAY_BACKBOARD_URL=$HEADGATE_RAILWAY_URL
    cd "$HOME/project" || return 1
    cat > headgate.yaml <<'END'
version: 1
targets:
  production:
    route: railway-ssh
    environment: [ { railway: { project: notebooklm, environment: production, service: api } } ]
  without:
    environment: [ { railway: { project: notebooklm, environment: production, service: api } } ]
  elsewhere:
    route: railway-ssh
    environment: [ process ]
END
}

teardown() { hgt_stub_stop; }

@test "a database without public access is reached through the service's container" {
    hgt_psql "create table seen (n int); insert into seen values (42)"
    run --separate-stderr headgate psql -t production -- -XAtc 'select n from seen'
    [ "$status" -eq 0 ] || { echo "$stderr" >&2 && false; }
    [ "$output" = 42 ]
    # What the CLI made of it: the service's instance at Railway's relay, no terminal.
    [[ $(head -n 1 "$PLACE_LOG") == *"-T instance-api-production@ssh.railway.com"*sh ]]
    [[ $(hgt_stub_log | sort -u | tr '\n' ' ') == *"ServiceInstance SshPublicKeys"* ]]
}

@test "the same for a verb, which names the route" {
    run --separate-stderr headgate doctor -t production --format json
    [[ $output == *"railway ssh"* ]] || { echo "$output $stderr" >&2 && false; }
    run --separate-stderr headgate env -t production --tunnel --mask never -- \
        sh -c 'psql -XAtc "select current_database()" "$DATABASE_URL"'
    [ "$status" -eq 0 ] || { echo "$stderr" >&2 && false; }
    [ "$output" = "$HGT_DB" ]
}

@test "what cannot be: no key, no Railway source; and without the route the way out is said" {
    rm "$HOME"/.ssh/*
    run headgate psql -t production -- -XAtc 'select 1'
    [ "$status" -ne 0 ]
    [[ $output == *"No SSH keys found"* ]] || { echo "$output" >&2 && false; }
    DATABASE_URL=postgresql://u@postgres.railway.internal/d run headgate psql -t elsewhere -- -XAtc 'select 1'
    [ "$status" -ne 0 ]
    [[ $output == *"route: railway-ssh wants a Railway source"* ]] || { echo "$output" >&2 && false; }
    run headgate psql -t without -- -XAtc 'select 1'
    [ "$status" -ne 0 ]
    [[ $output == *"no public address of it was found"*"route: railway-ssh"* ]]
}
