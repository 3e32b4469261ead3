#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: the events and the result of apply and rollback.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "apply and rollback: an object a line, the last one the result; nothing-to-do, refused, failed" {
    hgt_db
    chain p
    cd p
    lines 0 headgate apply --format json
    holds '.outcome == "applied" and .target == "local" and .from == [] and .to == ["b2"] and .applied == ["a1","b2"]
        and .error == null'
    [[ $events == "start "*gate*step*verify*"result " ]] || fail "events: $events"
    lines 0 headgate apply --format json
    holds '.outcome == "nothing-to-do" and .from == ["b2"] and .to == ["b2"] and .applied == []'
    lines 0 headgate rollback -1 --format json --yes
    holds '.outcome == "applied" and .from == ["b2"] and .to == ["a1"]'
    lines 1 headgate apply zzzz --format json
    holds '.outcome == "refused"'
    revision . 3_three c3 '"b2"' "three"
    sed -i 's/create table t_c3/create tabel t_c3/' versions/3_three.py
    lines 4 headgate apply --format json
    holds '.outcome == "failed" and .error.exit_code == 4 and .to != null'
    lines 2 headgate apply --format json --from nonsense
    one 2 headgate apply --format json --nonsense
    holds '.error.kind == "usage"'
}

@test "a stdout that nobody can read changes nothing of how apply and rollback ended, and is said" {
    hgt_db
    chain p
    cd p
    headgate apply a1 > /dev/full 2> err || fail "full, applied: $?"
    grep -q "output was lost" err
    headgate apply --format json > /dev/full 2> err || fail "full, json: $?"
    grep -q "output was lost" err
    headgate apply >&- 2> err || fail "closed, nothing to do: $?"
    grep -q "output was lost" err
    bash -c 'exec headgate rollback -1 --yes > >(exec true) 2> err' || fail "no reader: $?"
    [ "$(hgt_psql "select version_num from alembic_version")" = a1 ]
    # What only looks has no other answer than what it prints.
    headgate rollback -1 --dry-run > /dev/full 2> err && fail "full, dry run"
    grep -q "cannot write the answer" err
    revision . 3_three c3 '"b2"' "three"
    sed -i 's/create table t_c3/create tabel t_c3/' versions/3_three.py
    headgate apply > /dev/full 2> err && status=0 || status=$?
    [ "$status" -eq 4 ]
}

@test "-q: what the migrator prints is shown when it fails, and only then" {
    hgt_db
    chain p
    cd p
    sed -i 's/def upgrade():/&\n    import sys; print("INFO of the migrator", file=sys.stderr)/' versions/*.py
    headgate apply -q a1 > out 2> err
    [ ! -s err ] || fail "$(cat err)"
    grep -q "is at a1" out
    sed -i 's/create table t_b2/create tabel t_b2/' versions/2_two.py
    headgate apply -q > out 2> err && fail "it cannot have gone"
    grep -q "INFO of the migrator" err
    grep -q "^headgate: error: the migration failed" err
}

@test "a lock held by another is 5, told as locked" {
    hgt_db
    chain p
    cd p
    sed -i 's/op.execute("create table t_a1/op.execute("select pg_sleep(6)"); &/' versions/1_one.py
    headgate apply > first.out 2>&1 &
    local first=$!
    for _ in $(seq 100); do
        running=$(headgate status --format json 2> /dev/null | jq -r '.running // empty | .by' || true)
        [ -z "$running" ] || break
        sleep 0.1
    done
    one 0 headgate status --format json
    holds '.running | has("revision") and (.by | type == "string") and has("host") and has("since") and has("pid")
        and .blocked_by == []' || fail "running"
    for _ in $(seq 20); do
        one 0 headgate status --format json
        holds '.running.revision == "a1"' && break
        sleep 0.1
    done
    holds '.running.revision == "a1" and (.findings[] | select(.rule == "HG605").message | endswith(": a1"))' ||
        fail "which revision is under way"
    lines 5 headgate apply --lock-wait 0 --format json
    lines 5 headgate apply --no-wait --format json
    holds '.outcome == "locked" and .error.kind == "lock"'
    lines 5 headgate apply --lock-wait 1 --format json
    wait "$first"
}

@test "a signal while the database does not answer: at once, and told in JSON" {
    chain p
    python - << 'EOF' &
import pathlib, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(50)
pathlib.Path("port.new").write_text(str(s.getsockname()[1])); pathlib.Path("port.new").rename("port")
time.sleep(60)
EOF
    local listener=$! verb signal number began asked
    for _ in $(seq 100); do [ -f port ] && break; sleep 0.1; done
    DATABASE_URL=postgresql://u@127.0.0.1:$(cat port)/d
    export DATABASE_URL
    for verb in status "gate --wait 20" history plan cancel doctor apply "rollback -1"; do
        for signal in TERM:143 HUP:129; do
            number=${signal#*:}
            # shellcheck disable=SC2086
            HEADGATE_TRACE=$PWD/trace headgate $verb --format json -C p > out 2> err &
            asked=$!
            for _ in $(seq 50); do grep -qs "\"verb\":\"${verb%% *}\"" trace && break; sleep 0.1; done
            sleep 0.3
            began=$(date +%s%N)
            kill "-${signal%:*}" "$asked"
            wait "$asked" && status=0 || status=$?
            [ $((($(date +%s%N) - began) / 1000000)) -lt 3000 ] || fail "$verb took its time"
            output=$(tail -n 1 out)
            [ "$status" -eq "$number" ] || fail "$verb: expected $number"
            [ "$(wc -l < out)" -eq 1 ] || fail "$verb: not one line"
            check_error "$number" "$verb"
            holds '.error.kind == "signal"' || fail "$verb"
            case $verb in
                apply | rollback*) holds '.outcome == "interrupted" and .to == null' || fail "$verb" ;;
            esac
            rm trace
        done
    done
    kill "$listener"
}

@test "a signal before anything started is 128+n and told as interrupted" {
    hgt_db
    chain p
    headgate apply a1 -C p -q > /dev/null 2>&1
    # The first one works for seconds; the second waits for its lock.
    sed -i 's/op.execute("create table t_b2/op.execute("select pg_sleep(8)"); &/' p/versions/2_two.py
    headgate apply -C p > first.out 2>&1 &
    local first=$!
    for _ in $(seq 100); do
        [ "$(headgate status -C p --format json 2> /dev/null | jq '.running != null')" = true ] && break
        sleep 0.1
    done
    headgate apply -C p --format json > out 2> err &
    local waiter=$!
    for _ in $(seq 50); do grep -q lock-wait out && break; sleep 0.1; done
    kill -TERM "$waiter"
    wait "$waiter" && status=0 || status=$?
    output=$(tail -n 1 out)
    [ "$status" -eq 143 ] || fail "expected 143"
    holds '.outcome == "interrupted" and .error.kind == "signal" and .error.exit_code == 143'
    wait "$first"
}
