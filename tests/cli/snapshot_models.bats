#!/usr/bin/env bats
# headgate snapshot diff … models: what the real Alembic finds between a database, or a file, and the models.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_db
    hgt_project
    hgt_upgraded head > /dev/null 2>&1
    hgt_psql "create table agents_own (id int)" # no model owns it: env.py leaves it out
}

diff_() { run --separate-stderr headgate snapshot diff "$@"; }
changes() { jq -r '.changes[] | .change + " " + .kind + " " + .name, (.details[] | "  \(.what): \(.from) -> \(.to)")' <<< "$output"; }

@test "no difference: the database that the revisions made, as a target and as a file" {
    diff_ models
    expect_status 0
    [ "$output" = "no difference" ]
    headgate snapshot -q -o here
    diff_ here models
    expect_status 0
    [ "$output" = "no difference" ]
    # The private server that looked at the file is gone.
    run -1 pgrep -f "postgres -D /tmp/headgate-models"
    compgen -G "/tmp/headgate-models-*" > left || :
    [ ! -s left ] || fail "$(cat left)"
}

@test "a missing column, another type, a missing index, a table that no model has; from both sides" {
    hgt_psql "alter table sources drop url, alter content type varchar(90), alter source_type drop not null;
              alter table notebooks alter created_at set default '2020-01-01';
              drop index ix_notebooks_id; drop table notebook_sessions"
    diff_ local models --format json
    expect_status 1
    expect_document snapshot-diff
    [ "$(changes | grep -Ev '^  column [a-z_]+: null -> ')" = "added table public.notebook_sessions
changed table public.sources
  column source_type: not_null: null -> true
  column content: type: VARCHAR(90) -> TEXT
added index public.ix_notebook_sessions_id
  definition: null -> CREATE INDEX ix_notebook_sessions_id ON notebook_sessions (id)
added index public.ix_notebook_sessions_notebook_id
  definition: null -> CREATE INDEX ix_notebook_sessions_notebook_id ON notebook_sessions (notebook_id)
added index public.ix_notebooks_id
  definition: null -> CREATE INDEX ix_notebooks_id ON notebooks (id)" ] || fail "$(changes)"
    changes | grep -xF "  column url: null -> VARCHAR(2048)" > /dev/null || fail "$(changes)"
    diff_ models local
    expect_status 1
    expect_output "- index public.ix_notebooks_id"
    expect_output "~ column content: type: TEXT -> VARCHAR(90)"
    headgate snapshot -q -o here
    diff_ here models
    expect_status 1
    expect_output "+ index public.ix_notebooks_id"
}

@test "tables and constraints that only the database has, where env.py wants to see them; Alembic 1.8 too" {
    sed -i 's/^        return name in target_metadata.tables$/        return True/' backend/db/migrations/env.py
    hgt_psql "alter table notebooks add constraint one_title unique (title); comment on table sources is 'x'"
    diff_ models --format json
    expect_status 1
    [ "$(changes | sed 's/ NULLS DISTINCT//')" = "removed table public.agents_own
  column id: INTEGER -> null
changed table public.sources
  comment: (some) -> null
removed constraint public.notebooks.one_title
  definition: ALTER TABLE notebooks ADD CONSTRAINT one_title UNIQUE (title) -> null" ] || fail "$(changes)"
    # SQLAlchemy 1.4 cannot load the sample's models: here, no model at all.
    sed -i 's/^from db.tables import Base$/from sqlalchemy import MetaData/; s/Base.metadata/MetaData()/' backend/db/migrations/env.py
    old=$(hgt_old_venv 1.8.1)
    PATH=$old/bin:$PATH DATABASE_URL=${DATABASE_URL/+psycopg:/+psycopg2:} diff_ models --format json
    expect_status 1
    [ "$(changes | head -n 2)" = "removed table public.agents_own
  column id: INTEGER -> null" ] || fail "$(changes)"
}

@test "the database is only read, and only the judged one" {
    python3 - backend/db/migrations/env.py << 'PY'
import sys
name = sys.argv[1]
text = open(name).read()
changed = text.replace("        with context.begin_transaction():\n            context.run_migrations()\n\n\nif",
    "        from sqlalchemy import text\n        connection.execute(text('create table mischief (id int)'))\n"
    "        with context.begin_transaction():\n            context.run_migrations()\n\n\nif")
assert changed != text
open(name, "w").write(changed)
PY
    diff_ models
    expect_status 3
    expect_stderr "read-only transaction"
    git checkout -q backend
    first=$HGT_DB
    hgt_db
    sed -i "s#^db_url = .*#db_url = '${DATABASE_URL}'#" backend/db/url.py
    DATABASE_URL=${DATABASE_URL/$HGT_DB/$first} diff_ models
    expect_status 3
    expect_stderr "was judged"
}

@test "what cannot be told: no schema.sql, no metadata, no alembic.ini, no such target; usage" {
    headgate snapshot -q -o bare --no-schema-sql
    diff_ bare models
    expect_status 3
    expect_stderr "holds no schema.sql"
    sed -i 's/^target_metadata = .*/target_metadata = None/; s/name in target_metadata.tables/True/' backend/db/migrations/env.py
    diff_ models
    expect_status 3
    expect_stderr "no target_metadata"
    diff_ models models
    expect_status 2
    diff_ models --sizes
    expect_status 2
    diff_ models --no-python
    expect_status 2
    diff_ nowhere models
    expect_status 2
    cd "$BATS_TEST_TMPDIR" && mkdir empty && cd empty
    diff_ models
    expect_status 2
    expect_stderr "alembic.ini"
}
