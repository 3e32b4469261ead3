#!/usr/bin/env bats
# What each program loads and how much memory it takes: starting one must cost almost nothing.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; }

loads() {
    ldd "$HGT_BUILD/$1" | awk '{print $1}'
}

@test "programs that ask a database load libpq alone, and nothing where libpq is part of them" {
    for program in headgate-status headgate-history headgate-cancel headgate-gate headgate-apply headgate-entrypoint; do
        libraries=$(loads "$program")
        if [ -s "$HGT_BUILD/libpq/answer" ]; then
            others=$(grep -v -e linux-vdso -e ld-linux -e libc.so <<< "$libraries") || :
            [ -z "$others" ] || fail "$program loads $others"
            continue
        fi
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

@test "programs are small: 1.6 MB without symbols, 2.5 MB where archives or HTTP are part of them" {
    for program in "$HGT_BUILD"/headgate*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        limit=1677721
        if nm "$program" | grep -c -e ' archive_read_new$' -e ' curl_easy_init$' > /dev/null; then limit=2621440; fi
        size=$(strip -o "$BATS_TEST_TMPDIR/stripped" "$program" && stat -c %s "$BATS_TEST_TMPDIR/stripped")
        [ "$size" -le "$limit" ] || fail "$program has $size bytes"
    done
    # What answers and guards has neither.
    for program in headgate headgate-{env,status,history,gate,apply,entrypoint,pid1}; do
        size=$(strip -o "$BATS_TEST_TMPDIR/stripped" "$HGT_BUILD/$program" && stat -c %s "$BATS_TEST_TMPDIR/stripped")
        [ "$size" -le 1677721 ] || fail "$program has $size bytes"
    done
}
