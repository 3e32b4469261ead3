#!/usr/bin/env bats
# What each program loads and how much memory it takes: starting one must cost almost nothing.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; }

loads() {
    ldd "$HGT_BUILD/$1" | awk '{print $1}'
}

@test "programs that ask a database load neither libcurl nor libarchive nor libpg_query" {
    for program in headgate-status headgate-history headgate-cancel; do
        libraries=$(loads "$program")
        [[ $libraries == *libpq* ]] || fail "$program does not load libpq at all: $libraries"
        for unwanted in libcurl libarchive libpg_query; do
            [[ $libraries != *$unwanted* ]] || fail "$program loads $unwanted"
        done
    done
}

@test "headgate and headgate-env load no database, HTTP or crypto library" {
    for program in headgate headgate-env; do
        libraries=$(loads "$program")
        for unwanted in libpq libcurl libarchive libcrypto libssl; do
            [[ $libraries != *$unwanted* ]] || fail "$program loads $unwanted"
        done
    done
}

@test "no program is larger than 1 MB without its symbols" {
    for program in "$HGT_BUILD"/headgate*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        size=$(strip -o "$BATS_TEST_TMPDIR/stripped" "$program" && stat -c %s "$BATS_TEST_TMPDIR/stripped")
        [ "$size" -le 1048576 ] || fail "$program has $size bytes"
    done
}
