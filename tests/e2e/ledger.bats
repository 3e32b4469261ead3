#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The ledger itself: what it keeps of a run, older and newer ones, damaged ones, and roles with few privileges.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
    hga_project 0
    revision 1
    revision 2
}

# revision N: with a table whose column brings a sequence, a constraint and an index.
revision() { hga_revision "$1" "op.create_table(\"t$1\", sa.Column(\"id\", sa.Integer, primary_key=True))"; }

# ledger_1: the ledger of an older headgate, which applied r1.
ledger_1() {
    hgt_alembic_here upgrade r1
    psql -Xq -v ON_ERROR_STOP=1 -v file="$(base64 -w 0 mig/versions/r1.py)" \
        -f "$HGT_ROOT/tests/fixtures/ledger/version-1.sql" "$HGT_PGURL"
}
hgt_alembic_here() { "$HGT_VENV/bin/alembic" "$@" > alembic.out 2>&1; }

# apply_quietly ARGS…: it goes through.
apply_quietly() {
    run --separate-stderr headgate apply --format json "$@"
    expect_status 0
}
version() { hgt_psql "select version from headgate.meta"; }

# objects: kind and name of everything that is there and was made, in a line.
made() { hgt_psql "select string_agg(kind || ' ' || name, ', ' order by kind, name) from headgate.objects where made and digest is not null"; }
fingerprints() { hgt_psql "select count(fingerprint) || ' of ' || count(*) from headgate.run"; }

@test "a run keeps what it made, and the schema's fingerprint after it" {
    hgt_psql "create table framework (id int)"
    hgt_psql "create view mine as select 1 as a"
    apply_quietly --from-empty r1
    [ "$(version)" = 4 ]
    [ "$(made)" = "constraint public.t1.t1_pkey, index public.t1_pkey, sequence public.t1_id_seq, table public.t1" ] || fail "$(made)"
    # What was there before is known, but nobody's; version table and the ledger's own tables are not there.
    [ "$(hgt_psql "select string_agg(kind || ' ' || name, ', ' order by kind, name) from headgate.objects where not made")" = "table public.framework, view public.mine" ]
    first=$(hgt_psql "select fingerprint from headgate.run")
    [[ $first =~ ^[0-9a-f]{64}$ ]]
    apply_quietly
    [ "$(hgt_psql "select count(distinct fingerprint) || ' ' || min(server_version / 10000 - current_setting('server_version_num')::int / 10000) from headgate.run")" = "2 0" ]
    # Only what changed is written again.
    [ "$(hgt_psql "select objects like '%public.t2%' and objects not like '%public.t1%' from headgate.change where run = 2")" = t ]
    # Back again: the same schema has the same fingerprint, and what went is known as gone.
    run --separate-stderr headgate rollback --yes --format json -- -1
    expect_status 0
    [ "$(hgt_psql "select fingerprint from headgate.run order by seq desc limit 1")" = "$first" ]
    [ "$(hgt_psql "select digest is null and made from headgate.objects where kind = 'table' and name = 'public.t2'")" = t ]
}

@test "owners, privileges, statistics, positions and states of maintenance are no part of a fingerprint" {
    apply_quietly
    before=$(hgt_psql "select fingerprint from headgate.run order by seq desc limit 1")
    hgt_psql "grant select on t1 to public; alter table t1 alter id set statistics 7; select setval('t1_id_seq', 99);
        cluster t1 using t1_pkey; analyze t1; alter table t2 add constraint positive check (id > 0) not valid"
    apply_quietly --baseline
    with=$(hgt_psql "select fingerprint from headgate.run order by seq desc limit 1")
    [ "$with" != "$before" ] # the constraint
    hgt_psql "alter table t2 validate constraint positive"
    apply_quietly --baseline
    [ "$(hgt_psql "select fingerprint from headgate.run order by seq desc limit 1")" = "$with" ]
    hgt_psql "alter table t2 drop constraint positive"
    apply_quietly --baseline
    [ "$(hgt_psql "select fingerprint from headgate.run order by seq desc limit 1")" = "$before" ]
}

@test "a ledger of version 1 is read as it is, and the next writer brings it to version 4" {
    ledger_1
    run --separate-stderr headgate status --format json
    expect_status 0
    [ "$(json '.ledger.last.revision + " " + .ledger.last.by')" = "r1 ann" ]
    run --separate-stderr headgate gate --format json
    expect_status 0
    [ "$(version)" = 1 ]
    hgt_psql "create role old_$HGT_DB; grant insert on headgate.run to old_$HGT_DB"
    apply_quietly
    [ "$(version)" = 4 ]
    [ "$(hga_rows)" = r2 ]
    [ "$(fingerprints)" = "1 of 2" ]
    [ "$(hgt_psql "select string_agg(revision || ' ' || applied_by, ', ' order by seq) from headgate.applied" | sed "s/r2 .*/r2/")" = "r1 ann, r2" ]
    # What an older run made cannot be told; what this one made can.
    [ "$(made)" = "constraint public.t2.t2_pkey, index public.t2_pkey, sequence public.t2_id_seq, table public.t2" ]
    [ "$(hgt_psql "select has_table_privilege('old_$HGT_DB', 'headgate.change', 'insert')")" = t ]
    hgt_psql "drop owned by old_$HGT_DB; drop role old_$HGT_DB"
}

