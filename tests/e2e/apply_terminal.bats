#!/usr/bin/env bats
# headgate apply in front of a person: the question on a real terminal, Ctrl-C before and during.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 1
    printf 'version: 1\ntargets:\n  local: { environment: [ process ] }\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
}

terminal() { "$HGT_ROOT/tests/lib/drive-terminal" "$@"; }

@test "the target's name typed on a terminal: applied" {
    terminal '[["expect", "Apply 1 revision to production"], ["expect", "Type the target"], ["send", "production\r"], ["expect", "1 revision applied"], ["exit", 0]]' headgate apply -t production
    [ "$(hga_rows)" = r1 ]
}

@test "another name, or none: refused" {
    terminal '[["expect", "Type the target"], ["send", "staging\r"], ["expect", "nothing was done"], ["exit", 1]]' headgate apply -t production
    terminal '[["expect", "Type the target"], ["send", "\r"], ["exit", 1]]' headgate apply -t production
    terminal '[["expect", "Type the target"], ["send", "\u0004"], ["expect", "no answer"], ["exit", 1]]' headgate apply -t production
    [ "$(hga_rows)" = none ]
}

@test "Ctrl-C at the question: exit 130, nothing was started" {
    terminal '[["expect", "Type the target"], ["send", "\u0003"], ["expect", "before anything was started"], ["exit", 130]]' headgate apply -t production
    [ "$(hga_rows)" = none ]
    hga_no_sessions
}

@test "Ctrl-C in the middle of a migration: canceled, verified, said; exit 4" {
    hga_revision 2 'op.create_table("t2", sa.Column("id", sa.Integer))
op.execute("select pg_sleep(60)")'
    terminal '[["expect", "applying r2"], ["send", "\u0003"], ["expect", "interrupted"], ["expect", "now at no revision"], ["exit", 4]]' headgate apply -t local
    [ "$(hga_rows)" = none ]
    [ "$(hgt_psql "select outcome from headgate.run")" = interrupted ]
    hga_no_sessions
}

@test "an override asks too, and what was confirmed is what runs" {
    hga_revision 2 pass pass
    run --separate-stderr headgate apply -t local --override 'HG208=on purpose' < /dev/null
    expect_status 1
    terminal '[["expect", "Apply 2 revisions to local"], ["send", "local\r"], ["expect", "2 revisions applied"], ["exit", 0]]' headgate apply -t local --override 'HG208=on purpose'
    [ "$(hgt_psql "select overrides::text from headgate.run where direction = 'up'")" = '{"HG208=on purpose"}' ]
}

@test "revisions that become pending while headgate waits for the lock were confirmed by nobody" {
    headgate apply -q -t production --yes > /dev/null 2>&1
    key=$("$HGT_BUILD/helpers/lock_key" public alembic_version)
    psql -Xq "$HGT_PGURL" -c "select pg_advisory_lock(1751605616, $key)" -c 'select pg_sleep(60)' > /dev/null 2>&1 3>&- &
    until [ "$(hgt_psql "select count(*) from pg_locks where locktype = 'advisory' and classid = 1751605616 and database = (select oid from pg_database where datname = '$HGT_DB')")" = 1 ]; do sleep 0.1; done
    headgate apply -t production --format json > out 2> err < /dev/null 3>&- &
    pid=$!
    until grep -q lock-wait out; do sleep 0.1; done
    hgt_psql "drop table t1; truncate alembic_version"
    hgt_psql "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'select pg_sleep%' and datname = '$HGT_DB'"
    code=0
    wait $pid || code=$?
    [ "$code" = 1 ] || { cat out err; false; }
    [ -z "$(hga_rows)" ]
    [[ "$(tail -n 1 out | jq -r .error.message)" == *"changed while"* ]]
}
