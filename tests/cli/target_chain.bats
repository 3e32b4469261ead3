#!/usr/bin/env bats
# DESIGN 5, sentence by sentence: the state that travels from one program to the next.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

two_targets() {
    hgt_yaml <<'E'
targets:
  local: { environment: [ process ] }
  one: { environment: [ { dotenv: one.env } ] }
  two: { environment: [ { dotenv: two.env } ] }
E
    printf 'DATABASE_URL=postgresql://one/d\nPGAPPNAME=one\nONLY_ONE=1\n' > one.env
    printf 'DATABASE_URL=postgresql://two/d\n' > two.env
}

@test "headgate env in front of a verb is about its target" {
    two_targets
    run headgate env -t one -- headgate show ONLY_ONE
    has target=one
    has host=one
    says 'ONLY_ONE=1 source=one.env:3'
}

@test "a verb started by headgate with another -t resolves anew, from the environment before" {
    two_targets
    run headgate env -t one -- headgate show -t two DATABASE_URL PGAPPNAME ONLY_ONE
    has target=two
    has host=two
    has 'PGAPPNAME=- source=- before=- plain=no'
    has 'ONLY_ONE=- source=- before=- plain=no'
    DATABASE_URL=postgresql://mine/d run headgate env -t one -- headgate show -t local
    has host=mine
}

@test "the same through a foreign command" {
    two_targets
    run headgate env -t one -- sh -c 'headgate show -t two; headgate show'
    has target=two
    has host=two
    has target=one
    DATABASE_URL=postgresql://mine/d run headgate env -t one -- sh -c 'headgate show -t local'
    [ "$status" -eq 2 ]
    says 'no database address'
}

@test "with --from the target's own sources are replaced" {
    two_targets
    run headgate show -t one --from dotenv:two.env
    has target=one
    has host=two
    run headgate env -t one --from dotenv:two.env -- headgate show
    has target=one
    has host=two
    run headgate env -t one -- headgate show --from dotenv:two.env
    has target=one
    has host=two
}

@test "the state is closed before anything is started, and its variable is gone" {
    two_targets
    run headgate env -t one -- headgate show 3>&-
    has state_fd=-
    has descriptors=0
}

@test "state of another file is not believed" {
    two_targets
    mkdir elsewhere
    sed 's/one.env/..\/two.env/' headgate.yaml > elsewhere/headgate.yaml
    run headgate env -t one -- headgate show -c elsewhere/headgate.yaml -t one
    has host=two
}

@test "a forged or stale HEADGATE_STATE_FD is ignored" {
    two_targets
    echo '{"schema":"headgate.state/1","target":"one","dir":"/","digest":"0","url":"postgresql://evil/d"}' > forged
    HEADGATE_STATE_FD=5 run headgate show -t one 5< forged
    has host=one
    HEADGATE_STATE_FD=nonsense run headgate show -t one
    has host=one
    HEADGATE_STATE_FD=77 run headgate show -t one
    has host=one
}

@test "a state that cannot be read ends in an error, and not in asking again for ever" {
    two_targets
    run timeout 10 sh -c 'HEADGATE_STATE_FD=77:$$ exec headgate-show -t one'
    [ "$status" -eq 3 ]
    says 'are all programs of this headgate of one version?'
    HEADGATE_STATE_FD=77:1 run headgate show -t one # of some other process
    has host=one
}

@test "an address whose bytes are no UTF-8 travels too, and is never replaced by libpq's defaults" {
    DATABASE_URL=$'postgresql://u:p\xe9w@127.0.0.1:1/d' run "$HGT_BUILD/headgate" psql -- -Xc "select 1"
    [ "$status" -eq 2 ]
    says '"127.0.0.1", port 1 failed'
    mkdir $'caf\xe9'
    cd $'caf\xe9'
    printf 'DATABASE_URL=postgresql://one/d\n' > $'\xe9.env'
    run headgate show --from $'dotenv:\xe9.env'
    has host=one
}

@test "when resolving failed the verb still starts and has the error" {
    two_targets
    rm one.env
    run headgate show -t one
    [ "$status" -eq 2 ]
    has target=one
    says one.env
}

@test "-c and -C travel with the state" {
    mkdir sub
    two_targets
    mv headgate.yaml one.env two.env sub
    run headgate env -C sub -t one -- headgate show
    has host=one
    run headgate env -c sub/headgate.yaml -t one -- headgate show
    has host=one
    run headgate -C sub show -t two
    has host=two
}

@test "offline nothing is resolved" {
    production
    hgt_source railway "$(railway_answer '{}')"
    run headgate show -t production --offline
    [ "$status" -eq 0 ]
    has target=production
    [ ! -e "$HGT_BIN/railway.requests" ]
}

@test "the verb alone resolves through headgate-env as well" {
    two_targets
    run headgate-show -t two
    has host=two
    has state_fd=-
}

@test "Python that only reads files gets neither tokens nor connection variables" {
    two_targets
    export RAILWAY_TOKEN=tok-123456 DB_PASSWORD=pw-123456 DATABASE_URL=postgresql://x/y HARMLESS=1
    run headgate show -t one RAILWAY_TOKEN DB_PASSWORD DATABASE_URL ONLY_ONE HARMLESS
    [ "$(grep -c 'plain=no' <<< "$output")" = 4 ]
    [ "$(grep -c 'plain=yes' <<< "$output")" = 1 ]
    has 'HARMLESS=1 source=process before=1 plain=yes'
}

@test "secrets are masked in what a verb prints" {
    DATABASE_URL=postgresql://u:very-secret@h/d run headgate show DATABASE_URL
    lacks very-secret
    says 'postgresql://u:***@h/d'
}
