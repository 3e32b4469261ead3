#!/usr/bin/env bats
# headgate gate on a real database: the table of states, identity, ledger, protected targets.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_project
    hgt_db
    V=backend/db/migrations/versions
    configure
}

# configure [LINES]: a target `here`, with further lines of its own.
configure() {
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\ntargets:\n  here:\n    environment: [ process ]\n%s' "${1:-}" > headgate.yaml
    git add -A
    git commit -q --allow-empty -m configure
}

gate() {
    run --separate-stderr headgate-gate -t here --format json "$@"
    rules=$(json '[.findings[] | select(.waived == null and .severity != "note") | .rule] | unique | join(" ")')
}

# stamp ROW…: the version table as it would be, and one table of the application.
stamp() {
    hgt_psql "create table if not exists alembic_version (version_num varchar(32) not null);
        create table if not exists notebooks (id int); truncate alembic_version;" 2> "$BATS_TEST_TMPDIR/psql"
    for row in "$@"; do hgt_psql "insert into alembic_version values ('$row')"; done
}

new_revision() {
    printf 'from alembic import op\nimport sqlalchemy as sa\nrevision = "0004"\ndown_revision = "0003c9e2074a"\n\n\ndef upgrade():\n    op.add_column("notebooks", sa.Column("c", sa.Text()))\n\n\ndef downgrade():\n    op.drop_column("notebooks", "c")\n' > "$V/0004.py"
}

@test "up-to-date and behind: open" {
    stamp 0003c9e2074a
    gate
    expect_status 0
    [ "$(json '.verdict + " " + .status.state')" = "open up-to-date" ]
    stamp 0002b41f6d28
    gate
    expect_status 0
    [ "$(json '.verdict + " " + .status.state + " " + .status.pending[0].revision')" = "open behind 0003c9e2074a" ]
}

@test "empty: open on a bare database, shut where there are tables" {
    gate
    expect_status 0
    [ "$(json .status.state)" = empty ]
    stamp
    gate
    expect_status 1
    [ "$rules" = HG214 ]
}

@test "ahead: shut, and nothing overrides it" {
    stamp 00ffffffffff
    gate
    expect_status 1
    [ "$(json .status.state)" = ahead ]
    [[ $rules == *HG212* ]]
    gate --override HG212="go on"
    expect_status 1
}

@test "diverged: shut" {
    stamp 00ffffffffff 0001a7c35e90
    gate
    expect_status 1
    [ "$(json .status.state)" = diverged ]
    stamp 0001a7c35e90 0002b41f6d28
    gate
    expect_status 1
    [[ $rules == *HG218* ]]
}

@test "a history that Alembic refuses: shut, not \"could not tell\"" {
    stamp 0003c9e2074a
    sed -i "s/^down_revision.*/down_revision = 'nowhere'/" "$V/0003c9e2074a_add_sources.py"
    gate
    expect_status 1
    [ "$(json .status.state)" = unknown ]
    [[ $rules == *HG102* ]]
}

@test "an unreachable database: could not tell, with the error in the document" {
    export DATABASE_URL=postgresql+psycopg://hgt:hgt-secret@127.0.0.1:1/nothing
    gate
    expect_status 3
    [ "$(json .verdict)" = null ]
    [ "$(json .error.kind)" = database ]
    [[ $output != *hgt-secret* && $stderr != *hgt-secret* ]]
}

@test "pending and not committed, or not merged: a note, an error on a protected target" {
    stamp 0003c9e2074a
    git checkout -q -b change
    new_revision
    gate
    expect_status 0
    expect_output HG206
    git add -A && git commit -q -m add
    gate
    expect_status 0
    expect_output HG205
    git checkout -q main
    configure $'    protected: true\n'
    git checkout -q change
    git rebase -q main
    gate
    expect_status 1
    [[ $rules == *HG205* ]]
}

@test "protected without a pin: a warning; with the wrong one: shut, not to be overridden" {
    stamp 0003c9e2074a
    configure $'    protected: true\n'
    gate
    expect_status 0
    [ "$rules" = HG503 ]
    configure $'    protected: true\n    identity: { system_identifier: "1", database: other }\n'
    gate --override HG501=please
    expect_status 1
    [[ $rules == *HG501* ]]
    system=$(hgt_psql "select system_identifier from pg_control_system()")
    configure "    protected: true
    identity: { system_identifier: \"$system\", database: $HGT_DB }
"
    gate
    expect_status 0
    [ -z "$rules" ]
}

@test "a protected target without a repository is warned of, a shallow clone is \"could not tell\"" {
    stamp 0003c9e2074a
    configure $'    protected: true\n'
    git clone -q --depth 1 "file://$PWD" ../shallow
    rm -rf .git
    gate
    expect_status 0
    [ "$rules" = "HG216 HG503" ]
    cd ../shallow
    gate
    expect_status 3
    configure
    gate
    expect_status 0
}

@test "an applied file edited later is found by the ledger, and rows moved by hand are a note" {
    run --separate-stderr headgate-apply -t here --yes
    expect_status 0
    gate
    expect_status 0
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    git commit -q -a -m "edited and committed on the base itself"
    gate
    expect_status 1
    [ "$rules" = HG201 ]
    expect_output "not the one that was applied"
    git revert --no-edit -q HEAD 2> /dev/null || git revert --no-edit HEAD
    hgt_psql "update alembic_version set version_num = '0002b41f6d28'"
    gate
    expect_status 0
    run --separate-stderr headgate-gate -t here --format json
    expect_output HG215
}

@test "--require: shut until the other target has arrived" {
    stamp 0003c9e2074a
    first=$DATABASE_URL
    printf 'URL=%s\n' "$first" > first.env
    hgt_db
    stamp 0002b41f6d28
    printf 'URL=%s\n' "$DATABASE_URL" > second.env
    # shellcheck disable=SC2016
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\nurl: "${URL}"\ntargets:\n  here:\n    environment: [ { dotenv: first.env } ]\n  there:\n    environment: [ { dotenv: second.env } ]\n' > headgate.yaml
    gate --require there=behind
    expect_status 0
    gate --require there=up-to-date
    expect_status 1
    [ "$rules" = HG510 ]
    run --separate-stderr headgate-gate -t here --require there
    expect_status 2
}
