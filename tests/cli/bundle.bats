#!/usr/bin/env bats
# headgate bundle: what is in it is what Alembic would send; what is not, is said; and nothing but what our
# writer makes is read.

setup_file() {
    load ../lib/common
    hgt_setup_file
    export BUNDLES=$BATS_FILE_TMPDIR
    cases "$BUNDLES/cases"
    (cd "$BUNDLES/cases" && headgate bundle -q --no-verify -o "$BUNDLES/cases.bundle" > "$BUNDLES/cases.out")
    small "$BUNDLES/small"
    (cd "$BUNDLES/small" && headgate bundle -q --no-verify -o "$BUNDLES/small.bundle" > /dev/null)
}
setup() { load ../lib/common; }

# The reference's cases, a revision each.
cases() {
    cp -R "$HGT_ROOT/tests/fixtures/bundle" "$1"
    find "$1" -name __pycache__ -prune -exec rm -rf {} +
}

# One revision, and an env.py of the test.
small() {
    mkdir -p "$1/migrations/versions"
    cp "$HGT_ROOT/tests/fixtures/bundle/alembic.ini" "$1"
    cp "$HGT_ROOT/tests/fixtures/bundle/migrations/env.py" "$1/migrations"
    cp "$HGT_ROOT/tests/fixtures/bundle/migrations/versions/t00.py" "$1/migrations/versions"
}

bundle() { run --separate-stderr headgate bundle --no-verify "$@"; }

# Each revision of expected.json: class, code and SQL. CODES=no: another SQLAlchemy may say another code.
as_expected() {
    headgate bundle show "$1" --format json > head.json
    python3 - "$1" "${2:-yes}" << 'PY'
import json, subprocess, sys
expected = json.load(open("expected.json"))
wrong = []
for revision, directions in expected.items():
    text = subprocess.run(["headgate", "bundle", "show", sys.argv[1], revision, "--format", "json"],
                          stdout=subprocess.PIPE, check=True).stdout
    found = json.loads(text)
    for direction, want in directions.items():
        is_ = found[direction]
        got = {"class": is_["class"], "code": is_["code"], "reason": is_["reason"],
               "sql": [c["sql"] for c in is_["sql"]], "kinds": [c["kind"] for c in is_["sql"]]}
        got = {key: got[key] for key in want}
        if sys.argv[2] == "no":
            got["code"] = want.get("code", got.get("code"))
        if got != want and not (sys.argv[2] == "no" and got.get("code") is None):
            wrong.append("%s %s\n  want %r\n  got  %r" % (revision, direction, want, got))
if wrong:
    sys.exit("\n".join(wrong))
PY
}

@test "every case of the reference is in the bundle as it must be, or needs Python" {
    cd "$BUNDLES/cases"
    as_expected "$BUNDLES/cases.bundle"
    grep -aq "this is no SQL" "$BUNDLES/cases.bundle" && grep -a "this is no SQL" "$BUNDLES/cases.bundle" |
        grep -v 'print("this is no SQL")' && fail "what a migration prints is in the bundle"
    grep -A 1 "needs Python 3 up, query: it reads what a query returns" "$BUNDLES/cases.out" |
        grep -q "^               t20 t20b t20d$"
    grep -q "needs Python t09b up, checkfirst: it creates or drops q only where" "$BUNDLES/cases.out"
    run --separate-stderr headgate bundle show "$BUNDLES/cases.bundle" --format json
    expect_document bundle
    # env.py has transaction_per_migration in its online branch only, and names its driver.
    [ "$(json '[.transaction.per_migration, .transaction.ddl, .driver, .version_table.name] | tojson')" = \
        '[true,true,"psycopg","alembic_version"]' ]
    [ "$(json '.counts.up | tojson')" = '{"rendered":19,"pinned":0,"needs-python":23,"verified":0}' ] ||
        fail "$(json '.counts | tojson')"
    bundle --require-rendered -o "$BATS_TEST_TMPDIR/x.bundle"
    expect_status 1
    [ -s "$BATS_TEST_TMPDIR/x.bundle" ]
}

@test "the oldest Alembic renders the same" {
    cd "$BUNDLES/cases"
    old=$(hgt_old_venv 1.8.1)
    PATH=$old/bin:$PATH bundle -o "$BATS_TEST_TMPDIR/old.bundle"
    expect_status 0
    as_expected "$BATS_TEST_TMPDIR/old.bundle" no
    [ "$(jq -r .alembic head.json)" = 1.8.1 ]
}

