#!/usr/bin/env bats
# What every program must do, whatever it is for: help on one screen, a version, a refusal of what
# it does not know, and no success when its answer could not be written.
# Runs on the released build too: every program starts.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Programs that people call (headgate-source-* and headgate-notify are internal: JSON in, JSON out;
# the relay runs in containers; headgate-pid1 has two switches and a usage, see tests/e2e/init.bats).
programs() {
    local file
    for file in "$HGT_BUILD"/headgate-*; do
        case $file in *.o | *.d | *-source-* | *-notify | *-relay.* | *-pid1) continue ;; esac
        if [ -x "$file" ] && [ -f "$file" ]; then
            basename "$file"
        fi
    done
}

@test "there are programs" {
    [ "$(programs | wc -l)" -ge 1 ]
}

@test "--help: exit 0, usage first, at most one screen of 50 lines, nothing on stderr" {
    for program in $(programs); do
        run --separate-stderr "$program" --help
        [ "$status" -eq 0 ] || fail "$program --help"
        [[ $output == "usage: headgate "* ]] || fail "$program --help does not begin with usage"
        [ "${#lines[@]}" -le 50 ] || fail "$program --help has ${#lines[@]} lines"
        [ -z "$stderr" ] || fail "$program --help writes to stderr"
    done
}

@test "--help has no line longer than 100 columns" {
    for program in $(programs); do
        "$program" --help > help.txt
        long=$(awk 'length($0) > 100' help.txt)
        [ -z "$long" ] || fail "$program: $long"
    done
}

@test "--help=json is JSON with name, summary and options" {
    for program in $(programs); do
        "$program" --help=json > help.json || fail "$program"
        jq -e '.name and .summary and (.options | length > 0)' help.json > /dev/null || fail "$program"
    done
}

@test "--version: exit 0 and a version" {
    for program in $(programs); do
        run --separate-stderr "$program" --version
        [ "$status" -eq 0 ] || fail "$program --version"
        [[ $output =~ ^headgate\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$program --version"
    done
}

@test "an unknown option: exit 2, named, nothing on stdout" {
    for program in $(programs); do
        run --separate-stderr "$program" --no-such-option
        [ "$status" -eq 2 ] || fail "$program --no-such-option"
        [ -z "$output" ] || fail "$program prints on stdout"
        [[ $stderr == *--no-such-option* ]] || fail "$program does not name the option"
    done
}

@test "an answer that cannot be written is not a success" {
    for program in $(programs); do
        run --separate-stderr bash -c '"$1" --help > /dev/full' bash "$program"
        [ "$status" -ne 0 ] || fail "$program --help > /dev/full"
        expect_stderr "cannot write the answer: No space left"
        run --separate-stderr bash -c '"$1" --help >&-' bash "$program"
        [ "$status" -ne 0 ] || fail "$program --help >&-"
        expect_stderr "cannot write the answer: Bad file descriptor"
    done
}
