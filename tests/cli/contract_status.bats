#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: the document of status; databases that do not answer.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "status: every field and type, empty, behind, up-to-date" {
    hgt_db
    chain p
    one 0 headgate status --format json -C p
    holds '.schema == "headgate.status/1" and .target == "local" and .state == "empty" and .heads == ["b2"]
        and .rows == [] and .current == [] and .unknown == [] and .running == null and .findings == []'
    holds '[.pending[].revision] == ["a1","b2"]
        and .pending[0] == {revision:"a1",down_revisions:[],message:"one",path:"versions/1_one.py"}'
    holds '.database | (.name | type == "string") and .host == "127.0.0.1" and .port == '"$HGT_PORT"' and .user == "hgt"
        and (.server_version | type == "number" and . >= 130000) and (.system_identifier | test("^[0-9]+$"))
        and .in_recovery == false and .read_only == false and has("pool_mode") and .pool_mode == null'
    holds '.version_table | .schema == "public" and .name == "alembic_version" and .exists == false and .candidates == []
        and has("readable")'
    holds '.ledger | .exists == false and .last == null and has("readable")'
    headgate apply a1 -C p -q > /dev/null 2>&1
    one 0 headgate status --format json -C p
    holds '.state == "behind" and .rows == ["a1"] and .current == ["a1"] and [.pending[].revision] == ["b2"]'
    holds '.ledger | .exists and .readable and (.last | .revision == "a1" and (.by | type == "string")
        and (.finished_at | test("^[0-9-]+T[0-9:.]+Z$")))'
    holds '.version_table | .exists and .readable'
    one 1 headgate status --check --format json -C p
    holds '.state == "behind" and .error.kind == "refused"'
    headgate apply -C p -q > /dev/null 2>&1
    one 0 headgate status --check --format json -C p
    holds '.state == "up-to-date" and .pending == []'
    one 0 headgate history --format json -C p
    holds '[.revisions[].applied] == [true,true]'
}

@test "status: several heads are all pending, with HG101; ahead and diverged have an error" {
    hgt_db
    chain p
    revision p 3 c3 '"a1"' "three"
    one 0 headgate status --format json -C p
    holds '.heads == ["b2","c3"] and ([.pending[].revision] | sort) == ["a1","b2","c3"] and .pending[0].revision == "a1"'
    theirs=$(cd p && alembic upgrade heads --sql 2> /dev/null | sed -n 's/^-- Running upgrade .*-> \([a-c][0-9]\).*/\1/p' | tr '\n' ' ')
    [ -z "$theirs" ] || [ "$(jq -r '.pending[].revision' <<< "$output" | tr '\n' ' ')" = "$theirs" ] || fail "alembic: $theirs"
    holds "any(.findings[]; .rule == \"HG101\" and .severity == \"error\") and all(.findings[]; $FINDING)"
    one 1 headgate gate --format json -C p
    rm p/versions/3.py
    hgt_psql "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('ffff')"
    one 0 headgate status --format json -C p
    holds '.state == "ahead" and .unknown == ["ffff"] and .rows == ["ffff"] and .pending == null
        and any(.findings[]; .severity == "error" and (.rule | startswith("HG2")))'
    one 1 headgate gate --format json -C p
    holds '.verdict == "shut" and .status.state == "ahead"'
    hgt_psql "insert into alembic_version values ('a1')"
    one 1 headgate gate --format json -C p
    holds 'any(.findings[]; .severity == "error" and (.rule | startswith("HG2")))'
    lines 1 headgate apply --format json -C p
    holds '.outcome == "refused"'
}

@test "status: the rows may overlap or the tables be somebody's: shut with an error" {
    hgt_db
    chain p
    hgt_psql "create table mine (i int)"
    one 1 headgate gate --format json -C p
    holds '.status.state == "empty" and any(.findings[]; .severity == "error" and (.rule | startswith("HG2")))'
    hgt_psql "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('a1'), ('b2')"
    one 0 headgate status --format json -C p
    holds '.state == "diverged" and any(.findings[]; .severity == "error" and (.rule | startswith("HG2")))'
}

@test "status of a bare database needs no alembic.ini; without any address it is unknown" {
    hgt_db
    mkdir bare
    one 0 headgate status --format json -C bare
    holds '.state == "empty" and .heads == []'
    unset DATABASE_URL
    one 2 headgate status --format json -C bare
    holds '.schema == "headgate.status/1" and .state == "unknown" and .pending == null and .error.kind == "config"'
    holds '.database.system_identifier == null and .version_table.exists == null'
}

@test "a database that cannot be reached is 3 for every verb, with each verb's own document" {
    chain p
    cd p
    export DATABASE_URL=postgresql+psycopg://u:sekrit-word@127.0.0.1:1/d
    one 3 headgate status --format json
    holds '.state == "unknown" and .pending == null and .heads == ["b2"] and .error.kind == "database"'
    one 3 headgate status --check --format json
    one 3 headgate history --format json
    holds '[.revisions[] | .applied] == [null, null] and .heads == ["b2"]'
    one 3 headgate gate --format json
    holds '.schema == "headgate.gate/1" and .verdict == null'
    one 3 headgate gate --wait 1 --format json
    one 3 headgate cancel --format json
    lines 3 headgate apply --format json
    holds '.outcome == "failed" and .to == null'
    lines 3 headgate rollback -1 --format json
    run headgate target pin
    expect_status 3
    run headgate status
    expect_status 3
    [[ $output != *sekrit-word* ]]
}

@test "a database that accepts and says nothing: --timeout bounds the waiting" {
    chain p
    python - << 'EOF' &
import pathlib, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9)
pathlib.Path("port.new").write_text(str(s.getsockname()[1])); pathlib.Path("port.new").rename("port")
time.sleep(30)
EOF
    local listener=$!
    for _ in $(seq 100); do [ -f port ] && break; sleep 0.1; done
    DATABASE_URL=postgresql://u@127.0.0.1:$(cat port)/d
    export DATABASE_URL
    local before=$SECONDS
    one 3 headgate status --timeout 1 --format json -C p
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" status < out || fail "not a status document"
    one 3 headgate gate --timeout 1 --format json -C p
    "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" gate < out || fail "not a gate document"
    HEADGATE_RAILWAY_URL=http://127.0.0.1:$(cat port)/
    export RAILWAY_TOKEN=t HEADGATE_RAILWAY_URL
    one 3 headgate status --from railway:api --timeout 1 --format json -C p
    holds '.state == "unknown" and .error.kind == "timeout"'
    one 3 headgate gate --from railway:api --timeout 1 --format json -C p
    holds '.verdict == null and .error.kind == "timeout"'
    lines 124 headgate apply --from railway:api --timeout 1 --format json -C p
    run headgate env --from railway:api --timeout 1 -- true
    expect_status 125
    kill "$listener"
    hgt_db
    psql -Xq "$HGT_PGURL" -c "create table alembic_version (version_num varchar(32))"
    (echo "begin; lock table alembic_version;"; sleep 5) | psql -Xq "$HGT_PGURL" > /dev/null &
    local holder=$!
    sleep 0.5
    one 3 headgate status --timeout 1 --format json -C p
    holds '.state == "unknown" and .error.kind == "timeout"'
    kill "$holder" 2> /dev/null || true
    [ $((SECONDS - before)) -lt 30 ] || fail "took $((SECONDS - before)) s"
}