@test "the same code gives the same bytes, elsewhere and at another time" {
    cases "$BATS_TEST_TMPDIR/elsewhere"
    cd "$BATS_TEST_TMPDIR/elsewhere"
    touch -d 2001-01-01 migrations/versions/*.py
    SOURCE_DATE_EPOCH=1 TZ=Asia/Tokyo PYTHONHASHSEED=7 bundle -o b
    expect_status 0
    cmp b "$BUNDLES/cases.bundle"
    tar tf b > names # any tar reads it
    [ "$(head -n 2 names | tr '\n' ' ')" = "manifest.json revisions " ]
    [ "$(tail -n 1 names)" = digest ]
    [ "$(tar xOf b digest)" = "$(headgate bundle show b --format json | jq -r .digest)" ]
}

@test "values that Python computes are pinned" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    printf '%s\n' 'import datetime, uuid' 'from alembic import op' 'revision = "u1"' 'down_revision = "t00"' \
        'def upgrade():' "    op.execute(\"INSERT INTO p VALUES ('%s')\" % uuid.uuid4())" \
        'def downgrade():' "    op.execute(\"DELETE FROM p WHERE k < '%s'\" % datetime.date.today())" \
        > migrations/versions/u1.py
    bundle -o a
    expect_status 0
    expect_output "up    1 rendered, 1 pinned"
    expect_output "pinned       u1 up, computed: Python computes values"
    bundle -o b --format json
    expect_document bundle
    [ "$(json '[.revisions[] | select(.revision == "u1") | .up.class, .down.class] | tojson')" = \
        '["pinned","pinned"]' ]
    cmp -s a b && fail "two values alike"
    [ "$(headgate bundle show a u1 | grep -c "INSERT INTO p VALUES ('........-")" = 1 ]
}

@test "what is in the environment does not get into a bundle" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    sed -i 's/^from alembic import context/&\nimport os\nif "sekret" in str(dict(os.environ)): raise RuntimeError("seen")\nURL = os.environ["DATABASE_URL"]\nKEY = os.environ["API_KEY"]\n/; s/create_engine(.*)$/create_engine(URL)/' migrations/env.py
    DATABASE_URL=postgresql+psycopg2://u:sekret@h/d DB_PASSWORD=sekret bundle
    expect_status 0
    [ "$stderr" = "" ] || fail "$stderr"
    grep -aq sekret headgate.bundle && fail "a secret"
    [ "$(headgate bundle show headgate.bundle --format json | jq -r .driver)" = psycopg2 ]
    bundle --driver asyncpg --format json
    [ "$(json .driver)" = asyncpg ]
    bundle
    expect_stderr "HG253 nothing here says which driver"
}

@test "env.py's own name for the address, which headgate.yaml says, has a placeholder" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    sed -i 's/^from alembic import context/&\nimport os\nURL = os.environ.get("APP_DB_URL", "sqlite:\/\/\/app.db")\n/; s/create_engine(.*)$/create_engine(URL)/' migrations/env.py
    bundle --driver psycopg
    expect_stderr "HG254 env.py could be run for its offline mode only: it works on sqlite"
    printf 'version: 1\ntargets:\n  local:\n    environment: [ process ]\n    url: "${APP_DB_URL}"\n' > headgate.yaml
    bundle --driver psycopg
    expect_status 0
    [ "$stderr" = "" ] || fail "$stderr"
}

@test "a type that the tables of several revisions bring with them, and a constraint without a name" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    for i in 1 2 3 4; do
        printf '%s\n' 'from alembic import op' 'import sqlalchemy as sa' "revision = 'e$i'" \
            "down_revision = '$([ "$i" = 1 ] && echo t00 || echo "e$((i - 1))")'" 'def table():' \
            "    op.create_table('of', sa.Column('a', sa.Enum('x', name='kind')), sa.Column('b', sa.Enum('x', name='kind')))" \
            'def gone():' "    op.drop_table('of')" "    op.execute('DROP TYPE kind')" \
            "$([ $((i % 2)) = 1 ] && echo upgrade || echo downgrade) = table" \
            "$([ $((i % 2)) = 1 ] && echo downgrade || echo upgrade) = gone" > "migrations/versions/e$i.py"
    done
    bundle
    expect_status 0
    sql() { headgate bundle show headgate.bundle "$1" --format json | jq -r ".$2.sql[].sql" | grep -c "$3"; }
    # Each is one that may be applied alone; one process of Alembic would create the type for the first only.
    [ "$(sql e1 up '^CREATE TYPE')" = 1 ]
    [ "$(sql e2 down '^CREATE TYPE')" = 1 ]
    [ "$(sql e4 down '^CREATE TYPE')" = 1 ]
    [ "$(sql e3 up '^THEN CREATE TYPE')" = 1 ]
    run --separate-stderr headgate bundle
    expect_output "up    5 rendered, 5 verified"
    expect_output "down  5 rendered, 5 verified"

    for i in 1 2; do
        printf '%s\n' 'from alembic import op' "revision = 'n$i'" "down_revision = '$([ "$i" = 1 ] && echo e4 || echo n1)'" \
            'def upgrade():' "    op.execute('SELECT 1')" 'def downgrade():' \
            "    op.drop_constraint(None, 'p', type_='foreignkey')" > "migrations/versions/n$i.py"
    done
    bundle
    expect_output "needs Python 2 down, fails: it adds or drops a constraint without a name, which Alembic cannot"
    expect_output "               n1 n2"
}

@test "what env.py does besides is said" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    sed -i 's/^        context.configure(connection=connection, /        connection.execute(__import__("sqlalchemy").text("SET search_path TO app"))\n&version_table="v", version_table_schema="s", version_table_pk=False, on_version_apply=print, /' \
        migrations/env.py
    bundle --format json
    expect_status 0
    expect_stderr "HG251 env.py sends 1 statement of its own, which a bundle does not: SET search_path TO app"
    expect_stderr "HG252 env.py has on_version_apply hooks"
    [ "$(json '.version_table | tojson')" = '{"name":"v","schema":"s","primary_key":false}' ]
    [ "$(json .env_statements)" = true ]
    # An online branch that wants an answer.
    sed -i 's/^        connection.execute.*/        1 \/ 0/' migrations/env.py
    bundle --format json
    expect_status 0
    expect_stderr "HG254 env.py could be run for its offline mode only: ZeroDivisionError"
    [ "$(json .transaction.per_migration)" = false ]
    # No way at all; and what helps.
    sed -i '1i import os\nif os.environ.get("MODE") != "ci": raise SystemExit("MODE is not set")' migrations/env.py
    rm headgate.bundle
    bundle
    expect_status 3
    expect_stderr "the revisions cannot be rendered: env.py fails without a database: SystemExit: MODE is not set"
    expect_stderr "headgate bundle -e NAME=VALUE"
    [ ! -e headgate.bundle ]
    # What it said on its way stands as it was written.
    sed -i '1i import sys; print("first\\tword   \\n\\n   second", file=sys.stderr)' migrations/env.py
    bundle
    expect_stderr "$(printf '    first\\x09word\n       second')"
    sed -i 1d migrations/env.py
    bundle -e MODE=ci
    expect_status 0
    bundle -e MODE
    expect_status 2
}

