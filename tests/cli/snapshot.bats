#!/usr/bin/env bats
# headgate snapshot: what a database has, as a file; diff and show.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR" || return 1
    hgt_db
}

sql_file() { psql -Xq -v ON_ERROR_STOP=1 "$HGT_PGURL" -f "$1" > /dev/null; }
every_kind() { sql_file "$HGT_ROOT/tests/lib/every-kind.sql"; }
take() { run -0 --separate-stderr headgate snapshot "$@"; }
changes() { jq -r '.changes[] | [.change, .kind, .from // empty, .name] | join(" ")' <<< "$output"; }

# change SQL: what `snapshot diff` says of it, in $output
change() {
    [ -e before ] || take -o before --no-schema-sql
    hgt_psql "$1"
    run --separate-stderr headgate snapshot diff before local --format json
    expect_status 1
    expect_document snapshot-diff
}

@test "a bare database: the file holds every document, and tar reads it" {
    every_kind
    take -o one.snapshot
    [ "$output" = one.snapshot ]
    [ "$(stat -c %a one.snapshot)" = 600 ]
    run -0 tar --zstd -tf one.snapshot
    [ "$output" = "manifest.json
status.json
catalog.json
sizes.json
activity.json
ledger.json
schema.sql" ] || fail "$output"
    tar --zstd -xf one.snapshot manifest.json catalog.json schema.sql
    for name in catalog.json schema.sql; do
        [ "$(jq -r ".files[\"$name\"]" manifest.json)" = "$(sha256sum < $name | cut -d ' ' -f 1)" ] || fail "$name"
    done
    [ "$(jq -r .unreadable[] manifest.json)" = "" ]
    grep -q 'CREATE TABLE app.people' schema.sql
    for kind in schema extension type sequence table constraint index trigger rule policy statistics view \
        'materialized view' function procedure aggregate 'event trigger' publication 'foreign server' \
        collation operator cast 'text search configuration' 'foreign-data wrapper'; do
        [ "$(jq --arg k "$kind" '.objects[$k] | length' catalog.json)" -gt 0 ] || fail "no $kind"
    done
}

@test "the document, and what show says" {
    hgt_project
    run -0 headgate apply
    take --format json
    expect_document snapshot
    [ "$(json .status.state)" = up-to-date ]
    [ "$(json '.ledger.applied | length')" = 3 ]
    [ "$(json '.catalog.objects.table["public.notebooks"].columns[0].name')" = id ]
    [ "$(json '.activity.transactions | length')" = 0 ]
    take -o file
    run -0 headgate snapshot show file
    expect_output "snapshot of local"
    expect_output "up-to-date"
    run -0 --separate-stderr headgate snapshot show file --format json
    expect_document snapshot
}

@test "without -o the file is named after target and time, and nothing else is on stdout" {
    take --no-schema-sql
    [[ $output =~ ^local-[0-9]{8}T[0-9]{6}Z\.snapshot$ ]] || fail "$output"
    [ -s "$output" ]
    headgate snapshot -q -o - --no-schema-sql > piped
    run -0 headgate snapshot show piped
}

@test "the same database gives the same catalog and the same schema.sql" {
    every_kind
    take -o a --privileges
    take -o b --privileges
    mkdir x y
    tar --zstd -xf a -C x
    tar --zstd -xf b -C y
    cmp x/catalog.json y/catalog.json
    cmp x/schema.sql y/schema.sql
    cmp x/ledger.json y/ledger.json
    run -0 headgate snapshot diff a b
    [ "$output" = "no difference" ]
}

@test "restored from schema.sql, an empty database gives the same catalog" {
    every_kind
    take -o a --privileges
    tar --zstd -xf a schema.sql
    hgt_db
    sql_file schema.sql
    take -o b --privileges --no-schema-sql
    run headgate snapshot diff a b
    expect_status 0
}

@test "diff: added, removed, changed; text and exit code" {
    hgt_psql "create table a (id int, note text); create table b (id int); create view v as select id from b"
    change "alter table a alter note type varchar(20), add c int not null default 1; drop view v; create index on b (id)"
    [ "$(changes)" = "changed table public.a
added index public.b_id_idx
removed view public.v" ] || fail "$(changes)"
    run headgate snapshot diff before local
    expect_status 1
    expect_output "~ column note: type: text -> character varying(20)"
    expect_output "+ column c: integer not null default 1"
    expect_output "- view public.v"
}

@test "diff: renames are renames" {
    hgt_psql "create table old_name (id serial primary key, title text unique, other int)"
    change "alter table old_name rename to new_name"
    [ "$(changes)" = "renamed table public.old_name public.new_name" ] || fail "$(changes)"
    rm before
    change "alter table new_name rename column title to heading"
    [ "$(json '.changes[0].details[0] | .what, .from, .to')" = "renamed
column title
column heading" ] || fail "$output"
    rm before
    change "alter index old_name_title_key rename to \"Other\"; alter sequence old_name_id_seq rename to s"
    [ "$(changes | sort)" = "changed table public.new_name
renamed constraint public.new_name.old_name_title_key public.new_name.\"Other\"
renamed index public.old_name_title_key public.\"Other\"
renamed sequence public.old_name_id_seq public.s" ] || fail "$(changes)"
}

@test "diff: what is only alike is no rename" {
    hgt_psql "create table a (x int); create table keep (y int, z int)"
    change "drop table a; create table b (x int); create table c (x int); alter table keep drop y, add w int"
    [ "$(changes)" = "removed table public.a
added table public.b
added table public.c
changed table public.keep" ] || fail "$(changes)"
    [ "$(json '[.changes[3].details[].what] | join(",")')" = "column y,column w" ] || fail "$output"
}

@test "diff: every kind of object is seen to change" {
    every_kind
    take -o before --no-schema-sql
    local seen=0
    while IFS='|' read -r wanted sql; do
        hgt_psql "$sql"
        run headgate snapshot diff before local --format json
        [ "$status" = 1 ] || fail "not seen: $sql"
        changes | grep -xF -- "$wanted" > /dev/null || fail "$sql: $(changes)"
        take -o before --no-schema-sql
        seen=$((seen + 1))
    done <<< "changed table app.people|alter table app.people alter born set not null
changed table app.people|comment on column app.people.name is 'x'
changed table app.people|alter table app.people no force row level security
changed table app.people|alter table app.people alter name set statistics 10
changed table app.people|alter table app.people set (fillfactor = 70)
changed table app.people|alter table app.people alter data set storage main
changed table app.people|alter table app.people drop column initials
changed table app.cache|alter table app.cache set logged
changed table app.events_other|alter table app.events detach partition app.events_other
changed type app.mood|alter type app.mood add value 'great'
changed type app.percent|alter domain app.percent drop not null
changed type app.pair|alter type app.pair add attribute x int
changed sequence app.numbers|alter sequence app.numbers increment 7
changed constraint app.people.born_late|alter table app.people validate constraint born_late
removed constraint app.people.people_email_key|alter table app.people drop constraint people_email_key
removed index app.people_trgm|drop index app.people_trgm
changed index app.people_pkey|alter table app.people set without cluster
changed trigger app.people.people_touch|alter table app.people enable trigger people_touch
changed policy app.people.own_rows|alter policy own_rows on app.people using (true)
changed view app.adults|create or replace view app.adults as select id, name from app.people
removed rule app.parent.keep_parent|drop rule keep_parent on app.parent
removed materialized view app.totals|drop materialized view app.totals
changed function app.add(a integer, b integer)|create or replace function app.add(a int, b int default 2) returns int language sql as 'select a'
removed aggregate app.total(integer)|drop aggregate app.total (int)
removed procedure app.tidy()|drop procedure app.tidy
removed statistics app.people_stats|drop statistics app.people_stats
changed event trigger watcher|alter event trigger watcher enable
changed publication news|alter publication news drop table app.orders
removed extension pg_trgm|drop extension pg_trgm
removed text search configuration app.words|drop text search configuration app.words
removed schema \"Odd name\"|drop schema \"Odd name\" cascade"
    [ "$seen" = 31 ]
}

@test "diff: sizes, settings and connections only when asked" {
    hgt_psql "create table t (a text)"
    take -o before --no-schema-sql --sizes
    hgt_psql "insert into t select repeat('x', 2000) from generate_series(1, 50); alter database $HGT_DB set jit = off"
    run -0 headgate snapshot diff before local
    [[ $output = *"no difference" ]] || fail
    run headgate snapshot diff before local --sizes
    expect_status 1
    expect_output "size of table public.t"
    expect_output "~ setting jit"
    expect_output "~ value: on -> off"
}

@test "privileges and owners only when asked; the query text only when asked" {
    every_kind
    take -o plain --no-schema-sql --format json
    [ "$(json '.catalog.objects.table["app.people"].owner')" = null ]
    take -o full --privileges --no-schema-sql
    hgt_psql "revoke select on app.people from public"
    run headgate snapshot diff plain local
    expect_status 0
    run headgate snapshot diff full local --privileges
    expect_status 1
    expect_output "privileges"
}

@test "a transaction that stands open is told, without what it asks" {
    psql -XAtq "$HGT_PGURL" > /dev/null <<< "begin; select 'canary-7711', pg_sleep(4)" &
    local pid=$!
    for _ in $(seq 50); do
        [ "$(hgt_psql "select count(*) from pg_stat_activity where query like '%canary-7711%' and xact_start < now() - interval '1.1 s' and pid <> pg_backend_pid() and datname = current_database()")" = 0 ] || break
        sleep 0.1
    done
    take --format json --no-schema-sql
    wait $pid
    [ "$(json '.activity.transactions | length')" = 1 ] || fail "$(json .activity)"
    [[ $output != *canary-7711* ]]
}

# What the server itself prints, under the names of the catalog.
server_definitions() {
    PGOPTIONS="-c search_path=" hgt_psql "select jsonb_object_agg(name, definition) from (
        select format('index %I.%I', n.nspname, c.relname) as name, pg_get_indexdef(c.oid) as definition
          from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^pg_'
        union all
        select format('constraint %I.%I.%I', n.nspname, c.relname, k.conname), pg_get_constraintdef(k.oid)
          from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^pg_' and n.nspname <> 'information_schema') d" | jq -S .
}
our_definitions() {
    jq -S '[.catalog.objects | (.index | to_entries[] | .key |= "index " + .),
            (.constraint | to_entries[] | .key |= "constraint " + .)]
           | from_entries | map_values(.definition)' <<< "$output"
}

@test "definitions of indexes and constraints are what the server prints" {
    every_kind
    hgt_psql 'create table "Odd" (id int primary key, "user" varchar(9), "select" text collate "C", n numeric,
                  a int[], t timestamptz, constraint "All" unique ("user", n), unique (t) deferrable initially deferred,
                  constraint incl unique (n) include (t), check (n > 0), check ("user" <> $$it'"'"'s$$ or t is null));
              create index on "Odd" ("user" desc, n nulls first, t desc nulls last);
              create index on "Odd" ("select"); create index on "Odd" ("select" collate "POSIX");
              create index on "Odd" ("user" varchar_pattern_ops); create index on "Odd" (lower("user")) where n > 1;
              create index on "Odd" using gin (a); create index on "Odd" using hash (n); create index on "Odd" (a);
              create index on "Odd" (n) with (fillfactor = 50); create unique index on "Odd" (n, t) include ("user");
              create table other (n numeric, id int, "user" varchar, whole int, check (n > 0) no inherit,
                  foreign key (id) references "Odd" match full on update cascade on delete set null deferrable);
              alter table other add constraint late check (id > 2) not valid, add foreign key ("user", n)
                  references "Odd" ("user", n) on delete restrict not valid;
              create function whole(other) returns boolean language sql immutable as $$ select true $$;
              create function whole("Odd") returns boolean language sql immutable as $$ select true $$;
              alter table other add constraint w check (whole(other)); alter table "Odd" add constraint w check (whole("Odd"));
              create table no_columns (check (now() > $$2020-01-01$$), x int generated always as identity);
              create table gen (n int, m int generated always as (n * 2) stored, k int default 1, check (n > 0))'
    take --format json --no-schema-sql
    [ "$(our_definitions)" = "$(server_definitions)" ] || fail "$(diff <(our_definitions) <(server_definitions))"
    [ "$(json '.catalog.objects.table["public.gen"].columns[1].generated')" = "(n * 2)" ]
    [ "$(json '.catalog.objects.table["public.gen"].columns[2].default')" = 1 ]
}

@test "a large catalog is read by two sessions, or by one where the role has no more" {
    for part in 0 1 2; do
        hgt_psql "do \$\$ begin for i in ${part}00..${part}99 loop execute format('create table t%s (id serial primary key,
            a text unique, b int default 3 check (b > 0))', i); execute format('create index on t%s (b)', i); end loop; end \$\$"
    done
    hgt_psql "comment on column t7.b is 'seven'; comment on table t8 is 'eight'"
    take -v --format json --no-schema-sql
    both=$(json '.catalog, .manifest.catalog_digest' | sha256sum)
    [ "$(our_definitions)" = "$(server_definitions)" ] || fail "definitions differ"
    [ "$(json '.catalog.objects.table["public.t7"].columns[2].comment')" = seven ]
    [ "$(json '.catalog.objects.table["public.t8"].comment')" = eight ]
    [ "$(json '.catalog.objects.sequence["public.t9_id_seq"].owned_by')" = public.t9.id ]
    role=$(hgt_psql "select 'hg_single_' || oid from pg_database where datname = current_database()")
    hgt_psql "create role $role login connection limit 1 password 'pw'"
    DATABASE_URL=$(sed "s#//[^@]*@#//$role:pw@#" <<< "$DATABASE_URL") take -v --format json --no-schema-sql
    expect_stderr "without a second session"
    [ "$(json '.catalog, .manifest.catalog_digest' | sha256sum)" = "$both" ]
    # A size that nobody measured says so; --sizes measures all.
    [ "$(json '[.sizes.tables[] | select(.estimated)] | length > 0')" = true ]
    take --sizes --format json --no-schema-sql
    [ "$(json '[.sizes.tables[], .sizes.indexes[] | select(.estimated)] | length')" = 0 ] || fail "$(json .sizes | head -50)"
    [ "$(json '.sizes.tables["public.t1"].bytes')" = "$(hgt_psql "select pg_table_size('t1') + pg_indexes_size('t1')")" ]
    hgt_psql "drop role $role"
}

@test "it waits for nobody and blocks nobody: a locked view costs two seconds and is listed" {
    hgt_psql "create table t (id int); create view v as select id from t"
    { echo "begin; lock table t in access exclusive mode; select 'held';"; sleep 6; echo "rollback;"; } |
        psql -XAtq "$HGT_PGURL" > held 2>&1 &
    local pid=$!
    for _ in $(seq 50); do [ -s held ] && break; sleep 0.1; done
    take --format json --no-schema-sql
    wait $pid
    [[ "$(json '.unreadable | join(" ")')" == *"views, rules and functions"* ]] || fail "$(json .unreadable)"
    [ "$(json '.sizes.tables["public.t"] | .bytes, .estimated')" = "0
true" ] || fail "$(json .sizes)"
    [ "$(json '.catalog.objects.view["public.v"].columns[0].name')" = id ]
}

@test "a role that owns nothing gets the definitions, and schema.sql is left out with a finding" {
    every_kind
    role=$(hgt_psql "select 'hg_reader_' || oid from pg_database where datname = current_database()")
    hgt_psql "create role $role login password 'pw'"
    DATABASE_URL=$(sed "s#//[^@]*@#//$role:pw@#" <<< "$DATABASE_URL") run -0 --separate-stderr headgate snapshot --format json
    [ "$(json '.catalog.objects.table["app.people"].columns | length')" = 8 ] || fail "$output"
    [ "$(json .schema_sql)" = null ]
    [ "$(json '.findings[0].rule')" = HG608 ] || fail "$(json .findings)"
    expect_stderr "HG608"
    hgt_psql "drop role $role"
}

@test "the ledger's schema and pg_dump's random key are in neither catalog nor schema.sql" {
    hgt_project
    run -0 headgate apply
    take -o one
    tar --zstd -xf one
    [ "$(jq '[.objects[] | keys[] | select(startswith("headgate"))] | length' catalog.json)" = 0 ]
    ! grep -q headgate.run schema.sql || fail "the ledger is in the schema"
    [ "$(jq '.applied | length' ledger.json)" = 3 ]
}

@test "a damaged, cut or foreign file is refused, and says why" {
    take -o good --no-schema-sql
    size=$(stat -c %s good)
    head -c $((size / 2)) good > cut
    run headgate snapshot show cut
    expect_status 1
    mkdir t && tar --zstd -xf good -C t
    sed -i 's/"state": "[a-z-]*"/"state": "up-to-date"/; s/alembic_version/alembic_versiox/' t/status.json
    (cd t && tar --zstd -cf ../edited -- *)
    run headgate snapshot show edited
    expect_status 1
    expect_output "was changed or damaged"
    echo text > foreign
    run headgate snapshot show foreign
    expect_status 1
    ln -s /etc/passwd t/link
    (cd t && tar --zstd -cf ../links -- *)
    run headgate snapshot show links
    expect_status 1
    expect_output "no plain file"
    run headgate snapshot show nowhere
    expect_status 2
    run headgate snapshot diff good
    expect_status 2
}

@test "no database: exit 3, and no file" {
    DATABASE_URL=postgresql://u:p@127.0.0.1:1/x run headgate snapshot -o none
    expect_status 3
    [ ! -e none ]
    DATABASE_URL=postgresql://u:p@127.0.0.1:1/x run headgate snapshot diff local local
    expect_status 3
}
