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
    # taking the protection away is no way around it
    configure
    gate
    expect_status 1
    [ "$(json '.findings[] | select(.severity == "error").rule')" = HG217 ]
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

@test "an applied file edited later is found by the ledger, rows moved without their schema too" {
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
    expect_status 1
    [ "$rules" = HG226 ]
    hgt_psql "update alembic_version set version_num = '0003c9e2074a'"
    hgt_alembic downgrade -1 > /dev/null 2>&1
    gate
    expect_status 0
    expect_output HG215
}

@test "applied before it was committed: no command names the commit that lacks the file" {
    new_revision
    printf 'revision = "0005"\ndown_revision = "0004"\n\n\ndef upgrade():\n    pass\n' > "$V/0005.py"
    headgate apply -q -t here > /dev/null
    git add -A && git commit -q -m "at last"
    sed -i 's/"c"/"d"/' "$V/0004.py"
    git commit -q -a -m edited
    gate
    [ "$rules" = HG201 ] || fail "$rules"
    [[ $(json '.findings[0].help') == "Take it back"* ]] || fail "$(json '.findings[0].help')"
    git rm -q "$V/0004.py"
    sed -i 's/"0004"/"0003c9e2074a"/' "$V/0005.py"
    git commit -q -a -m "deleted, the history closed up"
    gate
    [ "$(json '.findings[] | select(.rule == "HG228") | .help | contains("git checkout")')" = false ]
    bash -c "$(json '.findings[] | select(.rule == "HG202") | .help' | sed 's/^[^`]*`//; s/`.*//')" > back.py
    git show HEAD~2:"$V/0004.py" | cmp - back.py
}

@test "applied when it was committed: the command names that commit" {
    new_revision
    git add -A && git commit -q -m 0004
    headgate apply -q -t here > /dev/null
    sed -i 's/"c"/"d"/' "$V/0004.py"
    git commit -q -a -m edited
    gate
    [[ $(json '.findings[0].help') == "See what changed: \`git diff $(git rev-parse --short=12 HEAD~1) -- $V/0004.py\`"* ]] ||
        fail "$(json '.findings[0].help')"
}

@test "the way out of a finding names the target, in the gate, the status, apply and doctor" {
    headgate apply -q -t here > /dev/null
    hgt_psql "alter table sources add column by_hand int"
    gate
    [[ $(json '.findings[] | select(.rule == "HG224") | .help') == *"\`headgate apply -t here --baseline\`"* ]] || fail gate
    new_revision
    run headgate apply -t here
    expect_output "headgate apply -t here --baseline"
    rm "$V/0004.py"
    configure '    protected: true
'
    run headgate doctor -t here
    expect_output "headgate target pin -t here"
    hgt_psql "drop schema headgate cascade; truncate alembic_version"
    run headgate status -t here
    expect_output "headgate apply -t here --from-empty"
}