@test "what env.py gives its connection is said, and a transaction of its own is the one of all migrations" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    said() { # NAME LINES: an env.py that has them before its connection
        { printf '%s\n' 'import sqlalchemy as sa' 'from alembic import context' 'URL = "postgresql+psycopg://h/d"' \
            'options, args, with_options = {}, {}, {}' "$2"
          printf '%s\n' 'engine = sa.create_engine(URL, connect_args=args, **options)' "${3:-}" \
            'with engine.connect() as connection:' \
            '    connection = connection.execution_options(**with_options)' \
            '    context.configure(connection=connection, transaction_per_migration=True)' \
            '    with context.begin_transaction():' '        context.get_context()._ensure_version_table()' \
            '        context.run_migrations()'
        } > migrations/env.py
        bundle
        expect_status 0
        if [ -n "$1" ]; then expect_stderr "HG251 env.py $1"; else [ "$stderr" = "" ] || fail "$stderr"; fi
    }
    said "" 'args = {"connect_timeout": 5}' \
        'sa.event.listen(engine, "before_cursor_execute", lambda c, u, s, p, x, m: None)'
    local own="gives its connection what a bundle does not:"
    said "$own isolation_level AUTOCOMMIT" 'options = {"isolation_level": "AUTOCOMMIT"}'
    said "$own isolation_level AUTOCOMMIT" 'with_options = {"isolation_level": "AUTOCOMMIT"}'
    said "$own schema_translate_map {None: 'app'}" 'options = {"execution_options": {"schema_translate_map": {None: "app"}}}'
    said "$own options -csearch_path=app" 'args = {"options": "-csearch_path=app"}'
    said "$own a listener for connect" '' 'sa.event.listen(engine, "connect", lambda *_: None)'
    said "$own a listener for before_cursor_execute" '' \
        'sa.event.listen(engine, "before_cursor_execute", lambda c, u, s, p, x, m: (s, p), retval=True)'
    sed -i 's/\._ensure_version_table()/.execute("SET ROLE app")/' migrations/env.py
    bundle
    expect_stderr "HG251 env.py sends 1 statement of its own, which a bundle does not: SET ROLE app"
    # Alembic begins none inside of another's transaction, and cannot end one for an autocommit block.
    printf '%s\n' 'from alembic import op' 'revision = "u1"' 'down_revision = "t00"' 'def upgrade():' \
        '    with op.get_context().autocommit_block():' '        op.execute("VACUUM")' > migrations/versions/u1.py
    said "" "" && bundle --format json
    [ "$(json '[.transaction.per_migration, .counts.up["needs-python"]] | tojson')" = '[true,0]' ]
    sed -i 's/engine.connect()/engine.begin()/' migrations/env.py
    bundle --format json
    [ "$(json '[.transaction.per_migration, .counts.up["needs-python"]] | tojson')" = '[false,1]' ]
    [ "$(json '.revisions[] | select(.revision == "u1").up | .code + ": " + .reason')" = "fails: it has an autocommit block, for which Alembic has to begin the transaction, and not env.py" ]
}

