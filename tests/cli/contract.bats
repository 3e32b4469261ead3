#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: documents, exit codes, options, variables.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR" || return 1
}

# A small history without a git repository around it. revision DIR FILE ID DOWN MESSAGE
project() {
    mkdir -p "$1/versions"
    printf '[alembic]\nscript_location = %%(here)s\n' > "$1/alembic.ini"
    cat > "$1/env.py" << 'EOF'
import os
from alembic import context
from sqlalchemy import create_engine

url = os.environ.get("DATABASE_URL") or context.config.get_main_option("sqlalchemy.url")
with create_engine(url).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
EOF
}
revision() {
    cat > "$1/versions/$2.py" << EOF
"""$5"""
from alembic import op
revision = "$3"
down_revision = $4
def upgrade():
    op.execute("create table t_$3 (i int)")
def downgrade():
    op.execute("drop table t_$3")
EOF
}
chain() {
    project "$1"
    revision "$1" 1_one a1 None "one"
    revision "$1" 2_two b2 '"a1"' "two"
}

# one CODE COMMAND…: exactly one JSON document on stdout, ending in a newline; "error" if and only if
# the code is not 0, and then of the contract's shape with this very code.
one() {
    local code=$1
    shift
    timeout 60 "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" && status=0 || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/out")
    stderr=$(cat "$BATS_TEST_TMPDIR/err")
    [ "$status" -eq "$code" ] || fail "$*: expected exit $code"
    [ "$(tail -c 1 "$BATS_TEST_TMPDIR/out" | od -An -tx1 | tr -d ' ')" = 0a ] || fail "$*: no newline at the end"
    [ "$(jq -s length <<< "$output")" = 1 ] || fail "$*: not one document"
    check_error "$code" "$*"
}
check_error() {
    if [ "$1" -eq 0 ]; then
        holds '(.error? // null) == null' || fail "$2: an error with exit 0"
    else
        holds '.error | (keys == ["detail","exit_code","hint","kind","message"])
            and (.kind | IN("usage","config","database","railway","docker","network","migrator","refused",
                            "lock","timeout","signal","integrity","bug"))
            and (.message | type == "string" and length > 0) and (.exit_code == '"$1"')
            and ([.detail, .hint] | all(. == null or (type == "string" and length > 0)))' || fail "$2: error"
    fi
}
holds() { jq -e "$1" <<< "$output" > /dev/null; }

# lines CODE COMMAND…: one object a line, each with event and at, the last one the result.
lines() {
    local code=$1
    shift
    timeout 100 "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" && status=0 || status=$?
    stderr=$(cat "$BATS_TEST_TMPDIR/err")
    output=$(cat "$BATS_TEST_TMPDIR/out")
    [ "$status" -eq "$code" ] || fail "$*: expected exit $code"
    jq -e . < "$BATS_TEST_TMPDIR/out" > /dev/null || fail "no JSON"
    [ "$(jq -s length "$BATS_TEST_TMPDIR/out")" = "$(wc -l < "$BATS_TEST_TMPDIR/out")" ] || fail "not an object a line"
    events=$(jq -r .event "$BATS_TEST_TMPDIR/out" | tr '\n' ' ')
    jq -se 'all(.[]; .event | IN("start","lock-wait","gate","step","output","progress","verify","result"))
        and all(.[]; .at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"))' "$BATS_TEST_TMPDIR/out" > /dev/null || fail "events: $events"
    output=$(tail -n 1 "$BATS_TEST_TMPDIR/out")
    holds '.schema == "headgate.apply/1" and .event == "result" and has("target") and has("from") and has("to")
        and (.outcome | IN("applied","nothing-to-do","refused","failed","locked","interrupted"))
        and (.applied | type == "array") and (.seconds | type == "number") and (.findings | type == "array")
        and has("error")' || fail "result"
    check_error "$code" "$*"
}
FINDING='(keys | contains(["rule","severity","title","message","help","location","fingerprint","waived"]))
    and (.severity | IN("note","warning","error")) and (.rule | test("^HG[0-9]{3}$"))
    and (.fingerprint | type == "string")
    and (.location | keys == ["column","line","object","path","revision"])'

# ---- history --------------------------------------------------------------------------------------

@test "history --offline: fields, order, message and doc as alembic has them" {
    hgt_project
    one 0 headgate history --offline --format json
    holds '.schema == "headgate.history/1" and .findings == []'
    holds 'all(.revisions[]; keys == ["applied","branch_labels","depends_on","down_revisions","is_base",
        "is_branch_point","is_head","is_merge_point","message","path","revision"] and .applied == null)'
    expected=$(cd backend && DATABASE_URL=postgresql+psycopg://u@127.0.0.1:1/d python - << 'EOF'
import json
from alembic.config import Config
from alembic.script import ScriptDirectory
s = ScriptDirectory.from_config(Config("alembic.ini"))
print(json.dumps([[r.revision, r.doc] for r in s.walk_revisions()]))
print(json.dumps([s.get_heads(), s.get_bases()]))
EOF
)
    [ "$(jq -c '[.revisions[] | [.revision, .message]]' <<< "$output")" = "$(sed -n 1p <<< "$expected" | jq -c .)" ] ||
        fail "$expected"
    [ "$(jq -c '[.heads, .bases]' <<< "$output")" = "$(sed -n 2p <<< "$expected" | jq -c .)" ]
}

