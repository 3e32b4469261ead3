# For the tests of the contract: small histories, and what every document has. Loaded after common.bash.
# shellcheck shell=bash disable=SC2034,SC2154

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
