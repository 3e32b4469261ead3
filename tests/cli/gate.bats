#!/usr/bin/env bats
# headgate gate --offline: files and git alone.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_project
    git checkout -q -b change
    V=backend/db/migrations/versions
}

# gate ARGS: runs it and leaves the rules found in $rules
gate() {
    run --separate-stderr headgate-gate --offline --format json "$@"
    rules=$(json '[.findings[] | select(.waived == null) | .rule] | unique | join(" ")')
}

commit() { git add -A && git commit -q -m "${1:-change}"; }

new_revision() {
    printf 'from alembic import op\nimport sqlalchemy as sa\nrevision = "%s"\ndown_revision = "%s"\n\n\ndef upgrade():\n    op.add_column("notebooks", sa.Column("c%s", sa.Text()))\n\n\ndef downgrade():\n    op.drop_column("notebooks", "c%s")\n' \
        "$1" "$2" "$1" "$1" > "$V/$1_x.py"
}

@test "nothing changed: open, exit 0, the document of the contract" {
    gate
    expect_status 0
    [ "$(json '.schema + " " + .verdict + " " + .fail_on')" = "headgate.gate/1 open error" ]
    [ "$(json '.counts | [.note, .warning, .error, .waived] | map(tostring) | join(",")')" = 0,0,0,0 ]
    [ "$(json '.findings | length')" = 0 ]
    [ "$(json .status)" = null ]
}

@test "a new revision behind the head: open" {
    new_revision 0004 0003c9e2074a
    commit
    gate
    expect_status 0
    [ -z "$rules" ]
}

@test "a merged revision edited, committed or not: shut, with file and line" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    gate
    expect_status 1
    [ "$rules" = HG201 ]
    [ "$(json '.findings[0].location.path')" = "$V/0001a7c35e90_create_notebooks.py" ]
    [ "$(json '.findings[0].location.line')" = "$(grep -n length=500 "$V"/0001* | cut -d: -f1)" ]
    commit
    gate
    expect_status 1
    [ "$rules" = HG201 ]
    # As in a hook of a linked worktree.
    export GIT_DIR=$PWD/.git GIT_PREFIX=
    gate
    [ "$rules" = HG201 ]
    [[ $(json '.findings[0].help') == *"git checkout main -- $V/0001"* ]] || fail "another root"
    export GIT_WORK_TREE=$PWD
    gate
    [ "$rules" = HG201 ]
}

@test "a merged revision deleted: shut, with the command that brings it back" {
    rm "$V/0003c9e2074a_add_sources.py"
    commit
    gate
    expect_status 1
    [ "$rules" = HG202 ]
    help=$(json '.findings[0].help')
    command=$(sed 's/^[^`]*`\([^`]*\)`.*/\1/' <<< "$help")
    $command
    gate
    expect_status 0
}

@test "moved, or with other line ends: a note, open" {
    git mv "$V/0003c9e2074a_add_sources.py" "$V/sources.py"
    commit
    gate
    expect_status 0
    [ "$rules" = HG203 ]
    git reset -q --hard main
    sed -i 's/$/\r/' "$V/0002b41f6d28_add_notebook_sessions.py"
    commit
    gate
    expect_status 0
    [ "$rules" = HG203 ]
    expect_output "only the line endings"
}

@test "the folder renamed or no longer looked into: what was merged is compared all the same" {
    sed -i 's|^script_location.*|&\nversion_locations = %(here)s/db/migrations/versions:%(here)s/more|' backend/alembic.ini
    mkdir backend/more
    git mv "$V/0003c9e2074a_add_sources.py" backend/more
    commit
    git branch -q -f main
    sed -i 's|^version_locations.*|version_locations = %(here)s/db/migrations/versions|' backend/alembic.ini
    gate
    expect_status 1
    [ "$(json '.findings[] | select(.rule == "HG202") | .location.path + " " + .help')" = \
        "backend/more/0003c9e2074a_add_sources.py Its file is still there: what alembic.ini says of script_location, version_locations and recursive_version_locations does not lead to it. Say it as main does." ]
    sed -i 's|^version_locations.*|version_locations = %(here)s/revisions:%(here)s/more|' backend/alembic.ini
    git mv "$V" backend/revisions
    commit
    gate
    expect_status 0
    [ "$(json '[.findings[].rule] | join(" ")')" = "HG203 HG203" ]
    # alembic.ini itself moved, and its folder renamed
    git mv backend api
    sed -i 's/directory: backend/directory: api/' headgate.yaml
    sed -i 's/length=255/length=500/' api/revisions/0001*
    rm api/more/0003*
    gate
    expect_status 1
    [ "$rules" = "HG201 HG202 HG203" ]
}

