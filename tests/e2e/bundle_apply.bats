#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `apply --bundle`, with SQL written by hand: transactions, version rows, refusals. What the builder makes of
# migrations is compared with Alembic in bundle_differential.bats, and the cases T1 to T22 in bundle_cases.py;
# what other verbs do with a bundle is in bundle_verbs.bats.

setup_file() {
    load ../lib/common
    load ../lib/bundle
    hgb_setup_file
}
setup() {
    load ../lib/common
    load ../lib/apply
    load ../lib/bundle
    cd "$BATS_TEST_TMPDIR" || return 1
    hgt_db
}

@test "what is pending is applied without alembic.ini and without Python, told and recorded as always" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"message\": \"two\",
             \"upgrade\": [\"insert into t values ('a;b'); insert into t values (\$\$x; y\$\$)\", \"-- only\", \"\"],
             \"downgrade\": [\"delete from t\"]}"
    mkdir empty
    PATH=$HGT_BUILD:/usr/bin:/bin apply --format json
    expect_status 0
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r2 end r1 committed r2 committed" ] || fail "steps"
    [ "$(hga_result .outcome) $(hga_result '.applied | join(",")')" = "applied r1,r2" ] || fail "result"
    [ "$(hgt_psql 'select string_agg(v, chr(124) order by v) from t')" = 'a;b|x; y' ]
    [ "$(hgt_psql "select outcome, array_to_string(rows_after, ',') from headgate.run")" = 'applied|r2' ]
    [ "$(hgt_psql "select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
                   where conrelid = 'alembic_version'::regclass and contype = 'p'")" = \
        'alembic_version_pkc PRIMARY KEY (version_num)' ]
    apply
    expect_status 0
    [[ $stderr$output == *"nothing to do"* || $stderr$output == *"up-to-date"* ]]

    run --separate-stderr headgate rollback --bundle headgate.bundle r1
    expect_status 0
    [ "$(hga_rows) $(hgt_psql 'select count(*) from t')" = "r1 0" ]
}

@test "a revision that needs Python is refused before the first statement, with its reason (T20)" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": \"it reads rows (fetchall)\", \"downgrade\": []}"
    apply --format json
    expect_status 1
    [ "$(hga_result .outcome)" = refused ]
    [[ $(hga_result .error.message) == *r2*"it reads rows (fetchall)"* ]] || fail "no reason"
    [ "$(hga_result '[.findings[].rule] | contains(["HG260"])')" = true ]
    [ "$(hga_rows)" = none ]
    # Nothing lowers it.
    printf 'version: 1\ngate: { rules: { HG260: off } }\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    apply -t local
    expect_status 2
    expect_stderr "cannot be lowered"
    [ "$(hga_rows)" = none ]
    # Up to the revision before it goes.
    rm headgate.yaml
    apply r1
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

BLOCK='{"id": "r2", "down": ["r1"], "upgrade": ["insert into t values ('"'before'"')", {"block": "begin"},
  "alter type e add value '"'b'"'", "create index concurrently ti on t (v)", {"block": "end"},
  "insert into t values ('"'after'"')"%s], "downgrade": []}'
ENUM='{"id": "r1", "upgrade": ["create table t (v text)", "create type e as enum ('"'a'"')"], "downgrade": []}'

@test "an autocommit block stands between two transactions; the version row is in the second (T10)" {
    # shellcheck disable=SC2059
    bundle "$ENUM, $(printf "$BLOCK" '')"
    apply --format json
    expect_status 0
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r1 committed r2 end r2 committed" ] || fail "steps"
    [ "$(hgt_psql "select indisvalid from pg_index where indexrelid = 'ti'::regclass")" = t ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "2 r2" ]

    # Failing behind it: what the block committed stays, and is said.
    hgt_db
    # shellcheck disable=SC2059
    bundle "$ENUM, $(printf "$BLOCK" ', "select 1/0"')"
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"revision r2, statement 7 of 7"*"division by zero"* ]] || fail "where"
    [ "$(hga_result .error.sqlstate)" = 22012 ] || [ "$(hgt_psql 'select sqlstate from headgate.run')" = 22012 ]
    [[ $(hga_result .error.detail) == *"what it did up to there may be in"* ]] || fail "not said"
    [ "$(hgt_psql "select string_agg(v, ',') from t") $(hga_rows)" = "before r1" ]
}

