#!/usr/bin/env bats
# A database that was made by other means is stamped by Alembic and recorded by `apply --baseline`; and
# autogenerate meets the schema of the record.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

rules() { jq -r '[.findings[].rule] | join(" ")' <<< "$output"; }

@test "made by other means: stamped, recorded, and from then on like any other" {
    hga_project 3
    hgt_psql "create table t1 (id integer); create table t2 (id integer)"
    # Nothing says which revisions these tables are.
    run --separate-stderr headgate apply --baseline --format json
    expect_status 1
    [[ "$output" == *HG214* ]]
    [ "$(hgt_psql "select to_regclass('headgate.run') is null")" = t ]
    alembic stamp r2
    local before
    before=$(hgt_psql "select xmin::text || ctid::text from alembic_version")
    run --separate-stderr headgate apply --baseline --format json
    expect_status 0
    [ "$(hga_result '[.outcome, (.applied | join(",")), .state] | join(" ")')" = "applied r1,r2 behind" ]
    [ "$(jq -c 'select(.event == "gate") | .steps' <<< "$output")" = "[]" ] || fail "says that r3 is to be applied"
    [ "$(hgt_psql "select xmin::text || ctid::text from alembic_version")" = "$before" ]
    [ "$(hgt_psql "select direction || ' ' || outcome || ' ' || array_to_string(rows_after, ',') || ' ' || (fingerprint is not null) from headgate.run")" = "baseline recorded r2 true" ]
    [ "$(hgt_psql "select count(*) from headgate.step where file is not null and outcome = 'done'")" = 2 ]
    [ "$(hgt_psql "select bool_and(made) from headgate.objects where digest is not null")" = t ]
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ -z "$(rules)" ]
    # What is recorded is watched: the edit of a file, a change by hand.
    echo '# more' >> mig/versions/r1.py
    sed -i 's/"t1"/"t9"/' mig/versions/r1.py
    hga_commit
    hgt_psql "alter table t2 add column by_hand text"
    run --separate-stderr headgate gate --format json
    expect_status 1
    [[ " $(rules) " == *" HG201 "* && " $(rules) " == *" HG224 "* ]]
    hgt_psql "alter table t2 drop column by_hand"
    git checkout -q HEAD~1 -- mig && hga_commit
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r3 ]
    # Rows of newer code are not recorded as what these files are.
    hgt_psql "update alembic_version set version_num = 'r9'"
    run --separate-stderr headgate apply --baseline
    expect_status 1
    expect_stderr "r9"
    [ "$(hgt_psql "select count(*) from headgate.run where direction = 'baseline'")" = 1 ]
}

@test "recorded in the order of the history, whatever the files are called" {
    hga_project 2
    printf 'revision = "a0"\ndown_revision = "r2"\n\n\ndef upgrade():\n    pass\n' > mig/versions/a0.py
    hga_commit
    hgt_psql "create table t1 (id integer); create table t2 (id integer)"
    alembic stamp a0
    run --separate-stderr headgate apply --baseline --format json
    [ "$(hga_result '.applied | join(",")')" = r1,r2,a0 ] || fail "another order"
    run --separate-stderr headgate status --format json
    [ "$(json .ledger.last.revision)" = a0 ]
}

# The sample at its head, applied by headgate, with an env.py that looks at every schema.
all_schemas() {
    hgt_project
    sed -i "s/connection=connection,/connection=connection, include_schemas=True,/; s/include_name=include_name,//" \
        backend/db/migrations/env.py
    git commit -qam "every schema"
    headgate apply -q > /dev/null
}

@test "include_schemas: autogenerate would drop the ledger; new leaves it alone, the gate stops it" {
    all_schemas
    run hgt_alembic check
    [ "$status" -ne 0 ]
    expect_output "headgate"
    # Alembic alone writes the drops; that revision is stopped, whatever else it holds.
    hgt_alembic revision --autogenerate -m "by hand" > /dev/null 2>&1
    local file
    file=$(ls backend/db/migrations/versions/*by_hand.py)
    grep -q "drop_table('run', schema='headgate')" "$file"
    git add -A && git commit -qm "by hand"
    run --separate-stderr headgate gate --format json
    expect_status 1
    [[ " $(rules) " == *" HG220 "* ]]
    run --separate-stderr headgate apply
    expect_status 1
    [ "$(hgt_psql "select to_regclass('headgate.run') is not null")" = t ]
    git rm -q "$file" && git commit -qm "not that"
    # headgate new says the same schema has nothing new, and writes only what is.
    run --separate-stderr headgate new -m "nothing"
    expect_status 1
    [ -z "$(git status --porcelain)" ]
    sed -i '/created_at: Mapped/i\    color: Mapped[Optional[str]] = mapped_column(Text, nullable=True)' \
        backend/db/tables/notebook.py
    run headgate new -m "add color"
    expect_status 0
    file=${lines[-1]}
    grep -q "add_column('notebooks'" "$file"
    ! grep -q headgate "$file" || fail "$(cat "$file")"
    # With the line that doctor prints, Alembic itself agrees.
    git add -A && git commit -qm "color"
    headgate apply -q > /dev/null
    local line
    line=$(headgate doctor 2>&1 | grep -o 'include_name=lambda.*"headgate")')
    sed -i "s/include_schemas=True,/include_schemas=True, $line,/" backend/db/migrations/env.py
    hgt_alembic check
}