# A history with most of what there is: data, an enum, an autocommit block, values of the database, a loop
# over rows, branches and a merge, and a way back that does not exist.
history() {
    small "$1"
    python3 - "$1/migrations/versions" << 'PY'
import sys
def revision(name, down, up, back="pass"):
    with open("%s/%s.py" % (sys.argv[1], name), "w") as file:
        file.write("from alembic import op\nimport sqlalchemy as sa\nrevision = %r\ndown_revision = %r\n"
                   "def upgrade():\n    %s\ndef downgrade():\n    %s\n" % (name, down, up, back))
revision("v1", "t00", "op.bulk_insert(sa.table('p', sa.column('k', sa.Text)), [{'k': 'a\\\\b\\t%'}])",
         "op.execute('DELETE FROM p')")
revision("v2", "v1", "op.add_column('p', sa.Column('id', sa.Uuid, server_default=sa.text('gen_random_uuid()')));"
         " op.add_column('p', sa.Column('at', sa.DateTime, server_default=sa.func.now()))",
         "op.drop_column('p', 'id'); op.drop_column('p', 'at')")
revision("v3", "v2", "[op.execute(\"INSERT INTO p VALUES ('%s', 'again')\" % row[0]) for row in"
         " op.get_bind().execute(sa.text('SELECT k FROM p'))]")
revision("v4", "v3", "op.create_table('c', sa.Column('c', sa.Enum('r', 'g', name='color')))",
         "op.drop_table('c'); op.execute('DROP TYPE color')")
revision("left", "v4", "ctx = op.get_context().autocommit_block(); ctx.__enter__();"
         " op.execute(\"ALTER TYPE color ADD VALUE 'b'\"); ctx.__exit__(None, None, None);"
         " op.execute(\"INSERT INTO c VALUES ('b')\")", "raise RuntimeError('labels stay')")
revision("right", "v4", "op.execute(\"SELECT pg_catalog.setval('s', 7)\")".join(("op.execute('CREATE SEQUENCE s'); ", "")),
         "op.execute('DROP SEQUENCE s')")
revision("both", ("left", "right"), "op.execute('COMMENT ON TABLE p IS \\'50%\\'')")
PY
}

