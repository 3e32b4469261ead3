# headgate history asked about a folder that a test fills by hand: what `history.bats` and
# `history_config.bats` share. After common.bash.
# shellcheck shell=bash

hgt_history_setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p m/versions
    printf '[alembic]\nscript_location = m\n' > alembic.ini
}

# rev FILE ID DOWN [LABELS [DEPENDS_ON]]: the last three as Python.
rev() {
    printf '"""%s text\n\nRevision ID: %s\n"""\nrevision = "%s"\ndown_revision = %s\nbranch_labels = %s\ndepends_on = %s\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n' \
        "$2" "$2" "$2" "$3" "${4:-None}" "${5:-None}" > "m/versions/$1"
}

look() {
    run --separate-stderr headgate history --offline --format json "$@"
}

# ids: the revisions in order, one line.
ids() { json '[.revisions[].revision] | join(" ")'; }

expect_ids() {
    expect_status 0
    [ "$(ids)" = "$1" ] || fail "expected $1"
}

expect_refused() {
    expect_status 1
    [[ " $(json '[.findings[].rule] | join(" ")') " == *" $1 "* ]] || fail "expected finding $1"
}

as_alembic() {
    local theirs
    theirs=$(alembic history | sed -n 's/.*-> \([^ ,]*\).*/\1/p' | tr '\n' ' ')
    [ "$(ids) " = "$theirs" ] || fail "alembic says: $theirs"
}
