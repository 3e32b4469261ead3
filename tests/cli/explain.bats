#!/usr/bin/env bats
# headgate explain: every rule has its page, and the program prints that page.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; }

@test "every rule has a page, and every page a rule" {
    headgate-explain | awk '{ print $1 }' | sort > "$BATS_TEST_TMPDIR/rules"
    (cd "$HGT_ROOT/docs/rules" && ls) | sed 's/\.md$//' | sort > "$BATS_TEST_TMPDIR/pages"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/rules")" -gt 40 ]
    diff "$BATS_TEST_TMPDIR/rules" "$BATS_TEST_TMPDIR/pages"
}

@test "a page begins with its rule's id and title, and has the parts that people look for" {
    while read -r id _ title; do
        page=$HGT_ROOT/docs/rules/$id.md
        [ "$(head -n 1 "$page")" = "# $id: $title" ] || fail "$id: heading is not \"$title\""
        for part in "What it means" "Why" "How to fix or waive it"; do
            grep -qx "## $part" "$page" || fail "$id has no \"$part\""
        done
        grep -qxE '## (Examples|How it is tested)' "$page" || fail "$id: neither examples nor tests"
    done < <(headgate-explain)
}

@test "explain RULE prints the page" {
    run --separate-stderr headgate-explain HG201
    expect_status 0
    [ "${lines[0]}" = "HG201  an applied or merged revision was edited" ]
    tail -n +2 "$HGT_ROOT/docs/rules/HG201.md" > "$BATS_TEST_TMPDIR/page"
    headgate-explain HG201 | tail -n "$(wc -l < "$BATS_TEST_TMPDIR/page")" |
        diff - "$BATS_TEST_TMPDIR/page"
}

@test "through headgate it is the same" {
    diff <(headgate explain HG101) <(headgate-explain HG101)
}

@test "a rule that does not exist: exit 2, and the nearest" {
    run --separate-stderr headgate-explain hg20l
    expect_status 2
    [ -z "$output" ]
    expect_stderr "did you mean HG201"
    run --separate-stderr headgate-explain 501
    expect_status 2
    expect_stderr "did you mean HG501"
    run --separate-stderr headgate-explain nonsense
    expect_status 2
    expect_stderr "\`headgate explain\` lists all rules"
}

@test "the list says the severity of each" {
    run headgate-explain
    expect_status 0
    expect_output "HG101  error    more than one head"
    [[ $output =~ HG203\ +note ]]
}

@test "a rule that nothing may waive says so" {
    run headgate-explain HG501
    expect_output "cannot be changed, waived or overridden"
    run headgate-explain HG201
    [[ $output != *"cannot be changed"* ]]
}