@test "what looks like a rename shuts the gate where there are rows to lose, and is a note where the history begins" {
    printf 'from alembic import op\nimport sqlalchemy as sa\nrevision = "0004"\ndown_revision = "0003c9e2074a"\n\n\ndef upgrade():\n    op.add_column("sources", sa.Column("body", sa.Text()))\n    op.drop_column("sources", "content")\n\n\ndef downgrade():\n    op.add_column("sources", sa.Column("content", sa.Text()))\n    op.drop_constraint(None, "sources", type_="unique")\n' > "$V/0004.py"
    gate
    expect_status 0
    [ "$rules" = HG211 ] || fail "$rules"
    [ "$(json '.findings[] | select(.rule == "HG209") | .severity')" = note ]
    expect_output "drops a constraint without a name in downgrade()"
    stamp 0003c9e2074a
    gate
    expect_status 1
    [ "$rules" = "HG209 HG211" ] || fail "$rules"
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

@test "--require and gate.after ask about the same section of alembic.ini, with the same -x" {
    # Under `old` the history ends one revision earlier.
    cp -R backend/db/migrations backend/db/older
    rm backend/db/older/versions/0003*
    printf '\n[old]\nscript_location = %%(here)s/db/older\nprepend_sys_path = .\npath_separator = os\n' >> backend/alembic.ini
    stamp 0002b41f6d28
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > first.env
    hgt_db
    stamp 0002b41f6d28
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > second.env
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\ntargets:\n  here: { environment: [ { dotenv: first.env } ], gate: { after: there } }\n  there: { environment: [ { dotenv: second.env } ] }\n' > headgate.yaml
    git add -A && git commit -q -m "two sections"
    gate --require there=up-to-date
    expect_status 1
    [ "$rules" = HG510 ]
    gate --require there=up-to-date --alembic-section old
    expect_status 0
    # What the other program is given, word for word.
    mkdir bin
    cp "$HGT_BUILD"/headgate-{gate,env} bin
    for verb in status ledger; do
        printf '#!/bin/sh\necho "$0 $*" >> "%s"\nexec "%s/%s" "$@"\n' "$PWD/asked" "$HGT_BUILD" "headgate-$verb" > "bin/headgate-$verb"
        chmod +x "bin/headgate-$verb"
    done
    run --separate-stderr bin/headgate-gate -t here --format json --require there=up-to-date --alembic-section old -x tenant=a
    expect_status 0
    grep -e '-t there .*--alembic-section=old -xtenant=a' asked
    # 0003 is pending, so `after` has to ask.
    run --separate-stderr bin/headgate-gate -t here --format json --alembic-section alembic -x tenant=b
    expect_status 1
    grep -e '-t there .*--alembic-section=alembic -xtenant=b' asked
}

@test "the label of another target: shut, not to be overridden, where one of the two is protected" {
    printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\ntargets:\n  here: { environment: [ process ] }\n  there: { environment: [ process ] }\n  prod: { protected: true, environment: [ process ] }\n' > headgate.yaml
    git add -A && git commit -q -m configure
    stamp 0003c9e2074a
    headgate target relabel -t there > /dev/null 2>&1
    gate
    expect_status 0
    [ -z "$rules" ]
    run --separate-stderr headgate-gate -t prod --format json
    expect_status 1
    expect_output HG502
    headgate target relabel -t prod --yes > /dev/null 2>&1
    gate --override HG502=please
    expect_status 1
    [[ $rules == *HG502* ]]
    run --separate-stderr headgate-gate -t prod --format json
    expect_status 0
}

@test "the pin of an unprotected target: another database is a note" {
    stamp 0003c9e2074a
    configure $'    identity: { system_identifier: "1", database: other }\n'
    gate
    expect_status 0
    [ "$(json '[.findings[] | select(.rule == "HG509") | .severity] | join(" ")')" = note ]
    configure "    identity: { database: $HGT_DB }
"
    gate
    [ "$(json '[.findings[].rule] | index("HG509")')" = null ]
}

@test "a revision that a rollback holds shuts the gate" {
    configure $'    protected: true\n'
    headgate apply -q -t here --yes > /dev/null 2>&1
    headgate rollback -q -t here --yes -- -1 > /dev/null 2>&1
    gate
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG223") | .location.revision] | join(" ")')" = 0003c9e2074a ]
    headgate apply -q -t here --yes --release > /dev/null 2>&1
    gate
    expect_status 0
}

@test "after and soak: shut until the pending revisions have run there for so long" {
    stamp 0002b41f6d28
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > first.env
    hgt_db
    printf 'DATABASE_URL=%s\n' "$DATABASE_URL" > second.env
    after() {
        printf 'version: 1\nmigrator: { kind: alembic, directory: backend }\ntargets:\n  here:\n    environment: [ { dotenv: first.env } ]\n    gate: { after: there%s }\n  there:\n    environment: [ { dotenv: %s } ]\n' "$1" "$2" > headgate.yaml
        git add -A && git commit -q --allow-empty -m configure
    }
    after "" second.env
    gate
    expect_status 1
    [ "$rules" = HG510 ]
    headgate apply -q -t there > /dev/null 2>&1
    gate
    expect_status 0
    after ", soak: 1h" second.env
    gate
    expect_status 1
    [ "$rules" = HG510 ]
    hgt_psql "update headgate.run set finished_at = finished_at - interval '2 hours'"
    gate
    expect_status 0
    after "" first.env
    gate
    expect_status 3
    [[ "$(json .reason)" == *"same database"* ]]
}

@test "--wait asks again until it is open, and no longer than that" {
    stamp
    run --separate-stderr headgate-gate -t here --wait 1 --format json
    expect_status 1
    (sleep 1.5; hgt_psql "insert into alembic_version values ('0003c9e2074a')") &
    gate --wait 20
    expect_status 0
    [ "$(json .status.state)" = up-to-date ]
    wait
}