@test "history: -C is the folder of alembic.ini or the repository above it; paths are relative to it" {
    hgt_project
    one 0 headgate history --offline --format json -C "$HGT_PROJECT"
    holds '.revisions[0].path | startswith("backend/db/migrations/versions/")'
    one 0 headgate -C "$HGT_PROJECT/backend" history --offline --format json
    holds '.revisions[0].path | startswith("db/migrations/versions/")'
    cd /
    one 0 headgate history --offline --format=json --dir="$HGT_PROJECT"
    holds '.revisions[0].path | startswith("backend/")'
}

@test "history: lists as written, marks of the graph, labels stay labels" {
    project p
    revision p 1 a1 None "one"
    revision p 2 b2 '"a1"' "two"
    revision p 3 c3 '("a1",)' "three"
    revision p 4 d4 '("c3", "b2")' "four"
    printf 'branch_labels = ("left", "west")\n' >> p/versions/2.py
    printf 'depends_on = "b2"\n' >> p/versions/3.py
    one 0 headgate history --offline --format json -C p
    holds '.heads == ["d4"] and .bases == ["a1"]'
    holds '.revisions | map({(.revision): .}) | add
        | .d4.down_revisions == ["c3","b2"] and .d4.is_merge_point and .d4.is_head
        and .a1.is_branch_point and .a1.is_base and .a1.down_revisions == [] and .a1.depends_on == []
        and .b2.branch_labels == ["left","west"] and .d4.branch_labels == []
        and .c3.depends_on == ["b2"] and (.c3.is_merge_point | not)'
    order=$(jq -r '.revisions[].revision' <<< "$output" | tr '\n' ' ')
    theirs=$(cd p && alembic history | sed 's/.* -> \([a-d][0-9]\).*/\1/' | tr '\n' ' ')
    [ "$order" = "$theirs" ] || fail "alembic: $theirs ours: $order"
}

