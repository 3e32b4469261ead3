#!/usr/bin/env bats
# make install, from a tree that was moved afterwards, and make uninstall.
# Runs on the released build too: what is installed is this build.

setup_file() { load ../lib/common; hgt_setup_file; }
setup()      { load ../lib/common; cd "$BATS_TEST_TMPDIR" || return 1; }

install_tree() { "$HGT_ROOT/scripts/install-tree" "$@" "$HGT_BUILD" "$BATS_TEST_TMPDIR/stage" /opt/hg; }

@test "the installed tree works wherever it is moved" {
    install_tree > /dev/null
    mv stage/opt/hg elsewhere
    hgt_project
    run env -i HOME="$HOME" PATH=/usr/bin:/bin "$BATS_TEST_TMPDIR/elsewhere/bin/headgate" \
        history --offline --format json
    expect_status 0
    [ "$(json '.revisions | length')" = 3 ] || fail "history"
    for program in "$HGT_BUILD"/headgate-*; do
        [ ! -x "$program" ] || [ ! -f "$program" ] || [ -x "$BATS_TEST_TMPDIR/elsewhere/libexec/headgate/${program##*/}" ] ||
            fail "${program##*/} is not installed"
    done
}

@test "a makefile that includes the installed headgate.mk runs the installed headgate" {
    install_tree > /dev/null
    hgt_project
    tree=$BATS_TEST_TMPDIR/stage/opt/hg
    PATH=$tree/bin:/usr/bin:/bin run make -s HEADGATE_MK="$tree/share/headgate/headgate.mk" \
        migrate-status t=nowhere
    expect_status 2
    expect_output "nowhere"
    expect_output "headgate: exit 2"
}

@test "installing again replaces, uninstalling leaves only what was not headgate's" {
    mkdir -p stage/opt/hg/bin stage/opt/hg/libexec/headgate
    echo mine > stage/opt/hg/bin/other
    install_tree > /dev/null
    (cd stage && find . -type f | sort) > first
    [ "$(grep -c headgate first)" -gt 10 ]
    # What an older version had and this one has not.
    echo libexec/headgate/headgate-former >> stage/opt/hg/share/headgate/installed
    touch stage/opt/hg/libexec/headgate/headgate-former
    install_tree > /dev/null
    (cd stage && find . -type f | sort) | diff first -
    install_tree --remove
    [ "$(cd stage && find . -type f)" = ./opt/hg/bin/other ] || fail "$(find stage)"
    [ ! -e stage/opt/hg/libexec/headgate ]
    [ ! -e stage/opt/hg/share/headgate ]
}

@test "make install and make uninstall: programs, pages, man pages; nothing is left" {
    command="make -s -C $HGT_ROOT PROFILE=$HGT_PROFILE DESTDIR=$BATS_TEST_TMPDIR/pkg PREFIX=/usr"
    run -0 $command install
    [ -s pkg/usr/share/doc/headgate/README.md ] || fail "no pages"
    [ -s pkg/usr/share/doc/headgate/schema/status.schema.json ] || fail "no schemas"
    for page in headgate headgate-status headgate-apply; do
        [ -s "pkg/usr/share/man/man1/$page.1" ] || fail "no $page.1"
    done
    hgt_project
    run -0 "$BATS_TEST_TMPDIR/pkg/usr/bin/headgate" history --offline
    cd "$BATS_TEST_TMPDIR"
    run -0 $command uninstall
    [ -z "$(find pkg -type f)" ] || fail "$(find pkg -type f)"
}

@test "wrong usage" {
    run "$HGT_ROOT/scripts/install-tree" one
    expect_status 2
}