OWN='{"id": "r2", "down": ["r1"], "upgrade": ["insert into t values ('"'x'"')", "COMMIT",
  "create index concurrently ti on t (v)", "insert into t values ('"'y'"')"], "downgrade": []}'

@test "after a COMMIT of its own a revision goes on as the project's driver would (T11)" {
    bundle "$R1, $OWN" '"driver": "psycopg2"'
    apply --format json
    expect_status 0
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "2 r2" ]
    [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
        "r1 begin r1 end r2 begin r1 committed r2 end r2 committed" ] || fail "steps"
    [ "$(hga_result '.findings[] | select(.rule == "HG261") | .location.revision')" = r2 ] || fail "no HG261"

    hgt_db
    bundle "$R1, $OWN" '"driver": "psycopg"'
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"cannot run inside a transaction block"* ]] || fail "what"
    [ "$(hgt_psql 'select sqlstate from headgate.run')" = 25001 ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "1 r1" ] # as online: its COMMIT was one
    [[ $(hga_result .error.detail) == *"r2 commits in the middle: what it did up to there may be in"* ]] || fail "how"
}

@test "after a ROLLBACK of its own nothing is told to be in that is not; what went with it is named" {
    local x='{"id": "x", "upgrade": ["create table t (v text)"], "downgrade": []}'
    local a='{"id": "a", "upgrade": ["insert into t values ('"'a'"')", "ROLLBACK", "COMMIT"%s], "downgrade": []}'
    local b='{"id": "b", "upgrade": ["insert into t values ('"'b'"')"], "downgrade": []}' driver
    printf 'version: 1\nmigrator: { kind: alembic, upgrade_to: heads }\n' > headgate.yaml
    for driver in psycopg psycopg2; do
        hgt_db
        # shellcheck disable=SC2059
        bundle "$x, $(printf "$a" ''), $b" "\"driver\": \"$driver\""
        apply x
        expect_status 0
        apply --format json # b, then a
        expect_status 4
        [ "$(jq -r 'select(.event == "step") | "\(.revision) \(.phase)"' <<< "$output" | xargs)" = \
            "b begin b end a begin a end a committed" ] || fail "steps"
        [[ $(hga_result .error.message) == "all statements went, but the version table says otherwise" ]] || fail "what"
        [[ $(hga_result .error.detail) == *"1 of 2 revisions are in (a)"*"revision a rolls back in its middle: what was \
before it in the same transaction is not in"* ]] || fail "why"
        [ "$(hgt_psql "select coalesce(string_agg(v, ','), '-') from t")" = - ]
    done

    # Nothing is in, so nothing may be in: neither by ROLLBACK nor by what is rolled back to.
    hgt_db
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"rollback\",
            \"begin; savepoint s; select 1; rollback to s\", \"select 1/0\"], \"downgrade\": []}"
    apply r1
    apply --format json
    expect_status 4
    [ "$(hga_result '[.findings[].rule] | index("HG621")')" = null ] || fail "told"
    [[ $(hga_result .error.detail) != *"middle"* ]] || fail "told"

    # What stands alone behind it, or first in an autocommit block, may have come half the way when it fails: it is
    # told, and not tried again.
    # shellcheck disable=SC2016
    local alone='"do $$ begin create table half (a int); commit; raise using errcode = '"'55P03'"'; end $$"' chunks
    for chunks in "\"rollback\", $alone" "{\"block\": \"begin\"}, $alone, {\"block\": \"end\"}"; do
        hgt_db
        bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [$chunks], \"downgrade\": []}" \
            '"driver": "psycopg2", "transaction_per_migration": true'
        apply --format json --lock-budget 1
        expect_status 4
        [ "$(hga_result '.findings[] | select(.rule == "HG621") | .location.revision')" = r2 ] || fail "not told"
        [ "$(hga_result .tries) $(hgt_psql 'select count(*) from half') $(hga_rows)" = "1 0 r1" ] || fail "tried again"
    done

    hgt_db
    bundle "$R1"
    apply
    # From here on psycopg would write another encoding.
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"set client_encoding to latin1\",
            \"insert into t values ('\u00e4')\"], \"downgrade\": []}"
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"client_encoding has become LATIN1"* ]] || fail "what"
}