# ledger_3: this ledger as an older headgate would have left it, with a row for each object.
ledger_3() {
    hgt_psql "create table headgate.object (seq bigint generated always as identity primary key,
            run bigint not null references headgate.run (seq), kind text not null, name text not null,
            digest text, made boolean not null, definition text);
        insert into headgate.object (run, kind, name, digest, made, definition)
        select c.run, o.kind, o.name, o.digest, o.made, o.definition
          from headgate.change c, json_to_recordset(c.objects::json) as
               o (kind text, name text, digest text, made boolean, definition text) order by c.seq;
        create or replace view headgate.objects as
        select distinct on (o.kind, o.name) o.kind, o.name, o.digest, o.made, r.id as run, r.version_table,
               r.finished_at, o.definition
          from headgate.object o join headgate.run r on r.seq = o.run order by o.kind, o.name, o.seq desc;
        drop table headgate.change; update headgate.meta set version = 3"
}
all_objects() { headgate ledger export --format json | jq -cS '[.objects, [.runs[].objects]]'; }

@test "a ledger of version 3 is read as it is, and the next writer takes its objects along" {
    apply_quietly r1
    apply_quietly
    run --separate-stderr headgate rollback --yes --format json -- -1
    expect_status 0
    before=$(all_objects)
    [ "$(jq -c '[.[1][] | length]' <<< "$before")" = "[4,4,4]" ] || fail "$before"
    ledger_3
    [ "$(all_objects)" = "$before" ] || fail "$(all_objects)"
    run --separate-stderr headgate gate --format json
    expect_status 0
    run --separate-stderr headgate ledger verify --format json
    expect_status 0
    run --separate-stderr headgate ledger init --format json
    expect_status 0
    [ "$(json .done) $(version)" = "upgraded 4" ]
    [ "$(all_objects)" = "$before" ] || fail "$(all_objects)"
    [ -z "$(hgt_psql "select to_regclass('headgate.object')")" ]
    hgt_psql "drop table t1"
    run --separate-stderr headgate ledger verify --format json
    expect_status 1
    [ "$(json '[.problems[] | .what + " " + .object] | index("object public.t1") != null')" = true ] || fail "$output"
}

@test "objects of version 3 are taken along once, although somebody's view keeps their table" {
    apply_quietly r1
    ledger_3
    hgt_psql "create view mine as select kind, name from headgate.object"
    run --separate-stderr headgate ledger init --format json
    [ "$(json .done) $(version)" = "upgraded 4" ]
    apply_quietly
    before=$(all_objects)
    hgt_psql "drop view headgate.applied"
    run --separate-stderr headgate ledger init --format json
    [ "$(json .done)" = mended ]
    [ "$(all_objects)" = "$before" ] || fail "$(all_objects)"
    run --separate-stderr headgate ledger verify --format json
    expect_status 0
}

@test "that a ledger of version 3 was emptied is known after it was brought to version 4" {
    apply_quietly r1
    ledger_3
    hgt_psql "truncate headgate.run cascade"
    for verb in gate ledger\ init gate; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate $verb --format json
        [ "$verb" != gate ] || [[ $(json '[.findings[].rule] | join(" ")') == *HG229* ]] || fail "$output"
    done
    [ "$(version)" = 4 ]
    run --separate-stderr headgate ledger verify --format json
    expect_status 1
    [[ "$(json '.problems | map(.message) | join(" ")')" == *"it was emptied"* ]] || fail "$output"
}

@test "a ledger of version 3 that never recorded anything was not emptied" {
    apply_quietly r1
    ledger_3
    hgt_psql "truncate headgate.run restart identity cascade"
    run --separate-stderr headgate ledger init --format json
    [ "$(json .done) $(version)" = "upgraded 4" ]
    run --separate-stderr headgate gate --format json
    expect_status 0
}

@test "who could write a ledger of version 3 can go on: everybody, and the owner of its tables" {
    local deployer=${HGT_DB}_deployer
    apply_quietly r1
    ledger_3
    hgt_admin "create role $deployer superuser login password 'hgt-secret'"
    hgt_psql "grant insert on headgate.run to public"
    run --separate-stderr env DATABASE_URL="${DATABASE_URL/hgt:/$deployer:}" headgate ledger init --format json
    expect_status 0
    [ "$(hgt_psql "select relowner::regrole from pg_class where oid = 'headgate.change'::regclass")" = "$deployer" ]
    [ "$(hgt_psql "select string_agg(distinct coalesce(nullif(grantee, 0)::regrole::text, 'public'), ' ')
                     from pg_class, aclexplode(relacl)
                    where oid = 'headgate.change'::regclass and privilege_type = 'INSERT'")" = "hgt $deployer public" ]
    hgt_psql "drop owned by $deployer cascade"
    hgt_admin "drop role $deployer"
}

