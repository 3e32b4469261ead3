#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is told while a long statement runs: an index on a function that sleeps takes its time on any machine.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hga_project 1
    hgt_db
    # Eight rows on eight pages, the last ones slow.
    hgt_psql "create table wide (id int, filler text);
              alter table wide alter filler set storage plain;
              insert into wide select n, repeat('x', 7000) from generate_series(1, 8) n;
              create function slow(n int) returns int language plpgsql immutable as
                  'begin if n >= 4 then perform pg_sleep(0.6); end if; return n; end'"
}

@test "an index build tells its phase and how far it is, and the next time how long it took" {
    hga_revision 2 'op.execute("create index i on wide (slow(id))")' 'op.execute("drop index i")'
    run --separate-stderr headgate apply --from-empty
    expect_status 0
    [[ $stderr =~ "running for "[0-9]+" s: create index i on wide (slow(id)) (building index: scanning table, "[0-9]+%\) ]] ||
        fail "no such line"
    headgate rollback -1 -q > back.log 2>&1 || fail "$(cat back.log)"
    run --separate-stderr headgate apply --format json
    expect_status 0
    # A look at the server may come before the migrator's own word of the revision.
    seen=$(jq -c 'select(.event == "progress" and .phase == "building index: scanning table" and .revision)' \
        <<< "$output" | head -n 1)
    [ "$(jq -c '[.unit, .total, .revision, .position, .count]' <<< "$seen")" = '["blocks",8,"r2",1,1]' ] || fail "$output"
    jq -e '.percent == .done * 100 / .total and .percent < 100 and .expected_seconds >= 3 and
           .elapsed_seconds < .expected_seconds * 20' <<< "$seen" || fail "$seen"
}

@test "COPY tells how many rows it has brought" {
    hgt_psql "create function wait() returns trigger language plpgsql as
                  'begin perform slow(new.id); return new; end';
              create trigger wait before insert on wide for each row execute function wait()"
    hga_revision 2 "op.execute(\"copy wide (id) from program 'seq 8'\")"
    run --separate-stderr headgate apply --from-empty
    expect_status 0
    [[ $stderr =~ "copy wide (id) from program 'seq 8' (copy from, "[1-8]\ tuples\) ]] || fail "no such line"
}
