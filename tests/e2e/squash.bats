#!/usr/bin/env bats
# A squash that headgate.yaml declares: deleted files are silent, and apply moves the version row only
# where ledger and schema prove that the old end was reached.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

# squash FIRST LAST BY PARENT TABLE…: the files of r2 to r3 (and of r1 if FIRST is base) give way to BY.
squash() {
    local first=$1 last=$2 by=$3 parent=$4 table
    shift 4
    [ "$first" != base ] || git rm -q mig/versions/r1.py
    git rm -q mig/versions/r[23].py
    mkdir -p mig/versions
    {
        printf '"""all in one"""\nfrom alembic import op\nimport sqlalchemy as sa\n'
        printf 'revision = "%s"\ndown_revision = %s\n\n\ndef upgrade():\n' "$by" "$parent"
        for table; do printf '    op.create_table("%s", sa.Column("id", sa.Integer))\n' "$table"; done
        printf '\n\ndef downgrade():\n'
        for table; do printf '    op.drop_table("%s")\n' "$table"; done
    } > "mig/versions/$by.py"
    printf 'version: 1\nsquash: [ { replaces: %s..%s, by: %s } ]\n' "$first" "$last" "$by" > headgate.yaml
    hga_commit
}

# A project whose three revisions became s1; "before" is the code before that.
squashed() {
    export PYTHONDONTWRITEBYTECODE=1
    hga_project 3
    git tag before
    "$@"
    squash base r3 s1 None t1 t2 t3
}

rules() { jq -r '[.findings[].rule] | join(" ")' <<< "$output"; }

# refused WORDS: apply moves nothing, by HG235, and so says the gate.
refused() {
    run --separate-stderr headgate gate --format json
    expect_status 1
    [[ " $(rules) " == *" HG235 "* ]] || fail "no HG235"
    expect_output "$1"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [ "$(hga_rows)" = "${2:-r3}" ]
    [ "$(hgt_psql "select to_regclass('headgate.run') is null")" = t ] ||
        [ "$(hgt_psql "select count(*) from headgate.run where direction = 'squash'")" = 0 ]
}

@test "status counts the old end as the new revision, apply moves the row, Alembic agrees" {
    squashed headgate apply -q > /dev/null
    run --separate-stderr headgate status --check --format json
    expect_status 0
    expect_document status
    [ "$(json '[.state, .rows[0], .current[0], (.unknown | length), (.pending | length)] | join(" ")')" = "up-to-date r3 s1 0 0" ]
    [ "$(rules)" = HG234 ]
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ "$(rules)" = HG234 ]
    run --separate-stderr headgate rollback --to-base
    expect_status 1
    expect_stderr "only apply moves it"
    run --separate-stderr headgate apply --baseline
    expect_status 1
    expect_stderr "only apply moves it"
    [ "$(hga_rows)" = r3 ]
    run --separate-stderr headgate apply
    expect_status 0
    expect_stderr "squash: version row r3 moved to s1"
    expect_output "version row moved"
    [ "$(hga_rows)" = s1 ]
    [ "$(hgt_psql "select direction || ' ' || outcome || ' ' || array_to_string(from_rows || rows_after, ' ') || ' ' || (fingerprint is not null) from headgate.run order by seq desc limit 1")" = "squash applied r3 s1 true" ]
    alembic current 2> /dev/null | grep -q '^s1 (head)'
    alembic upgrade head
    run --separate-stderr headgate status --check --format json
    expect_status 0
    [ -z "$(rules)" ]
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ -z "$(rules)" ]
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_result .outcome)" = nothing-to-do ]
    # The new revision goes down as any other.
    run --separate-stderr headgate rollback --to-base
    expect_status 0
    [ "$(hgt_psql "select to_regclass('t1') is null")" = t ]
}