@test "gone back with Alembic itself: the file may change or go" {
    headgate apply -q -t here > /dev/null 2>&1
    hgt_alembic downgrade -1 2> /dev/null
    sed -i 's/^def upgrade/# changed\ndef upgrade/' "$V"/0003*.py
    git commit -q -a -m edited
    gate
    expect_status 0
    git rm -q "$V"/0003*.py && git commit -q -m gone
    gate
    expect_status 0
    git rm -q "$V"/0002*.py && git commit -q -m "gone, and applied"
    gate
    expect_status 1
}

@test "a revision applied long ago whose file is gone, the history closed up behind it: shut" {
    headgate apply -q -t here > /dev/null 2>&1
    git rm -q "$V"/0002*.py
    sed -i 's/^\(down_revision.*= \).*/\1"0001a7c35e90"/' "$V"/0003*.py
    git commit -q -a -m squashed
    gate
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG202") | .location.revision] | join(" ")')" = 0002b41f6d28 ]
}

@test "two rows of one line: shut" {
    stamp 0002b41f6d28 0003c9e2074a
    gate --override HG218=please
    expect_status 1
    [[ $rules == *HG218* ]]
    [ "$(json .status.state)" = diverged ]
}

@test "a shortened row: status reads it as Alembic does, nothing may run on it" {
    stamp 0002b4
    run --separate-stderr headgate-status -t here --format json
    [ "$(json '.state + " " + .current[0]')" = "behind 0002b41f6d28" ]
    gate
    expect_status 1
    [ "$rules" = HG218 ]
    run --separate-stderr headgate apply -t here
    expect_status 1
    stamp 0003c9
    gate
    expect_status 0
    run --separate-stderr headgate rollback -t here -- -1
    expect_status 1
    [ "$(hgt_psql "select version_num from alembic_version")" = 0003c9 ]
}

@test "a read-only database shuts, a migration under way warns, an orphaned one shuts" {
    stamp 0002b41f6d28
    hgt_psql "alter database $HGT_DB set default_transaction_read_only = on"
    gate
    expect_status 1
    [ "$rules" = HG602 ]
    run --separate-stderr headgate-status -t here --format json
    expect_status 0
    run --separate-stderr headgate apply -t here --override HG602=please --yes
    expect_status 1
    hgt_psql "set default_transaction_read_only = off; alter database $HGT_DB reset default_transaction_read_only" ||
        hgt_admin "alter database $HGT_DB reset default_transaction_read_only"
    key=$("$HGT_BUILD/helpers/lock_key" public alembic_version)
    local class rule code
    for class in 1751605616 1751608679; do
        psql -Xq "$HGT_PGURL" -c "select pg_advisory_lock_shared($class, $key)" -c 'select pg_sleep(20)' > /dev/null 2>&1 3>&- &
        holder=$!
        until [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and classid = $class and database = (select oid from pg_database where datname = '$HGT_DB')")" = 1 ]; do sleep 0.1; done
        gate
        [ $class = 1751605616 ] && rule=HG605 code=0 || rule=HG606 code=1
        expect_status "$code"
        [ "$rules" = "$rule" ]
        kill "$holder"
        until [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%pg_sleep(20)%' and state = 'active' and pid <> pg_backend_pid() and datname = '$HGT_DB'")" = 0 ]; do
            hgt_psql "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'select pg_sleep(20)%' and datname = '$HGT_DB'" > /dev/null
            sleep 0.1
        done
    done
}

@test "a model that is not registered: a warning while it is being written, an error with an empty revision" {
    stamp 0003c9e2074a
    printf 'from sqlalchemy.orm import Mapped, mapped_column\nfrom sqlalchemy.types import BigInteger\n\nfrom db.tables.base import Base\n\n\nclass TagsTable(Base):\n    __tablename__ = "tags"\n\n    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)\n' > backend/db/tables/tag.py
    new_revision
    git add -A && git commit -q -m "a model"
    gate
    expect_status 0
    [ "$rules" = HG207 ]
    run --separate-stderr headgate-gate --offline --base HEAD~1 --format json
    expect_status 1
    sed -i 's/^    op\..*/    pass/' "$V/0004.py"
    git commit -q -a -m empty
    gate
    expect_status 1
    [[ $rules == *HG207* ]]
}
