#!/usr/bin/env bats
# scripts/test-bats: which bats the tests get. Programs that stand in for an old bats and for npm come
# first in PATH; scripts/install-deps asks the same question.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    mkdir "$BATS_TEST_TMPDIR/bin"
    export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    cat > "$BATS_TEST_TMPDIR/bin/npm" << 'NPM'
#!/bin/bash
echo "$*" >> "$XDG_CACHE_HOME/npm.calls"
[ -z "${NPM_FAILS:-}" ] || { echo "npm ERR! network"; exit 1; }
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/bats/bin"
NPM
    chmod +x "$BATS_TEST_TMPDIR/bin/npm"
}

bats_of() {
    printf '#!/bin/sh\necho "Bats %s"\n' "$1" > "$BATS_TEST_TMPDIR/bin/bats"
    chmod +x "$BATS_TEST_TMPDIR/bin/bats"
}

ask() { PATH=$BATS_TEST_TMPDIR/bin:$PATH run --separate-stderr "$HGT_ROOT/scripts/test-bats" "$@"; }

@test "a bats that is new enough is the distribution's own" {
    for version in 1.7.0 1.8.2 1.11.1 2.0.0; do
        bats_of "$version"
        ask --old
        expect_status 1
        ask
        expect_status 0
        [ "$output" = "$BATS_TEST_TMPDIR/bin" ] || fail "$version"
    done
    [ ! -e "$XDG_CACHE_HOME/npm.calls" ]
}

@test "an older one is replaced by the npm package, once" {
    for version in 0.4.0 1.2.1 1.6.1; do
        bats_of "$version"
        ask --old
        expect_status 0
        ask
        expect_status 0
        [[ $output == "$XDG_CACHE_HOME"/headgate-tests/bats-*/node_modules/bats/bin ]] || fail "$version"
        [ -d "$output" ]
    done
    [ "$(wc -l < "$XDG_CACHE_HOME/npm.calls")" = 1 ]
    grep -q 'bats@1\.' "$XDG_CACHE_HOME/npm.calls"
}

@test "npm that fails is shown, and asked again the next time" {
    bats_of 1.2.1
    NPM_FAILS=1 ask
    expect_status 1
    expect_stderr "npm ERR! network"
    expect_stderr "npm cannot install bats"
    ask
    expect_status 0
}