@test "tried in a private PostgreSQL: what does the same as Alembic is verified" {
    history "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    run --separate-stderr headgate bundle --verify --format json
    expect_status 0
    expect_document bundle
    [ "$(json '[.revisions[] | "\(.revision) \(.up.class) \(.up.verified)"] | sort | join(", ")')" = \
        "both rendered true, left rendered true, right rendered true, t00 rendered true, v1 rendered true, v2 rendered true, v3 needs-python false, v4 rendered true" ] ||
        fail "$output" "$stderr"
    # Downwards too, also below the one that has no way back.
    [ "$(json '[.revisions[] | select(.down.verified) | .revision] | sort | join(" ")')" = "both right t00 v1 v2 v3 v4" ] ||
        fail "$output" "$stderr"
    run compgen -G '/tmp/headgate-bundle-*'
    [ "$status" -ne 0 ] || fail "left over: $output"
    # Who commits alone is not written down, and that is not the next revision's fault.
    printf '%s\n' 'from alembic import op' 'revision = "w1"' 'down_revision = "both"' 'def upgrade():' \
        '    op.get_bind().commit()' 'def downgrade():' '    pass' > migrations/versions/w1.py
    sed 's/"w1"/"w2"/; s/"both"/"w1"/; s/op.get_bind().commit()/op.execute("SELECT 1")/' migrations/versions/w1.py \
        > migrations/versions/w2.py
    run --separate-stderr headgate bundle --verify --format json
    expect_status 0
    expect_stderr "not verified: what comes after upgrade of w1, which Alembic has run and not written down"
    [ "$(json '.revisions[] | select(.revision == "w2") | .up | "\(.class) \(.verified)"')" = "rendered false" ]
    rm migrations/versions/w?.py
    # Alembic works in another schema than the bundle would.
    sed -i 's/^        context.configure(connection=/        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS app"); connection.exec_driver_sql("SET search_path TO app"); connection.commit()\n&/' \
        migrations/env.py
    rm migrations/versions/v*.py migrations/versions/[blr]*.py
    run --separate-stderr headgate bundle --verify --format json
    expect_status 0
    expect_stderr "HG258 revision t00, upgrade: not what Alembic does"
    [ "$(json '.revisions[0].up | "\(.class) \(.code)"')" = "needs-python differs" ]
    # None to be had.
    HEADGATE_PG_BINDIR=/nonexistent run --separate-stderr headgate bundle --verify
    [ "$status" -ne 0 ]
    expect_stderr "could not be tried in a private PostgreSQL"
    HEADGATE_PG_BINDIR=/nonexistent run --separate-stderr headgate bundle
    expect_status 0
    expect_stderr "not all is verified"
}

