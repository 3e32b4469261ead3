#!/usr/bin/env bats
# headgate plan, and apply --plan: what is shown is what runs, or nothing runs.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
    hgt_db
}

plan() { run --separate-stderr headgate plan "$@"; }
apply() { run --separate-stderr headgate apply --format json "$@"; }
# What the last apply refused, one sentence a line.
refusals() { hga_result '.findings[] | select(.rule == "HG230") | .message'; }
refused() {
    expect_status 1
    [ "$(hga_result .outcome)" = refused ] || fail "not refused"
    [[ "$(refusals)" == *"$1"* ]] || fail "not said: $1 but: $(refusals)"
    [ "$(hga_rows)" = "${2:-r1}" ] || fail "the database moved"
}
# How often Python was started.
pythons() { jq -r 'select(.event == "child_start") | .file' "$HEADGATE_TRACE" | grep -c python; }
# The database as Alembic leaves it at r1.
at_r1() {
    hgt_psql "create table t1 (id integer); create table alembic_version (version_num varchar(32) primary key);
              insert into alembic_version values ('r1')"
}
# A project of hga_project at r1, and a plan of the rest; without SQL, which costs two Pythons.
planned() {
    hga_project
    at_r1
    headgate plan --no-python -o "$BATS_TEST_TMPDIR/plan.json" > /dev/null 2>&1
}

@test "the text: revisions, words, SQL; and the same bytes twice, also from a snapshot" {
    hgt_project
    hgt_upgraded 0002b41f6d28 2> /dev/null
    plan -o plan.json
    expect_status 0
    expect_output "plan  for local: 1 revision, from 0002b41f6d28 to 0003c9e2074a"
    expect_output "   - creates table sources (id, notebook_id, source_type, content, url, created_at)"
    expect_output "   touches table sources (create, index)"
    expect_output "     CREATE INDEX ix_sources_id ON sources (id);"
    expect_output "     CREATE TABLE sources ("
    headgate plan -o again.json > /dev/null 2>&1
    cmp plan.json again.json
    run --separate-stderr headgate plan --format json
    expect_document plan
    [ "$output" = "$(cat plan.json)" ] || fail "two forms of one plan"
    headgate snapshot -q --no-schema-sql -o s.snapshot > /dev/null 2>&1
    unset DATABASE_URL
    run --separate-stderr headgate plan --from s.snapshot -o -
    expect_status 0
    expect_stderr "the snapshot was taken"
    [ "$(json .digest)" = "$(jq -r .digest plan.json)" ] || fail "another digest from the snapshot"
    [ "$(json .observed.from)" = snapshot ]
    [ "$(json .observed.taken_at)" != null ]
    expect_document plan
}

@test "the SQL that is shown makes the database that Alembic makes" {
    hgt_project
    hgt_upgraded 0001 2> /dev/null
    headgate plan -o plan.json > /dev/null 2>&1
    hgt_upgraded head 2> /dev/null
    headgate snapshot -q --no-schema-sql -o alembic.snapshot > /dev/null 2>&1
    hgt_db
    hgt_upgraded 0001 2> /dev/null
    jq -r '.revisions[].sql[] + ";"' plan.json | psql -Xq -v ON_ERROR_STOP=1 "$HGT_PGURL"
    headgate snapshot -q --no-schema-sql -o sql.snapshot > /dev/null 2>&1
    run headgate snapshot diff alembic.snapshot sql.snapshot
    expect_status 0
}