@test "a text of several statements stays one, so that it fails as a whole (T12), with its place" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"insert into t values ('x'); create index concurrently ti on t (v)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run')" = 25001 ]
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "0 r1" ]
    [ "$(hga_result '.applied | join(",")')" = r1 ]

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"select 1;\\n  select nosuch from t\"], \"downgrade\": []}"
    apply --format json
    [[ $(hga_result .error.message) == *"statement 1 of 1"*'"nosuch" does not exist (at: select nosuch from t)'* ]] ||
        fail "place"
}

@test "COPY from or to the client fails cleanly, and so does what the server refuses at COMMIT (T16)" {
    local sql
    for sql in 'copy t from stdin' 'copy (select generate_series(1, 100000)) to stdout'; do
        bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"$sql\"], \"downgrade\": []}" \
            '"transactional_ddl": false'
        apply --format json
        expect_status 4
        [[ $(hga_result .error.message) == *"revision r2, statement 2 of 2"*"COPY"*"not possible"* ]] || fail "$sql"
        [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "0 r1" ]
    done
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"create table u (id int primary key, o int references u deferrable initially deferred)\",
             \"insert into u values (1, 2)\"], \"downgrade\": []}"
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run order by seq desc limit 1') $(hga_rows)" = "23503 r1" ]
    hga_no_sessions
    # Likewise where the next transaction would have begun with that COMMIT.
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\":
            [\"create table u (id int primary key, o int references u deferrable initially deferred)\",
             \"insert into u values (1, 2)\"], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": [\"create table never (v int)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"revision r2, version table"* ]] || fail "where"
    [ "$(hgt_psql "select to_regclass('u'), to_regclass('never')") $(hga_rows)" = "| r1" ]
    hga_no_sessions
}

@test "branches, merges and dependencies leave the rows that Alembic leaves; a row that is gone is an error (T17, D18)" {
    local a='{"id": "a", "upgrade": [], "downgrade": []}'
    a+=', {"id": "b1", "down": ["a"], "upgrade": [], "downgrade": []}'
    a+=', {"id": "b2", "down": ["a"], "upgrade": [], "downgrade": []}'
    bundle "$a"
    printf 'version: 1\nmigrator: { kind: alembic, upgrade_to: heads }\n' > headgate.yaml
    printf 'targets: { local: { environment: [ process ] } }\n' >> headgate.yaml
    apply
    expect_status 0
    [ "$(hgt_psql "select string_agg(version_num, ',' order by version_num) from alembic_version")" = b1,b2 ]
    a+=', {"id": "m", "down": ["b1", "b2"], "upgrade": [], "downgrade": []}'
    a+=', {"id": "d", "depends_on": ["m"], "upgrade": [], "downgrade": []}'
    bundle "$a"
    apply
    expect_status 0
    [ "$(hga_rows)" = d ]
    run headgate rollback --bundle headgate.bundle a
    expect_status 0
    [ "$(hga_rows)" = a ]

    bundle "$a, {\"id\": \"e\", \"down\": [\"d\"], \"upgrade\": [\"delete from alembic_version\"], \"downgrade\": []}"
    hgt_psql "truncate alembic_version; insert into alembic_version values ('d')"
    apply
    expect_status 4
    expect_stderr "expected to match one row when updating 'd' to 'e' in 'alembic_version'; 0 found"
    [ "$(hga_rows)" = d ]
}

@test "an enum value is used in the next revision only with a transaction for each (T19)" {
    local add='{"id": "r2", "down": ["r1"], "upgrade": ["alter type e add value '"'b'"'"], "downgrade": []}'
    local use='{"id": "r3", "down": ["r2"], "upgrade": ["create table u (v e default '"'b'"')"], "downgrade": []}'
    bundle "$ENUM, $add, $use"
    apply r1
    apply --format json
    expect_status 4
    [ "$(hgt_psql 'select sqlstate from headgate.run order by seq desc limit 1') $(hga_rows)" = "55P04 r1" ]
    [ "$(hgt_psql "select count(*) from pg_enum where enumtypid = 'e'::regtype")" = 1 ]
    bundle "$ENUM, $add, $use" '"transaction_per_migration": true'
    apply
    expect_status 0
    [ "$(hga_rows)" = r3 ]
}

@test "the version table stands where env.py says, in the session's own search_path or in a schema" {
    hgt_psql 'create schema s'
    bundle "$R1" '"version_table": "my Versions", "version_table_schema": "s", "version_table_pk": false'
    apply
    expect_status 0
    [ "$(hgt_psql 'select version_num from s."my Versions"')" = r1 ]
    [ "$(hgt_psql "select count(*) from pg_constraint where conrelid = 's.\"my Versions\"'::regclass")" = 0 ] ||
        [ "$(hgt_psql "select count(*) from pg_constraint where conrelid = 's.\"my Versions\"'::regclass and contype = 'p'")" = 0 ]
}

@test "standard_conforming_strings = off is refused, since constants would mean something else" {
    bundle "$R1"
    hgt_psql "alter database $HGT_DB set standard_conforming_strings = off"
    apply
    expect_status 1
    expect_stderr standard_conforming_strings
    [ "$(hga_rows)" = none ]
}

@test "what meets a lock is tried again, and what was committed before is not made twice" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"create table once (v int)\"], \"downgrade\": []},
            {\"id\": \"r3\", \"down\": [\"r2\"], \"upgrade\": [\"alter table t add w int\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply r1
    expect_status 0
    printf 'version: 1\ntargets: { local: { environment: [ process ], lock_timeout: 200ms } }\n' > headgate.yaml
    psql -Xq "$HGT_PGURL" -c 'begin; lock t; select pg_sleep(2)' > /dev/null 3>&- &
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(hgt_psql "select count(*) from pg_locks where relation = 't'::regclass and mode = 'AccessExclusiveLock'")" = 0 ] || break
        sleep 0.1
    done
    apply --format json
    wait
    expect_status 0
    [ "$(jq -r 'select(.note == "retry") | .sqlstate' <<< "$output" | sort -u)" = 55P03 ] || fail "not tried again"
    [ "$(hga_result '.applied | join(",")') $(hga_rows)" = "r2,r3 r3" ]
    hga_no_sessions
}

@test "where the session of the apply lock is lost before its first statement, apply stops with 4 and changes nothing" {
    bundle "$R1"
    # What headgate starts has no password in its arguments.
    cat > cut <<- SH
		#!/bin/sh
		PGPASSWORD=hgt-secret exec psql -Xq "${HGT_PGURL/:hgt-secret/}" -c "select pg_terminate_backend(pid)
		    from pg_stat_activity where application_name like 'headgate apply%' and datname = current_database()"
	SH
    chmod +x cut
    cat > headgate.yaml <<- YAML
		version: 1
		targets:
		  local:
		    environment: [ process ]
		    hooks:
		      before: [ { command: [ "$PWD/cut" ] } ]
	YAML
    apply --format json
    expect_status 4
    [ "$(hga_result .outcome)" = failed ]
    [[ $(hga_result .error.message) == *"the session that held the apply lock"* ]] || fail "$output"
    [ -z "$(hgt_psql "select to_regclass('t')")" ]
    printf 'version: 1\ntargets: { local: { environment: [ process ] } }\n' > headgate.yaml
    apply
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "between revisions of a bundle: the record is written, and a throttle holds the next one back" {
    local r i three="$R1"
    for i in 2 3 4; do
        three+=", {\"id\": \"r$i\", \"down\": [\"r$((i - 1))\"], \"upgrade\": [\"insert into t values ('$i')\"], \"downgrade\": []}"
    done
    bundle "$three" '"transaction_per_migration": true'
    printf 'version: 1\ntargets: { local: { environment: [ process ], throttle: { file: hold, limit: 30s } } }\n' > headgate.yaml
    touch hold
    : > events
    headgate apply --bundle headgate.bundle --format json > events 2> err 3>&- &
    r=$!
    for ((i = 0; i < 300; i++)); do
        [ "$(grep -c '"note":"throttle"' events)" = 0 ] || break
        sleep 0.1
    done
    # One is in, and its record; no transaction is open.
    [ "$(hga_rows)" = r1 ]
    [ "$(hgt_psql "select string_agg(revision || ':' || coalesce(outcome, '-'), ',' order by seq) from headgate.step")" = r1:done,r2:-,r3:-,r4:- ]
    [ "$(hgt_psql "select state from pg_stat_activity where application_name like 'headgate migrator%' and datname = current_database()")" = idle ]
    rm hold
    wait "$r" || fail "$(cat events err)"
    [ "$(hga_rows) $(hgt_psql "select string_agg(v, ',' order by v) from t")" = "r4 2,3,4" ]
    [ "$(jq -r 'select(.event == "step") | .revision + " " + .phase' events | xargs)" = \
        "$(for i in 1 2 3 4; do printf 'r%s begin r%s end r%s committed ' $i $i $i; done | xargs)" ]

    # In one transaction there is no point, and that is said; unless each revision is asked for by itself.
    hgt_psql "drop schema headgate cascade; drop table t, alembic_version"
    bundle "$three"
    touch hold
    apply r2 --format json
    expect_status 0
    [ "$(hga_result '[.findings[].rule] | index("HG622") != null')" = true ]
    sed -i 's/limit: 30s/limit: 300ms/' headgate.yaml
    apply --revision-by-revision --format json
    expect_status 4
    [[ $(hga_result .error.message) == "the migration was stopped between two revisions: file "*"hold exists"* ]] || fail "what"
    [ "$(hga_rows) $(hga_result '.applied | join(",")')" = "r3 r3" ]
    hga_no_sessions
}

@test "--max-runtime cancels the statement; a kill in the middle leaves nothing that the next run cannot settle" {
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"select pg_sleep(600)\"], \"downgrade\": []}" \
        '"transaction_per_migration": true'
    apply --max-runtime 1 --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"--max-runtime"* ]] || fail "what"
    [ "$(hga_rows)" = r1 ]
    hga_no_sessions

    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\", \"select pg_sleep(600)\"], \"downgrade\": []}"
    headgate apply --bundle headgate.bundle > killed.log 2>&1 3>&- &
    local pid=$! i
    for ((i = 0; i < 300; i++)); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and datname = current_database()")" = 0 ] || break
        sleep 0.1
    done
    kill -9 "$pid"
    wait "$pid" || :
    bundle "$R1, {\"id\": \"r2\", \"down\": [\"r1\"], \"upgrade\": [\"insert into t values ('x')\"], \"downgrade\": []}"
    hga_no_sessions
    apply
    expect_status 0
    [ "$(hgt_psql 'select count(*) from t') $(hga_rows)" = "1 r2" ]
}
