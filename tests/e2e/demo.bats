#!/usr/bin/env bats
# make demo does what it says, needs no terminal, shows no secret, and cleans up after itself.

setup_file() { load ../lib/common; hgt_setup_file; }
setup()      { load ../lib/common; }

@test "the demo shows the main job and leaves nothing behind" {
    # The cache with the virtualenv is the caller's; HOME is the test's own by now.
    export XDG_CACHE_HOME TMPDIR=$BATS_TEST_TMPDIR RAILWAY_TOKEN=never-used
    XDG_CACHE_HOME=$(dirname "$(dirname "$HGT_VENV")")
    mkdir "$BATS_TEST_TMPDIR/demo"
    cd "$BATS_TEST_TMPDIR/demo"
    run timeout 100 "$HGT_ROOT/scripts/demo" < /dev/null
    expect_status 0
    expect_output "state    behind: 1 revision pending"
    expect_output "production: 1 revision applied"
    expect_output "state    up-to-date: nothing is pending"
    expect_output "production: nothing to do"
    expect_output "HG201"
    expect_output "docs/guides/adopt.md"
    # The README's picture is this output; numbers and digests vary.
    loosen() { sed -E 's/[0-9a-f]*[0-9][0-9a-f]*/0/g'; }
    awk '/^```text$/ { on = 1; next } /^```$/ { on = 0 } on' "$HGT_ROOT/README.md" | loosen > picture
    [ -s picture ] || fail "the README has no picture"
    while IFS= read -r line; do
        loosen <<< "$output" | grep -qxF -- "$line" || fail "not in the demo: $line"
    done < picture
    rm picture
    [[ $output != *demo-secret-* ]] || fail "the password was shown"
    [ -z "$(ls "$BATS_TEST_TMPDIR/demo")" ] || fail "left behind"
    [ -z "$(ls -d "$BATS_TEST_TMPDIR"/headgate-demo-* 2> /dev/null)" ] || fail "left behind"
}