@test "a record of objects edited until it cannot be read: told, and recorded anew by --baseline" {
    apply_quietly
    hgt_psql "create table kept as select objects from headgate.change"
    for bad in x '{}' '[1]' null '[{"kind":"table","name":"a\u0000b","made":true}]' '[{"made":"perhaps"}]'; do
        hgt_psql "update headgate.change set objects = '$bad'"
        run --separate-stderr headgate gate --format json
        expect_status 1
        [ "$(json '[.findings[].rule] | index("HG229") != null')" = true ] || fail "$bad: $output"
        run --separate-stderr headgate ledger verify --format json
        expect_status 1
        [ "$(json '[.problems[].what] | join(" ")')" = fingerprint ] || fail "$bad: $output"
    done
    apply_quietly --baseline --yes
    run --separate-stderr headgate ledger verify --format json
    expect_status 0
    run --separate-stderr headgate gate --format json
    expect_status 0
}

@test "a ledger of a newer headgate is read, and nothing is written to it" {
    apply_quietly r1
    hgt_psql "update headgate.meta set version = 5; alter table headgate.run add column colour text"
    run --separate-stderr headgate status --format json
    expect_status 0
    [ "$(json .ledger.last.revision)" = r1 ]
    # It may have something else in place of a table: nobody is told to mend that.
    hgt_psql "alter table headgate.change rename to change5"
    run --separate-stderr headgate ledger verify --format json
    expect_status 0
    [ "$(json '.problems | length')" = 0 ] || fail "$output"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [ "$(hga_result '[.outcome, (.findings[] | select(.rule == "HG239") | .severity)] | join(" ")')" = "refused error" ]
    [ "$(hga_rows)" = r1 ]
}

@test "a table that somebody holds costs the fingerprint, not the apply" {
    hgt_psql "create table busy (id int); create view mine as select * from busy"
    apply_quietly --from-empty r1
    mkfifo hold
    psql -XqAt "$HGT_PGURL" < hold > held 2>&1 &
    holder=$!
    exec 7> hold
    echo "begin; lock table busy in access exclusive mode; \\echo held" >&7
    until grep held held; do sleep 0.05; done
    apply_quietly
    exec 7>&-
    wait "$holder"
    [ "$(hga_result '[.findings[] | select(.rule == "HG238") | .severity] | join(" ")')" = note ]
    [ "$(fingerprints)" = "1 of 2" ]
    [ "$(hga_rows)" = r2 ]
}

@test "with HEADGATE_LEDGER_KEY each file has its HMAC" {
    export HEADGATE_LEDGER_KEY=k1
    # A revision must not be able to sign what it likes.
    sed -i '1i import os; open(os.path.join(os.path.dirname(__file__), "seen"), "w").write(" ".join(os.environ))' mig/env.py
    printf 'mig/seen\n' > .gitignore
    hga_commit
    apply_quietly r1
    grep -q DATABASE_URL mig/seen
    ! grep -q LEDGER_KEY mig/seen || fail "the key is in the migrator's environment"
    unset HEADGATE_LEDGER_KEY
    apply_quietly
    digest=$(sha256sum mig/versions/r1*.py | cut -d' ' -f1)
    # The text is a length and a colon before each part (hg_ledger_hmac).
    expected=$(printf '22:headgate ledger file 1,2:r1,0;64:%s,' "$digest" | openssl dgst -sha256 -hmac k1 | sed 's/.*= //')
    [ "$(hgt_psql "select hmac from headgate.step where revision = 'r1'")" = "$expected" ]
    [ -z "$(hgt_psql "select hmac from headgate.step where revision = 'r2'")" ]
}

@test "ledger: required refuses where the record would not be whole" {
    printf 'version: 1\ntargets:\n  local: { ledger: required, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    apply_quietly r1
    hgt_psql "drop view headgate.objects"
    run --separate-stderr headgate apply --format json
    expect_status 1
    [[ "$(hga_result '.error.message + " " + .error.hint')" == *"it lacks headgate.objects"*"headgate ledger init"* ]]
    [ "$(hga_rows)" = r1 ]
    # An old one that belongs to somebody else.
    hgt_psql "drop schema headgate cascade"
    hgt_psql "drop table t1, alembic_version"
    ledger_1
    role=app_$RANDOM$RANDOM
    hgt_admin "create role $role login password 'x'"
    hgt_psql "grant create, usage on schema public to $role; grant all on all tables in schema public to $role;
        grant all on all tables in schema headgate to $role"
    DATABASE_URL=postgresql+psycopg://$role:x@127.0.0.1:$HGT_PORT/$HGT_DB run --separate-stderr headgate apply --format json
    expect_status 1
    [[ "$(hga_result '.error.message')" == *"of version 1, and role $role may not bring it to version 4"* ]]
    [ "$(version)" = 1 ]
    hgt_psql "drop owned by $role cascade; drop role $role"
}