@test "killed while it is tried, it leaves no server, no folder and no Python behind" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    # Once in the server, once in Python, where there is one: it says in a file where that is.
    local told sleep data state server pid children i
    told=$(mktemp -d /tmp/hgt-XXXXXX)
    chmod 777 "$told"
    for sleep in "op.execute('SELECT pg_sleep(600)')" 'os.path.exists(TOLD) and time.sleep(600)'; do
        printf '%s\n' 'import os, time' 'from alembic import op' 'revision = "k1"' 'down_revision = "t00"' \
            "TOLD = '$told/where'" 'def upgrade():' \
            "    op.execute(\"COPY (SELECT current_setting('data_directory')) TO '%s'\" % TOLD)" \
            "    $sleep" 'def downgrade():' '    pass' > migrations/versions/k1.py
        rm -f "$told/where"
        headgate bundle --verify > out 2>&1 3>&- &
        pid=$!
        for ((i = 0; i < 600; i++)); do
            [ ! -s "$told/where" ] || break
            kill -0 "$pid" || fail "it ended: $(cat out)"
            sleep 0.1
        done
        data=$(cat "$told/where")
        server=$(head -n 1 "$data/postmaster.pid")
        children=$(pgrep -P "$pid" | xargs)
        state=$(dirname "$(grep -lF "${data%/data}" /tmp/headgate-bundle-*/postgres.ephemeral)")
        [[ $data == /tmp/headgate-* && $state == /tmp/headgate-bundle-* && $children == *" "* ]] ||
            fail "$data, $state: $children"
        kill -9 "$pid"
        wait "$pid" || :
        for ((i = 0; i < 300; i++)); do
            [ -e "/proc/$server" ] || [ -e "${data%/*}" ] || [ -e "$state" ] || ps -p "${children// /,}" > /dev/null || break
            sleep 0.1
        done
        [ ! -e "/proc/$server" ] || fail "the server is left"
        [ ! -e "${data%/*}" ] && [ ! -e "$state" ] || fail "left: $(ls -d "${data%/*}" "$state")"
        ! ps -p "${children// /,}" > left || fail "$(cat left)"
        [ ! -e headgate.bundle ] || fail "half a bundle"
    done
    rm -r "$told"
}

@test "verify compares with the code that is here" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    cp "$BUNDLES/small.bundle" b
    run --separate-stderr headgate bundle verify b
    expect_status 0
    expect_output "b is whole and of this code: 1 revision"
    echo '# edited' >> migrations/versions/t00.py
    sed 's/"t00"/"t99"/; s/^down_revision = .*/down_revision = "t00"/' migrations/versions/t00.py \
        > migrations/versions/t99.py
    echo '# edited' >> migrations/env.py
    run --separate-stderr headgate bundle verify b --format json
    expect_status 1
    expect_document bundle
    [ "$(json .of_this_code)" = false ]
    [ "$(json '.findings[].message')" = "migrations/versions/t00.py is not the file of revision t00 that the bundle has
revision t99 is not in the bundle
env.py is not the one that the bundle was built with" ] || fail "$(json '.findings[].message')"
    rm migrations/versions/*
    run --separate-stderr headgate bundle verify b
    expect_status 1
    expect_output "revision t00 of the bundle is not here"
    mkdir ../empty && cd ../empty
    run --separate-stderr headgate bundle verify ../p/b
    expect_status 0
    expect_output "there is no code here to compare it with"
}

@test "signed by those who may" {
    small "$BATS_TEST_TMPDIR/p"
    cd "$BATS_TEST_TMPDIR/p"
    cp "$BUNDLES/small.bundle" b
    ssh-keygen -q -t ed25519 -N '' -C team -f key
    ssh-keygen -q -t ed25519 -N '' -C stranger -f key2
    echo "team@example.org $(cut -d ' ' -f 1,2 key.pub)" > signers
    echo 'version: 1
bundle: { signers: signers, require_signature: true }' > headgate.yaml
    verify() { run --separate-stderr headgate bundle verify b; }
    verify
    expect_status 1
    expect_output "HG257"
    expect_output "the bundle b is not signed: there is no b.sig"
    run --separate-stderr headgate bundle sign b -k key
    expect_status 0
    [ "$output" = b.sig ]
    ssh-keygen -Y verify -f signers -I team@example.org -n headgate-bundle -s b.sig < b > /dev/null
    verify
    expect_status 0
    headgate bundle sign b -k key2 > /dev/null
    verify
    expect_status 1
    expect_output "the signature of the bundle b is wrong"
    headgate bundle sign b -k key > /dev/null
    cp "$BUNDLES/cases.bundle" b
    verify
    expect_status 1
    expect_output "the signature of the bundle b is wrong"
    hgt_db # and what is applied
    run --separate-stderr headgate apply --bundle b --format json
    expect_status 1
    expect_output '"HG257"'
    [ -z "$(hgt_psql "select to_regclass('alembic_version')")" ] || fail "applied"
    cp "$BUNDLES/small.bundle" b
    run --separate-stderr headgate apply --bundle b --format json
    expect_status 0
    # A minimal image has nothing that could check it.
    run --separate-stderr env PATH=/nowhere "$HGT_BUILD/headgate" apply --bundle b
    expect_status 2
    expect_stderr "ssh-keygen, which is not there"
    expect_stderr "openssh-client"
    run --separate-stderr headgate bundle sign b
    expect_status 2
    run --separate-stderr headgate bundle sign b -k no-such-key
    expect_status 2
    expect_stderr "could not be signed with no-such-key"
    [[ $stderr == *"No such file or directory" ]] || fail "how it ends"
    echo 'version: 1
bundle: { require_signature: true }' > headgate.yaml
    verify
    expect_status 2
    expect_stderr "no bundle.signers"
}

@test "hostile, cut, altered and re-packed archives are refused" {
    cd "$BATS_TEST_TMPDIR"
    python3 - "$BUNDLES/small.bundle" << 'PY'
import gzip, hashlib, io, re, sys, tarfile
good = open(sys.argv[1], "rb").read()
def put(name, data): open(name + ".bad", "wb").write(data)
def member(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items(): setattr(info, key, value)
    head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    head[329:345] = b"0000000\0" * 2 # Python leaves them empty
    head[148:156] = b" " * 8
    head[148:155] = b"%06o\0" % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)
def sealed(body):
    digest = hashlib.sha256(body).hexdigest().encode() + b"\n"
    return body + member("digest", digest) + bytes(1024)
body = good[:-2048]
assert sealed(body) == good # so what follows has a right digest
first = 512 + -(-int(good[124:135], 8) // 512) * 512
put("cut", good[:-512]); put("half", good[:len(good) // 2]); put("empty", b"")
put("longer", good + bytes(512)); put("twice", good + good)
put("gzip", gzip.compress(good)); put("text", b"hello\n" * 1000)
files = tarfile.open(fileobj=io.BytesIO(good))
for name, form in ("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info in files:
            tar.addfile(info, files.extractfile(info))
    put("packed-" + name, out.getvalue())
put("path", sealed(body + member("../../etc/x", b"x"))); put("absolute", sealed(member("/etc/x", b"x") + body))
put("link", sealed(body + member("l", type=tarfile.SYMTYPE, linkname="/etc/passwd")))
put("hardlink", sealed(body + member("l", type=tarfile.LNKTYPE, linkname="manifest.json")))
put("device", sealed(body + member("d", type=tarfile.CHRTYPE))); put("folder", sealed(body + member("d", type=tarfile.DIRTYPE)))
put("double", sealed(body[:first] + body)); put("missing", sealed(body[first:]))
put("swapped", sealed(body[first:] + body[:first]))
put("mode", sealed(member("manifest.json", good[512:512 + int(good[124:135], 8)], mode=0o755) + body[first:]))
put("owner", sealed(member("manifest.json", good[512:512 + int(good[124:135], 8)], uid=1) + body[first:]))
huge = bytearray(body); huge[124:135] = b"77777777777"; put("huge", sealed(bytes(huge)))
hidden = bytearray(body); hidden[first - 1] = 1; put("hidden", sealed(bytes(hidden)))
manifest = good[512:512 + int(good[124:135], 8)]
put("manifest", sealed(member("manifest.json", manifest.replace(b'"ddl": true', b'"ddl": 1')) + body[first:]))
put("newer", sealed(member("manifest.json", manifest.replace(b"bundle/1", b"bundle/2")) + body[first:]))
put("more", sealed(member("manifest.json", manifest.replace(b"{\n", b'{\n  "x": 1,\n', 1)) + body[first:]))
put("chunk", sealed(re.sub(rb"(headgate: sql \d)(\d)", lambda m: m[1] + b"%d" % ((int(m[2]) + 9) % 10), body, count=1)))
put("kind", sealed(body.replace(b"-- headgate: sql ", b"-- headgate: xyz ", 1)))
put("class", sealed(body.replace(b"\trendered\t", b"\tRendered\t", 1)))
PY
    for bad in *.bad; do
        run --separate-stderr headgate bundle show "$bad"
        [ "$status" -eq 1 ] || fail "$bad: exit $status"
        [ -n "$stderr" ] || fail "$bad: no reason"
    done
    [ "$(ls -- *.bad | wc -l)" = 29 ] || fail "$(ls -- *.bad | wc -l) archives"
    run --separate-stderr headgate bundle show newer.bad
    expect_stderr "headgate.bundle/2"
    run --separate-stderr headgate bundle show cut.bad
    expect_stderr "hint: fetch it again, or build it again: headgate bundle"
    run --separate-stderr headgate bundle verify no-such-file
    expect_status 2
    expect_stderr "\`headgate bundle\` writes one"
    local words # what people type
    for words in "verfy b|headgate bundle verify b" "sign|headgate bundle sign headgate.bundle" \
        "cut.bad|headgate bundle show cut.bad" "verify a b|one file at a time" "nonsense|headgate bundle --help"; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate bundle ${words%|*}
        expect_status 2
        expect_stderr "hint: ${words#*|}"
    done
    run --separate-stderr headgate bundle show "$BUNDLES/small.bundle"
    expect_output "  its revisions:
    t00"
    run --separate-stderr headgate bundle show "$BUNDLES/small.bundle" nosuch
    expect_stderr "hint: headgate bundle show "
}
