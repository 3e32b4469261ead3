#!/usr/bin/env bats
# headgate doctor: each check fine once and failing once, on a real PostgreSQL and the real Alembic.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; }

# line ID: the line of this check.
line() {
    grep -E "^[a-z]+ +$1 " <<< "$output" || fail "no line for $1"
}

# is STATUS ID [TEXT]
is() {
    local found
    found=$(line "$2")
    [[ $found == "$1 "* ]] || fail "expected $1 for $2"
    [[ $found == *"${3:-}"* ]] || fail "expected for $2: ${3:-}"
}

@test "a project that works: every line is fine, exit 0, nothing is left in the database" {
    hgt_db
    hgt_project
    hgt_alembic upgrade head
    run --separate-stderr headgate doctor
    expect_status 0
}