@test "what comes after the squash is applied in the same run; an empty database begins with it" {
    squashed headgate apply -q > /dev/null
    printf 'revision = "s2"\ndown_revision = "s1"\nfrom alembic import op\ndef upgrade():\n    op.execute("create table t4 ()")\ndef downgrade():\n    op.drop_table("t4")\n' > mig/versions/s2.py
    hga_commit
    run --separate-stderr headgate status --format json
    [ "$(json '.state + " " + .pending[0].revision')" = "behind s2" ]
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_result '[.from[0], .to[0], .applied[0], .moved_from[0], .moved_to[0]] | join(" ")')" = "r3 s2 s2 r3 s1" ]
    [ "$(hgt_psql "select string_agg(direction, ' ' order by seq) from headgate.run")" = "up squash up" ]
    hgt_db
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = s2 ]
    [ "$(hgt_psql "select count(*) from headgate.run where direction = 'squash'")" = 0 ]
}

@test "part of the history: what came below must stay below" {
    hga_project 3
    headgate apply -q > /dev/null
    squash r2 r3 n2 None t2 t3
    refused "n2 does not come after what r2 came after"
    sed -i 's/^down_revision = None/down_revision = "r1"/' mig/versions/n2.py
    hga_commit
    run --separate-stderr headgate apply --format json
    expect_status 0
    [ "$(hga_rows)" = n2 ]
    alembic current 2> /dev/null | grep -q '^n2 (head)'
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ -z "$(rules)" ]
}

@test "revisions that stay behind the squash get its revision as parent, and nothing else" {
    hga_project 5
    headgate apply -q r4 > /dev/null
    git checkout -q -b squash
    squash base r3 s1 None t1 t2 t3
    sed -i 's/^\(down_revision = .\)r3/\1s1/; s/Revises: r3/Revises: s1/' mig/versions/r4.py
    hga_commit
    run --separate-stderr headgate gate --offline --base main --format json
    expect_status 0
    [ "$(json '[.findings[] | .rule + " " + (.location.revision // "files")] | sort | join(", ")')" = "HG234 files, HG234 r4" ]
    # A database at r4 has nothing to move: r5 is applied, and it goes down as ever.
    run --separate-stderr headgate gate --format json
    expect_status 0
    [[ " $(rules) " != *" HG2"[02]* ]] || fail "$(rules)"
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = r5 ]
    headgate rollback -2 > /dev/null
    [ "$(hga_rows)" = s1 ]
    headgate apply -q > /dev/null
    # Read by somebody who may not see the stored files, and outside of git.
    rm -rf .git
    run --separate-stderr headgate gate --format json
    expect_status 0
    # Any other change of that file is an edit, here and against the base.
    sed -i 's/"t4"/"t44"/' mig/versions/r4.py
    run --separate-stderr headgate gate --format json
    expect_status 1
    [[ " $(rules) " == *" HG201 "* ]]
}

@test "deleted files are silent on the branch that declares the squash, and only then" {
    hga_project 3
    headgate apply -q > /dev/null
    git checkout -q -b squash
    squash base r3 s1 None t1 t2 t3
    run --separate-stderr headgate gate --offline --format json
    expect_status 0
    [ "$(rules)" = HG234 ]
    expect_output "3 revision files of main are missing here"
    run --separate-stderr headgate gate --format json
    [[ "$(rules)" != *HG202* ]]
    # r1 is not part of this one; and without any, all three are missed.
    sed -i 's/base\.\.r3/r2..r3/' headgate.yaml
    run --separate-stderr headgate gate --offline --format json
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG202") | .location.revision] | join(" ")')" = r1 ]
    echo 'version: 1' > headgate.yaml
    run --separate-stderr headgate gate --offline --format json
    expect_status 1
    [ "$(json '[.findings[] | select(.rule == "HG202")] | length')" = 3 ]
    run --separate-stderr headgate status --format json
    [ "$(json .state)" = diverged ]
}