@test "another project's migrations beside ours are none of ours" {
    cp -R backend worker
    rm worker/db/migrations/versions/000[23]*
    sed -i "s/0001a7c35e90/aa01/" worker/db/migrations/versions/0001*
    sed -i 's/directory: backend/directory: worker/' headgate.yaml
    gate
    expect_status 0
    [ "$rules" = HG206 ]
}

@test "a revision that only Python can read is compared by its place" {
    sed -i "s/= '0003c9e2074a'/= '0003' + 'c9e2074a'/" "$V"/0003*
    commit
    git branch -q -f main
    gate
    expect_status 0
    [ -z "$rules" ]
    sed -i 's/length=50/length=60/' "$V"/0003*
    gate
    expect_status 1
    [ "$rules" = HG201 ]
}

@test "revision files behind links and in a submodule are compared where they lie" {
    mkdir backend/shared
    git mv "$V"/000[13]* backend/shared
    ln -s ../../../shared/0001a7c35e90_create_notebooks.py ../../../shared/0003c9e2074a_add_sources.py "$V"
    commit
    git branch -q -f main
    gate
    expect_status 0
    [ -z "$rules" ]
    sed -i 's/length=255/length=500/' backend/shared/0001*
    rm "$V/0003c9e2074a_add_sources.py"
    gate
    expect_status 1
    [ "$rules" = "HG201 HG202" ]
    git checkout -q .
    cp -RL backend/shared "$BATS_TEST_TMPDIR/files"
    cp "$V"/0002* "$BATS_TEST_TMPDIR/files"
    git rm -q -r backend/shared "$V"
    git -C "$BATS_TEST_TMPDIR/files" init -q -b main
    (cd "$BATS_TEST_TMPDIR/files" && commit)
    git -c protocol.file.allow=always submodule --quiet add "$BATS_TEST_TMPDIR/files" "$V"
    commit
    git branch -q -f main
    gate
    expect_status 0
    [ -z "$rules" ]
    sed -i 's/length=255/length=500/' "$V"/0001*
    gate
    expect_status 1
    [ "$rules" = HG201 ]
    rm -rf "$V/.git"
    git init -q "$V"
    gate
    expect_status 3
    [ "$rules" = HG216 ]
}

@test "the parent of a merged revision changed: history rewritten" {
    new_revision 0004 0002b41f6d28
    sed -i "s/^down_revision.*/down_revision = '0004'/" "$V/0003c9e2074a_add_sources.py"
    commit
    gate
    expect_status 1
    [[ $rules == *HG204* ]]
}

@test "a base that moved on: nothing looks deleted, and the two heads to come are found" {
    new_revision 0004 0003c9e2074a
    commit
    git checkout -q main
    new_revision 0005 0003c9e2074a
    commit
    git checkout -q change
    gate
    expect_status 1
    [ "$rules" = HG101 ]
    expect_output "0004 (here)"
    expect_output "0005 (main)"
    git merge -q --no-edit main
    gate
    expect_status 1
    [ "$rules" = HG101 ]
}

@test "a stale branch that changes no revision is open" {
    git checkout -q main
    new_revision 0005 0003c9e2074a
    commit
    git checkout -q change
    gate
    expect_status 0
    [ -z "$rules" ]
}

@test "a model that is not registered, and the empty revision it leads to" {
    sed 's/SourcesTable/TagsTable/; s/"sources"/"tags"/' backend/db/tables/source.py > backend/db/tables/tag.py
    printf 'revision = "0004"\ndown_revision = "0003c9e2074a"\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n' > "$V/0004.py"
    commit
    gate
    expect_status 1
    [[ $rules == *HG207* && $rules == *HG208* ]] || fail "$rules"
    expect_output "db.tables.tag"
}

