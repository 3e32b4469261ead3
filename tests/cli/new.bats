#!/usr/bin/env bats
# headgate new: generate against an up-to-date database only, review what came out.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_db
    hgt_project
}

new() { run --separate-stderr headgate new "$@"; }
at_head() { hgt_upgraded head > /dev/null 2>&1; }
versions() { find backend/db/migrations/versions -name '*.py' | wc -l; }
git_clean() { [ -z "$(git status --porcelain --untracked-files=all)" ] || fail "left: $(git status -s)"; }

# The guide's second example: a column more in the model.
add_column() {
    sed -i 's/^    created_at/    source_count: Mapped[int] = mapped_column(BigInteger, default=0)\n&/' \
        backend/db/tables/notebook.py
}

# A model in a module of its own, not yet imported anywhere.
add_model() {
    cat > backend/db/tables/tag.py << 'EOF'
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger, String

from db.tables.base import Base


class TagsTable(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
EOF
}

@test "a column in the model becomes a reviewed revision, its path on the last line" {
    at_head
    add_column
    new -m "add source_count to notebooks"
    expect_status 0
    file=${lines[-1]}
    [ -O "$file" ] || fail "$file is not the caller's"
    grep -q "op.add_column('notebooks', sa.Column('source_count'" "$file"
    expect_output "adds column source_count (BigInteger) to notebooks"
    expect_output "drops column source_count of notebooks"
    [ "$(versions)" = 4 ]
    hgt_alembic upgrade head
}

@test "a message is only a message" {
    at_head
    add_column
    new -m "it's \$5, 100% \"sure\" --sql"
    expect_status 0
    head -n 1 "${lines[-1]}" | grep -qF "it's \$5, 100% \"sure\" --sql"
}

@test "a database that lacks revisions is refused" {
    hgt_upgraded 0001 > /dev/null 2>&1
    add_column
    new -m "add source_count"
    expect_status 1
    expect_stderr "lacks 2 revisions"
    expect_stderr $'pending:\n    0002b41f6d28'
    expect_stderr $'\n    0003c9e2074a'
    expect_stderr "headgate apply"
    [ "$(versions)" = 3 ]
}

@test "a database that holds another branch's revision is refused, with the branch and the way on" {
    at_head
    git switch -q -c tags
    (cd backend && alembic revision -m "add tags" > /dev/null 2>&1)
    git add -A && git commit -qm "Add tags"
    at_head
    git switch -q main
    new -m "something else"
    expect_status 1
    expect_stderr "of branch tags"
    expect_stderr "git switch tags"
    git_clean
}

@test "a model that is not imported: nothing is left, and the line to add is named" {
    at_head
    add_model
    new -m "add tags table"
    expect_status 1
    expect_stderr "backend/db/tables/tag.py is not imported in backend/db/tables/__init__.py"
    expect_stderr "from db.tables.tag import TagsTable"
    [ "$(versions)" = 3 ] || fail "the empty revision stayed"
    # And with the line added it works.
    sed -i 's/^from db.tables.source/from db.tables.tag import TagsTable\n&/' \
        backend/db/tables/__init__.py
    new -m "add tags table"
    expect_status 0
    expect_output "creates table tags (id, name)"
}

@test "models and database agree: the empty revision is removed unless it is wanted" {
    at_head
    new -m "nothing"
    expect_status 1
    expect_stderr "the models that env.py imports and the database agree"
    git_clean
    new -m "nothing" --allow-empty
    expect_status 0
    expect_output "HG208"
    [ -f "${lines[-1]}" ]
}

@test "a rename comes out as drop and add: an error, with the line to write; the file stays" {
    at_head
    sed -i 's/title: Mapped/name: Mapped/' backend/db/tables/notebook.py
    new -m "rename title to name"
    expect_status 1
    expect_output "HG209"
    expect_output 'op.alter_column("notebooks", "title", new_column_name="name")'
    [ -f "${lines[-1]}" ] || fail "the file is gone"
    # Of a table, this env.py shows autogenerate the new name alone.
    rm "${lines[-1]}"
    git checkout -q .
    sed -i 's/__tablename__ = "sources"/__tablename__ = "documents"/' backend/db/tables/source.py
    new -m "rename sources to documents"
    expect_status 1
    expect_output "HG209"
    expect_output 'op.rename_table("sources", "documents")'
}

@test "--manual makes an empty revision and asks no database" {
    unset DATABASE_URL
    new --manual -m "rename title to name"
    expect_status 0
    [ -f "${lines[-1]}" ]
    grep -q "down_revision.*0003c9e2074a" "${lines[-1]}"
    expect_output "next: write upgrade() and downgrade(), then headgate apply -t local"
    new "rename title to name"
    expect_status 2
    [[ $stderr == *'headgate new -m "add sources table"'* ]] || fail "$stderr"
}

@test "tables that no model owns and headgate's own schema are left alone" {
    hgt_psql "create schema ai; create table ai.memories (id int); create table agno_runs (id int);
              create schema headgate; create table headgate.runs (id int)"
    at_head
    # An env.py that looks at every schema and filters nothing.
    sed -i 's/    return True/    return True if type_ != "schema" else name in (None, "headgate")/;
            s/return name in target_metadata.tables/return not name.startswith("agno")/;
            s/connection=connection,/connection=connection, include_schemas=True,/' \
        backend/db/migrations/env.py
    add_column
    new -m "add source_count"
    expect_status 0
    ! grep -q "headgate\|agno\|memories" "${lines[-1]}" || fail "$(cat "${lines[-1]}")"
}

@test "dropping a table that no model ever owned is an error" {
    hgt_psql "create table agno_runs (id int)"
    at_head
    sed -i 's/return name in target_metadata.tables/return True/' backend/db/migrations/env.py
    add_column
    new -m "add source_count"
    expect_status 1
    expect_output "HG210"
    expect_output "drops table agno_runs"
}

@test "never on a protected target, which is not even asked" {
    new -t production -m x
    expect_status 1
    expect_stderr "production is protected"
    git_clean
}

@test "options behind -- reach Alembic; what Alembic refuses is told" {
    at_head
    add_column
    new -m x -- --rev-id abc123def456
    expect_status 0
    [[ ${lines[-1]} == *abc123def456_x.py ]]
    rm "${lines[-1]}"
    new -m y -- --no-such-option
    expect_status 1
    expect_stderr "alembic revision ended with exit code 2"
}

@test "an error of the models: the lines of the project and the exception, with -v all of it" {
    at_head
    echo 'raise LookupError("no such\nthing")' >> backend/db/tables/notebook.py
    new -m x
    expect_status 1
    expect_stderr 'tables/notebook.py", line'
    [[ $stderr != *site-packages* ]] || fail "lines of libraries"
    expect_stderr "are left out: -v shows them"
    [ "${stderr##*$'\n'}" = "  LookupError: no such" ] || fail "the exception"
    new -v -m x
    expect_status 1
    expect_stderr site-packages
}

@test "a model in another package that env.py never imports is named" {
    at_head
    mkdir backend/billing backend/notes
    touch backend/billing/__init__.py backend/notes/__init__.py
    add_model
    mv backend/db/tables/tag.py backend/billing/models.py
    echo 'class Own: __tablename__ = "own"' > backend/notes/models.py # on nothing of ours
    new -m x
    expect_status 1
    expect_stderr "env.py never imports backend/billing/models.py, where tables are defined"
}

@test "several heads: --head says which one" {
    at_head
    (cd backend && alembic revision -m a --head 0002 --splice > /dev/null 2>&1)
    new --manual -m b
    expect_status 1
    new --manual --head 0003c9e2074a -m b
    expect_status 0
    grep -q "down_revision.*0003c9e2074a" "${lines[-1]}"
}

@test "wrong usage" {
    new
    expect_status 2
    new -m "  "
    expect_status 2
}

@test "from another folder with -C, the path is one that can be opened" {
    at_head
    add_column
    cd /
    run --separate-stderr headgate new -C "$HGT_PROJECT" -m x
    expect_status 0
    [ -f "${lines[-1]}" ] || fail "${lines[-1]}"
}