@test "no proof, no move: no ledger, moved by hand, a record missing, a schema changed by hand" {
    squashed alembic upgrade head
    refused "there is no ledger"
    # The old code records what is there.
    git checkout -q before
    headgate apply --baseline > /dev/null
    git checkout -q main
    hgt_psql "create table kept as table headgate.step"
    hgt_psql "delete from headgate.step where revision = 'r2'"
    refused "does not say that r2 ran"
    hgt_psql "insert into headgate.step overriding system value select * from kept where revision = 'r2'"
    hgt_psql "update headgate.run set rows_after = '{r2}'"
    refused "somebody moved the rows since"
    hgt_psql "update headgate.run set rows_after = '{r3}'"
    hgt_psql "alter table t2 add column by_hand integer"
    refused "not as the last run left it"
    hgt_psql "alter table t2 drop column by_hand"
    # A column that is gone leaves no trace in a definition.
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = s1 ]
}

@test "a database between the ends is told which code to use" {
    squashed headgate apply -q r2 > /dev/null
    run --separate-stderr headgate status --format json
    expect_status 0
    [[ " $(rules) " == *" HG235 "* ]]
    expect_output "inside the squash base..r3"
    expect_output "git checkout $(git log --format=%H --diff-filter=A before -- mig/versions/r3.py | cut -c 1-12) && headgate apply r3"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_rows)" = r2 ]
    git checkout -q "$(git log --format=%H --diff-filter=A before -- mig/versions/r3.py)"
    headgate apply r3 > /dev/null
    git checkout -q main
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hga_rows)" = s1 ]
}

@test "killed between intent and outcome: the next apply closes the run by what the table says" {
    squashed headgate apply -q > /dev/null
    headgate apply > /dev/null
    local open="update headgate.run set finished_at = null, outcome = null, rows_after = null where direction = 'squash'"
    hgt_psql "$open; update headgate.step set outcome = null where direction = 'squash'"
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hgt_psql "select outcome from headgate.run where direction = 'squash'")" = applied ]
    # Killed before the row moved.
    hgt_psql "$open; update headgate.step set outcome = null where direction = 'squash'; update alembic_version set version_num = 'r3'"
    run --separate-stderr headgate apply
    expect_status 0
    [ "$(hgt_psql "select string_agg(outcome, ' ' order by seq) from headgate.run where direction = 'squash'")" = "abandoned applied" ]
    [ "$(hga_rows)" = s1 ]
}

@test "a protected target is asked about the move" {
    hga_project 3
    printf 'version: 1\ntargets: { production: { protected: true, environment: [ process ] } }\n' > headgate.yaml
    hga_commit
    headgate apply -q -t production --yes > /dev/null
    squash base r3 s1 None t1 t2 t3
    printf 'targets: { production: { protected: true, environment: [ process ] } }\n' >> headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t production
    expect_status 1
    expect_stderr "add --yes"
    [ "$(hga_rows)" = r3 ]
    run --separate-stderr headgate apply -t production --yes
    expect_status 0
    [ "$(hga_rows)" = s1 ]
}

@test "mistakes in headgate.yaml name line and column" {
    hga_project 1
    local text want
    while IFS='|' read -r text want; do
        printf 'version: 1\n%s\n' "$text" > headgate.yaml
        run --separate-stderr headgate status
        expect_status 2
        expect_stderr "headgate.yaml:2:$want"
    done << 'EOF'
squash: base|9: expected a list such as
squash: [ { replaces: base } ]|11:
squash: [ { replaces: base..r2, by: s1, with: x } ]|41:
squash: [ { replaces: base, by: s1 } ]|11: expected FIRST..LAST
squash: [ { replaces: a...b, by: s1 } ]|11: expected FIRST..LAST
squash: [ { replaces: a..b, by: b } ]|11: `by` has to be
squash: [ { replaces: a..b, by: s }, { replaces: c..b, by: t } ]|38: b is the end of two squashes
EOF
}

@test "a plan made before the move is the plan that runs" {
    squashed headgate apply -q > /dev/null
    printf 'revision = "s2"\ndown_revision = "s1"\nfrom alembic import op\ndef upgrade():\n    op.execute("create table t4 ()")\ndef downgrade():\n    op.drop_table("t4")\n' > mig/versions/s2.py
    hga_commit
    run --separate-stderr headgate plan -o ../plan.json
    expect_status 0
    run --separate-stderr headgate apply --plan ../plan.json
    expect_status 0
    [ "$(hga_rows)" = s2 ]
}