@test "drop and add that look like a rename: shut" {
    printf 'from alembic import op\nimport sqlalchemy as sa\nrevision = "0004"\ndown_revision = "0003c9e2074a"\n\n\ndef upgrade():\n    op.add_column("sources", sa.Column("body", sa.Text()))\n    op.drop_column("sources", "content")\n\n\ndef downgrade():\n    op.add_column("sources", sa.Column("content", sa.Text()))\n    op.drop_column("sources", "body")\n' > "$V/0004.py"
    commit
    gate
    expect_status 1
    [ "$rules" = HG209 ]
}

@test "a shallow clone: could not tell, exit 3, with the line to add" {
    git clone -q --depth 1 "file://$PWD" ../shallow
    cd ../shallow
    gate
    expect_status 3
    [ "$(json .verdict)" = null ]
    [ "$rules" = HG216 ]
    expect_output "fetch-depth: 0"
}

@test "no repository, no base branch, no commit in common: could not tell, exit 3" {
    gate --base no-such-branch
    expect_status 3
    expect_output "no-such-branch"
    git checkout -q --orphan other
    commit
    gate
    expect_status 3
    expect_output "no commit in common"
    export GIT_TEST_ASSUME_DIFFERENT_OWNER=1
    gate
    expect_status 3
    expect_output "another user owns it"
    expect_output "git config --global --add safe.directory $(printf %q "$PWD")"
    unset GIT_TEST_ASSUME_DIFFERENT_OWNER
    rm -rf .git
    gate
    expect_status 3
    expect_output "no git repository"
}

@test "a definite error shuts also where git cannot tell" {
    new_revision 0004 no-such-parent
    rm -rf .git
    gate
    expect_status 1
    [[ $rules == *HG102* ]]
}

@test "a base that only the remote has, from a detached checkout as in CI" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    commit
    git clone -q "file://$PWD" ../ci
    cd ../ci
    git checkout -q --detach origin/change
    git branch -q -D change
    # A tag of that name is none, and HEAD is not that of the remote.
    git tag main
    git tag origin/main
    git remote set-head origin -d
    gate --base main
    expect_status 1
    [ "$rules" = HG201 ]
    [[ $(json .base) == "origin/main "* ]]
    gate
    [ "$rules" = HG201 ]
    gate --base origin/main
    [ "$rules" = HG201 ]
    gate --base HEAD
    expect_status 0
    [ -z "$rules" ]
}

@test "headgate.yaml made less strict is a finding, stricter is none" {
    printf 'gate:\n  rules: { HG201: off }\n' >> headgate.yaml
    gate
    expect_status 0
    [ "$rules" = HG217 ]
    expect_output "HG201 is lowered from error to off"
    git checkout -q headgate.yaml
    sed -i '/protected: true/d' headgate.yaml
    gate
    expect_output "target production is no longer protected"
    # It does not silence its own finding, and moving the file hides nothing.
    printf 'gate:\n  rules: { HG217: off }\n' >> headgate.yaml
    gate
    [ "$rules" = "HG217 HG221" ]
    git mv headgate.yaml backend
    sed -i '/^gate:/,$d; s/directory: backend/directory: ./; s/^    protected.*//' backend/headgate.yaml
    gate -C backend
    expect_output "target production is no longer protected"
    git reset -q --hard
    sed -i 's/protected: true/&\n    ledger: file/' headgate.yaml
    gate
    expect_output "the ledger of target production is kept otherwise"
    git checkout -q headgate.yaml
    printf 'gate:\n  rules: { HG211: error }\n' >> headgate.yaml
    gate
    [ -z "$rules" ]
}

@test "a waiver holds until its end, and is a finding after it" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    printf 'gate:\n  waive: [ { rule: HG201, revision: 0001a7c35e90, reason: "tried it", until: 2099-01-31 } ]\n' >> headgate.yaml
    gate
    expect_status 0
    [ "$(json .counts.waived)" = 1 ]
    [ "$(json '.findings[] | select(.rule == "HG201").waived')" = "tried it" ]
    sed -i 's/2099/2020/' headgate.yaml
    gate
    expect_status 1
    [[ $rules == *HG201* && $rules == *HG219* ]] || fail "$rules"
}

