#!/usr/bin/env bats
# The guide in containers: the sample's image on a real engine, running as notebooklm-api beside its
# database, its backend/ mounted as compose.yaml does it; Alembic runs inside by exec. And three of
# the guide's accidents, provoked and caught.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    docker rm -f notebooklm-api notebooklm-db > /dev/null 2>&1 || true
    docker build -q --network host --build-arg BASE_IMAGE=headgate-base -t headgate-sample \
        "$HGT_ROOT/containers/notebook-api" > /dev/null
    docker network rm notebooklm-net > /dev/null 2>&1 || true
    docker network create notebooklm-net > /dev/null
    docker run -d --init --name notebooklm-db --network notebooklm-net --network-alias db \
        -e POSTGRES_USER=notebook -e POSTGRES_PASSWORD=a-dev-password -e POSTGRES_DB=notebook \
        headgate-base headgate-test-postgres > /dev/null
    for _ in $(seq 300); do
        sql 'select 1' > /dev/null 2>&1 && break
        sleep 0.1
    done
}
setup() {
    load ../lib/common
    load ../lib/docker
    export HEADGATE_MK=$HGT_ROOT/headgate.mk
    hgt_project
    sql 'drop schema public cascade; create schema public; drop schema if exists headgate cascade'
    docker run -d --init --name notebooklm-api --network notebooklm-net -v "$PWD/backend:/app" \
        -e DB_USER=notebook -e DB_PASS=a-dev-password -e DB_HOST=db -e DB_PORT=5432 \
        -e DB_DATABASE=notebook headgate-sample > /dev/null
}
teardown() { docker rm -f notebooklm-api > /dev/null; }
teardown_file() {
    docker rm -f notebooklm-db > /dev/null
    docker network rm notebooklm-net > /dev/null
}

sql() {
    docker exec -e PGPASSWORD=a-dev-password notebooklm-db psql -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 \
        -U notebook notebook -c "$1" 2> /dev/null
}
mk() { run --separate-stderr make --no-print-directory "$@"; }

# The three revisions are in, and so is a table of the agents, which no model owns.
migrated() {
    mk migrate-docker
    expect_status 0
    expect_stderr "headgate: exit 0 (done)"
    sql 'create table agno_sessions (id int)'
}

# GET or POST on the application, from inside its container.
api() { # METHOD PATH [JSON]
    docker exec notebooklm-api python3 -c '
import sys, time, urllib.request
method, path, body = (sys.argv[1:] + [None])[:3]
request = urllib.request.Request("http://127.0.0.1:8000" + path, method=method,
                                 data=body.encode() if body else None,
                                 headers={"Content-Type": "application/json"})
for attempt in range(100):
    try:
        print(urllib.request.urlopen(request).read().decode())
        break
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} {error.read().decode()}")
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("no answer")' "$@"
}

@test "migrate-docker applies inside, and the application works with what it made" {
    migrated
    [ "$(sql 'select version_num from alembic_version')" = 0003c9e2074a ]
    mk migrate-status t=docker
    expect_status 0
    expect_output "up-to-date"
    api POST /notebooks '{"title": "Reading"}'
    api POST /notebooks/1/sources '{"source_type": "url", "url": "https://example.org/"}'
    api POST /notebooks/1/sessions '{"name": "first"}'
    [[ $(api GET /notebooks/1/sources) == *'"url":"https://example.org/"'* ]]
    [ "$(sql 'select count(*) from notebook_sessions')" = 1 ]
    # Tables of the agents are still there.
    sql 'select * from agno_sessions'
    mk migrate-docker
    expect_status 0
}

@test "migration generates inside; the file lies in the working tree and is the caller's" {
    migrated
    sed -i 's/^    created_at/    source_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))\n&/' \
        backend/db/tables/notebook.py
    mk migration m="it's \$5" t=docker
    expect_status 0
    expect_output "adds column source_count (BigInteger) to notebooks"
    file=${lines[-1]}
    [ -O "$file" ] || fail "not the caller's: $(ls -l "$file")"
    grep -qF "it's \$5" "$file"
    mk migrate-docker
    expect_status 0
    [ "$(sql "select count(*) from information_schema.columns where column_name = 'source_count'")" = 1 ]
    # Back down again.
    mk migrate-down t=docker
    expect_status 0
    [ "$(sql 'select version_num from alembic_version')" = 0003c9e2074a ]
}

@test "a model that nobody imports: no revision, and the line to add" {
    migrated
    sed 's/SourcesTable/TagsTable/; s/"sources"/"tags"/' backend/db/tables/source.py \
        > backend/db/tables/tag.py
    mk migration m="add tags table" t=docker
    expect_status 2
    expect_stderr "from db.tables.tag import TagsTable"
    expect_stderr "headgate: exit 1"
    [ "$(find backend/db/migrations/versions -name '*.py' | wc -l)" = 3 ]
}

@test "a rename that became drop and add: the review and the gate stop it" {
    migrated
    sed -i 's/title: Mapped/name: Mapped/' backend/db/tables/notebook.py
    mk migration m="rename title to name" t=docker
    expect_status 2
    expect_output "HG209"
    expect_output 'op.alter_column("notebooks", "title", new_column_name="name")'
    git add -A && git commit -qm "Rename"
    mk migrate-docker
    expect_status 2
    expect_stderr "HG209"
    [ "$(sql 'select version_num from alembic_version')" = 0003c9e2074a ] || fail "it was applied"
}

@test "an applied file that was edited: the check and the apply stop it" {
    migrated
    git switch -q -c edit
    sed -i 's/length=2048/length=4096/' backend/db/migrations/versions/0003c9e2074a_add_sources.py
    git commit -qam "Longer URLs"
    mk migrate-check
    expect_status 2
    expect_output "HG201"
    expect_stderr "headgate: exit 1"
    # And when it never went through a check: the database's own record knows the file that ran.
    git switch -q main && git merge -q edit
    mk migrate-docker
    expect_status 2
    expect_stderr "HG201"
}