@test "a history that Alembic refuses: history 1, status unknown and 3, gate shut and 1, apply refused and 1" {
    hgt_db
    project missing; revision missing 1 a1 '"zz"' one; revision missing 2 b2 None two
    project cycle; revision cycle 1 a1 '"b2"' one; revision cycle 2 b2 '"a1"' two
    project double; revision double 1 a1 None one; revision double 2 a1 None two
    for case in missing:HG102 cycle:HG103 double:HG104; do
        local dir=${case%:*} rule=${case#*:}
        one 1 headgate history --offline --format json -C "$dir"
        holds ".findings | any(.rule == \"$rule\" and .severity == \"error\")" || fail "$case"
        holds '.revisions | length == 2' || fail "$case"
        one 1 headgate history --format json -C "$dir"
        holds 'all(.revisions[]; .applied == null)' || fail "$case"
        one 3 headgate status --format json -C "$dir"
        holds ".state == \"unknown\" and (.findings | any(.rule == \"$rule\" and .severity == \"error\"))" || fail "$case"
        one 1 headgate gate --format json -C "$dir"
        holds ".verdict == \"shut\" and (.findings | any(.rule == \"$rule\")) and .counts.error > 0" || fail "$case"
        lines 1 headgate apply --format json -C "$dir"
        holds ".outcome == \"refused\" and (.findings | any(.rule == \"$rule\"))" || fail "$case"
    done
}

# ---- status ---------------------------------------------------------------------------------------

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
    one 3 headgate gate --timeout 1 --format json -C p
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

# ---- gate -----------------------------------------------------------------------------------------

@test "gate: open with exit 0, counts and findings; --fail-on; --offline has no status" {
    hgt_db
    chain p
    one 0 headgate gate --format json -C p
    holds '.schema == "headgate.gate/1" and .target == "local" and .verdict == "open" and .fail_on == "error"
        and (.counts | keys == ["error","note","waived","warning"]) and .status.schema == "headgate.status/1"'
    holds "all(.findings[]; $FINDING)"
    holds '. as $d | .counts.note == ([$d.findings[] | select(.severity == "note")] | length)'
    one 1 headgate gate --fail-on note --format json -C p
    holds '.verdict == "shut" and .fail_on == "note" and .error.kind == "refused"'
    one 1 headgate gate --require local=up-to-date --format json -C p
    headgate apply -C p -q > /dev/null 2>&1
    one 0 headgate gate --require local=up-to-date --wait 2 --format json -C p
}

@test "gate --offline asks no database and needs no address" {
    hgt_project
    one 0 headgate gate --offline --format json
    holds '.verdict == "open" and .status == null'
    rm -rf .git
    git init -q .
    one 3 headgate gate --offline --format json
    holds '.verdict == null'
}

# ---- apply, rollback ------------------------------------------------------------------------------

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
    lines 5 headgate apply --no-wait --format json
    holds '.outcome == "locked" and .error.kind == "lock"'
    lines 5 headgate apply --lock-wait 1 --format json
    wait "$first"
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

# ---- configuration that is wrong ------------------------------------------------------------------

@test "a broken headgate.yaml is 2 with file, line and column in each verb's document" {
    hgt_db
    chain p
    cd p
    printf 'version: 1\ntargets:\n  local: { environmen: [ process ] }\n' > headgate.yaml
    for verb in status history "history --offline" gate "gate --offline" cancel; do
        # shellcheck disable=SC2086
        one 2 headgate $verb --format json
        holds '.error.kind == "config" and (.error.message | startswith("headgate.yaml:3:12: "))' || fail "$verb"
    done
    lines 2 headgate apply --format json
    lines 2 headgate rollback -1 --format json
    one 2 headgate env -- headgate status --format json
    holds '.schema == "headgate.status/1" and .state == "unknown"'
    cd ..
    one 2 headgate env -c p/headgate.yaml -- headgate -C p status --format json
    one 2 headgate -C p env -- headgate history --format json
    holds '.schema == "headgate.history/1"'
    run headgate -C p env -- true
    expect_status 125
    run headgate -C p env -- headgate env -- echo ran
    expect_status 125
    [[ $output != *ran ]] || fail "the command ran without the outer target"
}

@test "a mistake in the command line is 2, with a document wherever --format json stands" {
    chain p
    cd p
    one 2 headgate status --format json --nonsense
    one 2 headgate status --timeout soon --format json
    one 2 headgate status extra --format=json
    one 2 headgate nonsense --format json
    one 2 headgate --format json
    one 2 headgate new --format json
    for what in "" "nonsense" "--nonsense status" "status --format xml" "target" "target nonsense" "env" "exec" \
        "rollback" "new" "explain HG999" "postgres" "postgres nonsense" "env --nonsense -- true" "exec --nonsense -- true" \
        "status -C" "gate --fail-on nothing" "apply a b" "status -C /nonexistent"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate $what
        [ "$status" -eq 2 ] || fail "headgate $what"
        [ -z "$output" ] || [[ $what == "status -C /"* ]] || fail "headgate $what: stdout"
        [ -n "$stderr" ] || fail "headgate $what: says nothing"
    done
}

# ---- env and exec ---------------------------------------------------------------------------------

@test "env: the command's own code, 128+n, 125, 126, 127, 2, 124" {
    try() { run -"$1" headgate env "${@:2}"; }
    try 0 -- true
    try 7 -- sh -c 'exit 7'
    try 3 --max-runtime 9 -- sh -c 'exit 3'
    # shellcheck disable=SC2016
    try 137 -- sh -c 'kill -9 $$'
    # shellcheck disable=SC2016
    try 143 --mask always -- sh -c 'kill -15 $$'
    try 127 -- there-is-no-such-command
    try 126 -- /etc/passwd
    try 125 --from dotenv:missing -- true
    try 125 --from railway:x@y -- true
    try 125 -t nonsense -- true
    try 2 --nonsense -- true
    try 2 --set A -- true
    try 2 --mask sometimes -- true
    try 124 --max-runtime 0.3 -- sleep 9
    run headgate exec --container x -- true
    [ "$status" -eq 125 ] || [ "$status" -eq 127 ] || fail "exec"
}

@test "env: --set, --unset, --clean, --from and every form of --print" {
    printf 'A=1\nTOKEN_SECRET=hunter-two-three\n' > x.env
    [ "$(headgate env --clean --set 'B=2 3' --from dotenv:x.env --unset A -- /usr/bin/env | sort | head -n 1)" = "B=2 3" ]
    [ "$(A=9 headgate env --from dotenv:x.env --from process -- printenv A)" = 9 ]
    run headgate env --from dotenv:x.env --print
    expect_output "A=1"
    [[ $output != *hunter-two-three* ]] || fail "a secret is shown"
    one 0 headgate env --from dotenv:x.env --print --reveal --format json
    holds '.A == "1" and .TOKEN_SECRET == "hunter-two-three"'
    for form in shell github dotenv; do
        run headgate env --from dotenv:x.env --print --format "$form"
        expect_status 0
        expect_output "A="
    done
    one 125 headgate env --from dotenv:missing --print --format json
    [ "$(printf 'TOKEN_SECRET=%s\n' hunter-two-three > y.env; headgate env --from dotenv:y.env --mask always -- printenv TOKEN_SECRET)" != hunter-two-three ]
}

# ---- options and variables ------------------------------------------------------------------------

@test "options stand before and after the verb; every verb takes the common ones" {
    hgt_db
    chain p
    one 0 headgate -C p -q --format json status
    one 0 headgate --format=json --no-python -v -C p status -x a=b --timeout 9 --yes
    for verb in status history gate cancel; do
        one 0 headgate "$verb" --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
            --alembic-config alembic.ini --alembic-section alembic
    done
    lines 0 headgate apply --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
        --alembic-config alembic.ini --alembic-section alembic
    lines 0 headgate rollback --format json -C p -q -v --yes --timeout 9 --no-python -x a=b --from process \
        --alembic-config alembic.ini --alembic-section alembic a1
    run headgate -C p -t local target pin
    expect_status 0
    run headgate -t local -C p explain HG101
    expect_status 0
    run headgate -C p postgres status
    expect_status 1
}

@test "--alembic-config is relative to -C, and a section may have another name" {
    hgt_db
    chain p
    printf '[other]\nscript_location = %%(here)s\n' > p/second.ini
    one 2 headgate history --offline --format json -C p --alembic-config second.ini
    one 0 headgate history --offline --format json -C p --alembic-config second.ini --alembic-section other
    holds '.heads == ["b2"]'
    one 0 headgate status --format json -C p --alembic-config second.ini --alembic-section other
    unset DATABASE_URL
    one 2 headgate status --format json -C p --alembic-config missing.ini
    holds '.error.message | contains("missing.ini")'
}

@test "without headgate.yaml: the process, then .env beside alembic.ini, then a literal sqlalchemy.url" {
    hgt_db
    url=$DATABASE_URL
    unset DATABASE_URL
    chain p/backend
    git init -q p
    sed -i "\$asqlalchemy.url = $url" p/backend/alembic.ini
    one 0 headgate status --format json -C p
    holds '.target == "local" and .state == "empty" and .database.name == "'"$HGT_DB"'"'
    lines 0 headgate apply --format json -C p
    echo "DATABASE_URL=postgresql://u@127.0.0.1:1/fromdotenv" > p/backend/.env
    one 3 headgate status --format json -C p
    holds '.error.message | contains("fromdotenv")'
    DATABASE_URL=$url one 0 headgate status --format json -C p
    holds '.state == "up-to-date"'
    rm p/backend/.env
    HEADGATE_TARGET=prod RAILWAY_ENVIRONMENT_NAME=staging one 0 headgate status --format json -C p
    holds '.target == "prod"'
    RAILWAY_ENVIRONMENT_NAME=staging one 0 headgate gate --format json -C p
    holds '.target == "staging"'
}

@test "HEADGATE_CONFIG and -c name the configuration, -t its target" {
    hgt_db
    chain p
    cat > other.yaml << EOF
version: 1
migrator: { directory: p }
targets:
  one: { url: "$HGT_PGURL" }
  two: { url: "postgresql://u@127.0.0.1:1/two" }
EOF
    HEADGATE_CONFIG=other.yaml one 0 headgate status -t one --format json
    holds '.target == "one"'
    HEADGATE_TARGET=one one 0 headgate -c other.yaml status --format json
    holds '.target == "one"'
    one 3 headgate -t two -c other.yaml status --format json
    one 2 headgate -t three -c other.yaml status --format json
    holds '.error.detail | contains("one, two")'
}

@test "one state directory: HEADGATE_STATE_DIR, beside headgate.yaml, beside alembic.ini, else the user's" {
    chain p/backend
    git init -q p
    where() { run headgate "$@" postgres status; expect_status 1; }
    shown() { headgate-show 2> /dev/null | sed -n 's/^state_dir=//p'; }
    export DATABASE_URL=postgresql://u@127.0.0.1:1/d
    PATH=$HGT_BUILD/helpers:$PATH
    where -C p; expect_output "under $PWD/p/backend/.headgate"
    (cd p && [ "$(shown)" = "$BATS_TEST_TMPDIR/p/backend/.headgate" ])
    where -C p/backend/versions; expect_output "under $PWD/p/backend/.headgate"
    echo 'version: 1' > p/headgate.yaml
    where -C p; expect_output "under $PWD/p/.headgate"
    where -C p/backend; expect_output "under $PWD/p/.headgate"
    (cd p && [ "$(shown)" = "$BATS_TEST_TMPDIR/p/.headgate" ])
    mkdir none
    where -C none; expect_output "under $HOME/.local/state/headgate"
    XDG_STATE_HOME=$PWD/xdg where -C none; expect_output "under $PWD/xdg/headgate"
    HEADGATE_STATE_DIR=$PWD/here where -C p; expect_output "under $PWD/here"
}

@test "HEADGATE_TRACE: a file or a descriptor, one JSON event a line, no name twice" {
    hgt_db
    chain p
    HEADGATE_TRACE=$PWD/trace headgate apply -C p -q > out 2>&1
    HEADGATE_TRACE=9 headgate status -C p 9> trace9 > /dev/null
    for file in trace trace9; do
        [ -s "$file" ] || fail "$file is empty"
        python - "$file" << 'EOF'
import json, sys
def once(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)
for line in open(sys.argv[1]):
    event = json.loads(line, object_pairs_hook=once)
    assert "event" in event and event["at"].endswith("Z"), event
EOF
    done
    jq -se 'any(.[]; .event == "child_start") and .[-1].event == "exit"' trace > /dev/null
    jq -se '.[-1] | .event == "exit" and .verb == "status" and .code == "0"' trace9 > /dev/null
    run cat trace trace9
    [[ $output != *hgt-secret* ]] || fail "the password is in the trace"
}

@test "NO_COLOR, CLICOLOR_FORCE, --color; no colour in a pipe and never in JSON" {
    hgt_db
    chain p
    cd p
    coloured() { grep -q $'\033' <<< "$1" || fail "no colour: $1"; }
    plain() { if grep -q $'\033' <<< "$1"; then fail "colour: $1"; fi; }
    coloured "$(CLICOLOR_FORCE=1 headgate status)"
    coloured "$(headgate status --color always)"
    plain "$(headgate status)"
    plain "$(CLICOLOR_FORCE=1 NO_COLOR=1 headgate status)"
    plain "$(CLICOLOR_FORCE=1 headgate status --format json)"
    plain "$(CLICOLOR_FORCE=1 headgate status --color never)"
}

@test "HEADGATE_PG_BINDIR chooses the PostgreSQL of a private cluster" {
    run env HEADGATE_PG_BINDIR=/nonexistent headgate -C "$BATS_TEST_TMPDIR" postgres start --state-dir "$PWD/s"
    expect_status 2
    expect_output /nonexistent
}

# ---- streams, help --------------------------------------------------------------------------------

@test "a closed or full stdout is never exit 0" {
    hgt_db
    chain p
    cd p
    for args in "status --format json" "status" "history --offline" "history --format json" "gate --format json" \
        "--help" "--version" "status --help" "env --print" "explain HG101"; do
        # shellcheck disable=SC2086
        headgate $args >&- 2> /dev/null && fail "closed: $args"
        # shellcheck disable=SC2086
        headgate $args > /dev/full 2> /dev/null && fail "full: $args"
    done
    headgate status < /dev/null 2>&- > out
    [ -s out ]
}

@test "the line of target, host, database and source: status on stdout, the others on stderr" {
    hgt_db
    chain p
    cd p
    line="local: $HGT_DB at 127.0.0.1:$HGT_PORT, DATABASE_URL from"
    [[ $(headgate status 2> /dev/null | head -n 1) == "$line"* ]]
    for verb in history gate apply cancel "target pin" "rollback a1 --yes"; do
        # shellcheck disable=SC2086
        headgate $verb 2> err > out || fail "$verb"
        [[ $(head -n 1 err) == "$line"* ]] || fail "$verb: $(cat err)"
        ! grep -qF "$line" out || fail "$verb: on stdout"
    done
    [ -z "$(headgate env -- true 2>&1)" ]
    [[ $(headgate env -v -- true 2>&1) == *"$line"* ]]
}

@test "--help is one screen on stdout, for headgate and each verb; --version" {
    run --separate-stderr headgate --help
    expect_status 0
    [ -z "$stderr" ]
    local verbs
    verbs=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' <<< "$output")
    for verb in status history new gate apply rollback cancel env exec postgres target explain; do
        grep -qx "$verb" <<< "$verbs" || fail "headgate --help lacks $verb"
        run --separate-stderr headgate "$verb" --help
        expect_status 0
        [[ $output == "usage: headgate $verb "* ]] || fail "$verb"
        [ "${#lines[@]}" -le 50 ] || fail "$verb: ${#lines[@]} lines"
        [ -z "$stderr" ] || fail "$verb"
    done
    run headgate --version
    [[ $output =~ ^headgate\ [0-9]+\. ]] || fail "version"
}