@test "a waiver for another revision covers nothing" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    printf 'gate:\n  waive: [ { rule: HG201, revision: 0002b41f6d28, reason: "x", until: 2099-01-31 } ]\n' >> headgate.yaml
    gate
    expect_status 1
    # The beginning of an id counts where it is of one revision: 0001 is a whole one here.
    sed -i 's/0002b41f6d28, reason/0001, reason/' headgate.yaml
    gate
    expect_status 0
    new_revision 0001 0003c9e2074a
    gate
    expect_status 1
    sed -i 's/revision: 0001/revision: "000"/' headgate.yaml
    rm "$V/0001_x.py"
    gate
    expect_status 1
}

@test "--override passes a rule once; without a reason or for an unknown rule it is wrong usage" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    gate --override HG201="agreed with Ann"
    expect_status 0
    [ "$(json '.findings[] | select(.rule == "HG201").waived')" = "override: agreed with Ann" ]
    gate --override HG208="nothing there"
    [[ $rules == *HG221* ]]
    run --separate-stderr headgate-gate --offline --override HG201
    expect_status 2
    run --separate-stderr headgate-gate --offline --override HG999=x
    expect_status 2
}

@test "--fail-on: a note shuts only when asked" {
    git mv "$V/0003c9e2074a_add_sources.py" "$V/sources.py"
    commit
    gate --fail-on note
    expect_status 1
    gate --fail-on warning
    expect_status 0
}

# typed TEXT: the command in backquotes in that help, as somebody types it.
typed() { bash -c "$(sed 's/^[^`]*`//; s/`.*//; q' <<< "$1")"; }

@test "the printed commands work from a folder below the root" {
    cd backend
    sed -i 's/length=255/length=500/' db/migrations/versions/0001a7c35e90_create_notebooks.py
    git rm -q db/migrations/versions/0003*.py
    gate
    typed "$(json '.findings[] | select(.rule == "HG201") | .help')"
    typed "$(json '.findings[] | select(.rule == "HG202") | .help')"
    git diff --quiet HEAD || fail "not as it was"
}

@test "text: the verdict first, findings with their way out" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    run --separate-stderr headgate-gate --offline
    expect_status 1
    [ "${lines[0]}" = "shut  the gate for these files (1 error)" ]
    expect_output "git checkout main --"
    [ -z "$stderr" ]
}

@test "GitHub annotations, and documents of the other formats that their readers parse" {
    sed -i 's/length=255/length=500/' "$V/0001a7c35e90_create_notebooks.py"
    run --separate-stderr headgate-gate --offline --format github
    expect_status 1
    [ "${#lines[@]}" -eq 1 ]
    [[ ${lines[0]} == "::error file=$V/0001a7c35e90_create_notebooks.py,line="*",title=HG201 "* ]]
    headgate-gate --offline --format sarif | jq -e '.runs[0].results[0].ruleId == "HG201"'
    headgate-gate --offline --format gitlab | jq -e '.[0].severity == "critical"'
    headgate-gate --offline --format junit |
        python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.stdin).getElementsByTagName("failure")[0]'
    headgate-gate --offline --format markdown | grep -q HG201
    headgate-gate --offline --format html | grep -q 'error HG201'
}

@test "a commit's files are listed once: what the revisions and headgate.yaml are compared with, too" {
    local git
    git=$(command -v git)
    mkdir bin
    printf '#!/bin/sh\necho "$*" >> "%s/calls"\nexec "%s" "$@"\n' "$BATS_TEST_TMPDIR" "$git" > bin/git
    chmod +x bin/git
    new_revision 0004 0003c9e2074a
    commit
    git checkout -q main
    git commit -q --allow-empty -m more
    git checkout -q change
    sed -i 's/protected: true/protected: false/' headgate.yaml
    PATH=$PWD/bin:$PATH gate
    [ "$rules" = HG217 ]
    [ "$(grep -c ls-tree "$BATS_TEST_TMPDIR/calls")" = 3 ] || fail "merge base, main, HEAD: $(grep ls-tree "$BATS_TEST_TMPDIR/calls")"
}