@test "SQL that cannot be trusted is not shown, with the reason" {
    hga_project 1
    n=1
    refuse() { n=$((n + 1)); hga_revision $n "$1"; reasons+=("$2"); }
    reasons=()
    refuse 'for row in op.get_bind().execute(sa.text("select 1")): print(row)' "reads what a query returns"
    refuse 'op.execute("insert into t1 values ('"'"'{\"a\":true}'"'"')")' "parameter true of a statement has no value"
    refuse 'op.get_bind().execute(sa.table("t1", sa.column("id")).insert(), [{"id": 1}, {"id": 2}])' "several rows of parameters"
    refuse 'from sqlalchemy.dialects import postgresql
postgresql.ENUM("a", name="e").create(op.get_bind(), checkfirst=True)' "(checkfirst)"
    refuse 'sa.inspect(op.get_bind()).get_columns("t1")' "looks into the database"
    refuse 'from alembic import context
if not context.is_offline_mode(): op.execute("select 1")' "is_offline_mode"
    refuse 'import uuid
op.execute("comment on table t1 is '"'"'%s'"'"'" % uuid.uuid4())' "anew each time"
    refuse 'op.bulk_insert(sa.table("t1", sa.column("j", sa.JSON)), [{"j": {"a": 1}}])' "cannot be written as SQL text (JSON)"
    refuse 'op.bulk_insert(sa.table("t1", sa.column("a", sa.Integer), sa.column("b", sa.Integer)), [{"a": 1}, {"b": 2}])' "different columns"
    refuse 'try:
    op.get_bind().execute(sa.text("select 1")).scalar()
except Exception:
    pass' "reads what a query returns"
    refuse 'import datetime
op.execute("comment on table t1 is '"'"'%s'"'"'" % datetime.date.today())' "today"
    plan --format json
    expect_status 0
    for ((i = 0; i < ${#reasons[@]}; i++)); do
        [ "$(json ".revisions[$((i + 1))].sql")" = null ] || fail "r$((i + 2)) is shown"
        [[ "$(json ".revisions[$((i + 1))].no_sql")" == *"${reasons[$i]}"* ]] ||
            fail "r$((i + 2)): $(json ".revisions[$((i + 1))].no_sql")"
    done
    [ "$(json '.revisions[0].sql | length')" = 1 ]
}

@test "SQL that only looks dangerous is shown as it will run; by the oldest Alembic alike" {
    hga_project 1
    hga_revision 2 'op.get_bind().execute(sa.text("UPDATE t1 SET id = :v"), {"v": 1})'
    hga_revision 3 'op.execute("select 1 where '"'"'a'"'"' like '"'"'50%'"'"'")'
    hga_revision 4 'with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY x ON t1 (id)")'
    hga_revision 5 'op.execute(sa.text("select :v").bindparams(v="a\\b\tc"))'
    hga_revision 6 'op.execute("select 1 -- the end")'
    plan --format json
    [ "$(json '.revisions[1].sql[0]')" = "UPDATE t1 SET id = 1" ]
    [ "$(json '.revisions[2].sql[0]')" = "select 1 where 'a' like '50%'" ]
    [ "$(json '.revisions[3].sql | join("; ")')" = "COMMIT; CREATE INDEX CONCURRENTLY x ON t1 (id); BEGIN" ]
    [ "$(json '.revisions[4].sql[0]')" = "select 'a\\b"$'\t'"c'" ]
    newest=$output
    old=$(hgt_old_venv 1.8.1)
    DATABASE_URL=${DATABASE_URL/psycopg/psycopg2} PATH=$old/bin:$PATH plan --format json
    [ "$(json .digest)" = "$(jq -r .digest <<< "$newest")" ] || fail "the oldest Alembic renders otherwise"
    plan
    [[ $output == *$'     select 1 -- the end\n     ;'* ]] || fail "a comment swallows the semicolon"
}

@test "a plan of files fits an apply of their bundle, and the other way round" {
    hga_project 1
    hga_revision 2 'op.execute("insert into t1 values (1)")
with op.get_context().autocommit_block():
    op.execute("""
        CREATE INDEX CONCURRENTLY x ON t1 (id)
    """)
op.execute("")
op.execute("update t1 set id = 2;")'
    headgate bundle -o x.bundle > /dev/null 2>&1
    headgate plan -o files.json > /dev/null
    headgate plan --bundle x.bundle -o bundle.json > /dev/null
    [ "$(jq -c '.revisions[1].sql' files.json)" = \
        '["insert into t1 values (1)","COMMIT","CREATE INDEX CONCURRENTLY x ON t1 (id)","BEGIN","update t1 set id = 2;"]' ]
    diff <(jq .revisions files.json) <(jq .revisions bundle.json)
    run --separate-stderr headgate apply --yes --bundle x.bundle --plan files.json
    expect_status 0
    hgt_psql 'drop table t1, alembic_version; drop schema headgate cascade'
    run --separate-stderr headgate apply --yes --plan bundle.json
    expect_status 0
    [[ $stderr != *HG230* ]] || fail "a difference"
}

@test "Python gets no secret and no connection" {
    hga_project 1
    {
        echo 'import json'
        echo 'open("seen.json", "w").write(json.dumps(dict(os.environ)))'
    } >> mig/env.py
    export API_TOKEN=hgt-secret-token SOME_HOST=db.example.org
    plan
    expect_status 0
    expect_output "CREATE TABLE t1"
    run -1 grep -E 'hgt-secret|canary' seen.json
    [ "$(jq -r .DATABASE_URL seen.json)" = postgresql+psycopg://headgate:headgate@headgate.invalid:5432/headgate ]
}

@test "an asynchronous env.py, two branches and a merge, pyproject.toml" {
    hga_project 1
    for n in 2 3; do
        hga_revision $n
        sed -i 's/^down_revision = .*/down_revision = "r1"/' mig/versions/r$n.py
    done
    hga_revision 4
    sed -i 's/^down_revision = .*/down_revision = ("r2", "r3")/' mig/versions/r4.py
    hga_commit
    DATABASE_URL=${DATABASE_URL/psycopg/asyncpg} plan --format json
    expect_status 0
    [ "$(json '[.revisions[] | .revision + ":" + (.sql[0] // .no_sql | split("\n")[0])] | join(" ")')" = \
        "r1:CREATE TABLE t1 ( r3:CREATE TABLE t3 ( r2:CREATE TABLE t2 ( r4:CREATE TABLE t4 (" ] ||
        fail "other revisions, or other SQL"
    [ "$(json '.to | join(" ")')" = r4 ]
    printf '[tool.alembic]\nscript_location = "%%(here)s/mig"\n' > pyproject.toml
    git rm -q alembic.ini && hga_commit
    sed -i '/fileConfig(/d' mig/env.py
    plan
    expect_status 0
    expect_output "CREATE TABLE t4 ("
}

@test "Flask-Migrate: rendered by Flask's own command" {
    mkdir "$BATS_TEST_TMPDIR/flask" && cd "$BATS_TEST_TMPDIR/flask"
    cat > app.py << 'PY'
import os
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_migrate import Migrate
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
Migrate(app, db)

class Thing(db.Model):
    id = db.Column(db.Integer, primary_key=True)
PY
    export FLASK_APP=app.py
    flask db init > /dev/null 2>&1
    flask db migrate -m "add thing" > /dev/null 2>&1
    git init -q -b main . && hga_commit
    plan
    expect_status 0
    expect_output "     CREATE TABLE thing ("
}

@test "without Python there is a plan without SQL" {
    hga_project 2
    plan --no-python --format json
    expect_status 0
    [ "$(json '[.revisions[].sql] | tostring')" = "[null,null]" ]
    [[ "$(json '.revisions[0].no_sql')" == *--no-python* ]]
    echo 'raise RuntimeError("needs a license")' > mig/env.py
    plan
    expect_status 0
    expect_output "SQL not shown: env.py fails without a database: RuntimeError: needs a license"
}

@test "apply --plan runs exactly the plan, once" {
    planned
    apply --plan ../plan.json
    expect_status 0
    [ "$(hga_result .outcome)" = applied ]
    [ "$(hga_rows)" = r3 ]
    apply --plan ../plan.json
    expect_status 0
    [ "$(hga_result .outcome)" = nothing-to-do ]
    hga_revision 4
    apply --plan ../plan.json
    refused "revision r4 (mig/versions/r4.py) would run now, and is not in the plan" r3
}

@test "a plan up to a revision goes there and no further" {
    hga_project
    headgate plan --no-python --to r2 -o plan.json > /dev/null 2>&1
    apply --plan plan.json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    apply --plan plan.json r3
    expect_status 2
}

@test "what changed since the review is refused, each thing in a sentence of its own" {
    planned
    sed -i 's/step 2/step two/' mig/versions/r2.py && hga_commit
    hga_revision 4
    apply --plan ../plan.json
    refused "mig/versions/r2.py is not the file that was reviewed"
    refused "revision r4 (mig/versions/r4.py) would run now, and is not in the plan"
    refused "head was r3 when the plan was made, and is r4 now"
    [[ "$(hga_result '.findings[0].help')" == *"headgate plan -t local -o ../plan.json" ]]
    git reset -q --hard HEAD~2
    echo '# more' >> mig/env.py && hga_commit
    apply --plan ../plan.json
    refused "env.py was changed"
    git reset -q --hard HEAD~1
    git rm -q mig/versions/r3.py && git commit -q -m gone
    apply --plan ../plan.json
    refused "revision r3 of the plan (mig/versions/r3.py) would not run now"
    git reset -q --hard HEAD~1
    hgt_psql "update alembic_version set version_num = 'r2'"
    apply --plan ../plan.json
    refused "the plan starts from r1, and the database stands at r2 now" r2
    # What a file takes in is not in its digest, but in its SQL.
    echo "create table t3 (id integer)" > up.sql
    hga_revision 3 'op.execute(open("up.sql").read())'
    headgate plan -o ../plan.json > /dev/null 2>&1
    echo "drop table t1" > up.sql
    apply --plan ../plan.json
    refused "the SQL of revision r3 is not what was reviewed" r2
    run --separate-stderr headgate apply --plan ../plan.json --no-python
    expect_stderr "whether the SQL of revision r3 is what was reviewed cannot be told here: Python was not started"
}

@test "that the SQL is what was reviewed takes one Python, and what became of it otherwise two" {
    hga_project 1
    hga_revision 2 'import other
op.execute("select " + repr(other.name))'
    echo "name = 'same'" > other.py
    hga_commit
    export PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1 HEADGATE_TRACE=$BATS_TEST_TMPDIR/trace
    headgate plan -o ../plan.json > /dev/null 2>&1
    echo "import uuid; name = uuid.uuid4().hex" > other.py
    rm "$HEADGATE_TRACE"
    apply --plan ../plan.json
    expect_status 0
    [[ "$(refusals)" == *"cannot be told here: Python makes values in it anew"* ]] || fail "not said"
    [ "$(pythons)" = 4 ] || fail "$(pythons) times Python"
    hgt_psql 'drop table t1, alembic_version; drop schema headgate cascade'
    echo "name = 'same'" > other.py
    rm "$HEADGATE_TRACE"
    apply --plan ../plan.json
    expect_status 0
    [ -z "$(refusals)" ] || fail "refused"
    [ "$(pythons)" = 2 ] || fail "$(pythons) times Python"
}

@test "another database, another target: refused" {
    planned
    first=$DATABASE_URL
    hgt_db
    at_r1
    apply --plan ../plan.json
    refused "the plan was made for the database with the name"
    export DATABASE_URL=$first HEADGATE_TARGET=other
    headgate target relabel --yes > /dev/null 2>&1
    HGT_PGURL=${first/+psycopg/}
    apply --plan ../plan.json
    refused "the plan was made for target local, and this is other"
}

@test "a plan that was edited or damaged, or is none: nothing is even asked" {
    planned
    unset DATABASE_URL
    sed 's/step 2/step too/' ../plan.json > edited.json
    head -c 300 ../plan.json > damaged.json
    echo '{"schema": "headgate.gate/1"}' > other.json
    for file in edited damaged other; do
        apply --plan $file.json
        expect_status 1
        [ "$(hga_result .error.kind)" = integrity ]
    done
    apply --plan missing.json
    expect_status 2
}

@test "require_plan on a protected target" {
    hga_project
    printf 'version: 1\ntargets:\n  prod: { protected: true, require_plan: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    apply -t prod --yes
    expect_status 1
    [ "$(hga_result '[.findings[].rule] | index("HG231") != null')" = true ]
    headgate plan --no-python -t prod -o plan.json > /dev/null 2>&1
    apply -t prod --yes --plan plan.json
    expect_status 0
    [ "$(hga_rows)" = r3 ]
    apply -t prod --yes
    expect_status 0
}

@test "from a snapshot: max_age, another target's, none at all; apply still asks the database" {
    hga_project
    at_r1
    headgate snapshot -q --no-schema-sql -o s.snapshot > /dev/null 2>&1
    url=$DATABASE_URL
    unset DATABASE_URL
    plan --no-python --from s.snapshot -o plan.json
    expect_status 0
    printf 'version: 1\nplan: { max_age: 1ms }\ntargets:\n  local: { environment: [ process ] }\n  other: { environment: [ process ], plan: { max_age: 1h } }\n' > headgate.yaml
    rm plan.json
    plan --no-python --from s.snapshot -o plan.json
    expect_status 1
    expect_stderr HG232
    [ ! -e plan.json ]
    plan --no-python --from s.snapshot -t other
    expect_status 1
    expect_stderr "a snapshot of target local"
    sed -i 's/1ms/1h/' headgate.yaml
    plan --no-python --from s.snapshot -o plan.json
    expect_status 0
    plan --no-python --from alembic.ini
    expect_status 1
    plan --no-python --from nowhere.snapshot
    expect_status 2
    export DATABASE_URL=$url
    hgt_psql "update alembic_version set version_num = 'r2'"
    apply --plan plan.json
    refused "the plan starts from r1, and the database stands at r2 now" r2
}

@test "where no plan leads on: ahead, a broken history, no database" {
    hga_project
    at_r1
    hgt_psql "update alembic_version set version_num = 'r3'"
    plan
    expect_status 0
    expect_output "nothing to do, it stands at r3"
    git rm -q mig/versions/r3.py && git commit -q -m gone
    plan
    expect_status 1
    expect_stderr "no plan leads on from here: local is ahead, it has r3"
    DATABASE_URL=postgresql+psycopg://hgt:x@127.0.0.1:1/none plan --format json
    expect_status 3
    [ "$(json .error.kind)" = database ]
    printf 'revision = "r9"\ndown_revision = "r8"\n' > mig/versions/r9.py
    plan
    expect_status 1
}

@test "Markdown: nothing of a file is markup" {
    hga_project 1
    hga_revision 2 'op.execute("comment on table t1 is '"'"'```<b>'"'"'")'
    sed -i 's/step 2/<script> | `x` *y*/' mig/versions/r2.py && hga_commit
    plan --format markdown
    expect_status 0
    expect_output '&lt;script> \| \`x\` \*y\*'
    expect_output '````sql'
    expect_output "<details><summary>SQL (1 statement)</summary>"
    [[ $output != *"<script>"* ]]
}

@test "--check: the gate's verdict as the exit code" {
    hga_project
    plan --no-python --check
    expect_status 0
    git switch -q -c change
    hga_revision 4
    printf 'version: 1\ntargets:\n  prod: { protected: true, environment: [ process ] }\n' > headgate.yaml
    plan --no-python -t prod --check
    expect_status 1
    expect_output "gate      shut"
    plan --no-python -t prod
    expect_status 0
}
