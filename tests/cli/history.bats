#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# headgate history: files read as Alembic reads them. T1..T37 are the traps of Alembic 1.20.1 that
# its reader has; each was seen on the real Alembic. Those of the configuration: history_config.bats.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/history; hgt_history_setup; }

@test "the document has the agreed shape" {
    rev 1.py aaaa1111 None '"main"'
    rev 2.py bbbb2222 '"aaaa1111"'
    look
    expect_ids "bbbb2222 aaaa1111"
    expect_document history
    [ "$(json '.schema, .heads[0], .bases[0]' | tr '\n' ' ')" = "headgate.history/1 bbbb2222 aaaa1111 " ]
    [ "$(json '.revisions[1] | [.message, .path, .is_head, .is_base, .applied, .branch_labels[0]] | join("|")')" = \
        "aaaa1111 text|m/versions/1.py|false|true||main" ]
}

@test "T1: which files count" {
    rev .hidden.py hhhh1111 None
    rev "a b-c.py" ssss2222 '"hhhh1111"'
    for name in '.#lock.py' __init__.py __init__extra.py x.py.bak x.PY y.pyi; do
        echo 'revision = "wrong"' > "m/versions/$name"
    done
    mkdir -p m/versions/sub m/versions/.git m/versions/__pycache__
    rev sub/z.py zzzz3333 '"ssss2222"'
    rev .git/q.py qqqq4444 '"zzzz3333"'
    echo 'x = 1' > m/versions/__pycache__/q.py
    look
    expect_ids "ssss2222 hhhh1111"
    as_alembic
    echo 'recursive_version_locations = true' >> alembic.ini
    look
    expect_ids "qqqq4444 zzzz3333 ssss2222 hhhh1111"
    as_alembic
}

@test "T2: a file without revision is refused, a hexadecimal name is its id" {
    echo 'x = 1' > m/versions/foo.py
    look
    expect_refused HG105
    [ "$(json '.findings[0].location.path')" = m/versions/foo.py ]
    : > m/versions/foo.py
    look
    expect_refused HG105
    rm m/versions/foo.py
    echo 'down_revision = None' > m/versions/abc123.py
    look
    expect_ids abc123
    mv m/versions/abc123.py m/versions/abc123_x.py
    look
    expect_refused HG105
}

@test "T3, T37: a missing parent, also when it is a file's name" {
    rev 0001_first.py 0001 None
    rev 0002_b.py 0002 '"0001_first"'
    look
    expect_refused HG102
    [[ $(json '.findings[0].help') == *"name of a file: its revision id is 0001"* ]] || fail hint
    [ "$(json '.revisions | length')" = 2 ]
    [ "$(json '.findings[0].location.line')" = 5 ]
}

@test "T4, T5: a duplicate id is an error, both files named" {
    rev a.py aaaa1111 None
    rev b1.py bbbb2222 '"aaaa1111"'
    rev b2.py bbbb2222 '"aaaa1111"'
    look
    expect_refused HG104
    [[ $(json '.findings[0].message') == *b1.py*b2.py* ]] || fail names
    [ "$(json '.revisions | length')" = 3 ]
}

@test "T6, T7: circles of every kind" {
    rev a.py aaaa1111 '"aaaa1111"'
    look
    expect_refused HG103
    rev a.py aaaa1111 '"bbbb2222"'
    rev b.py bbbb2222 '"aaaa1111"'
    look
    expect_refused HG103
    rev a.py aaaa1111 None None '"bbbb2222"'
    rev b.py bbbb2222 None None '"aaaa1111"'
    look
    expect_refused HG103
    # One that Alembic does not see: a base leads in, a head leads out.
    rev a.py aaaa1111 None
    rev b.py bbbb2222 '("aaaa1111", "dddd4444")'
    rev c.py cccc3333 '"bbbb2222"'
    rev d.py dddd4444 '"cccc3333"'
    rev e.py eeee5555 '"dddd4444"'
    look
    expect_refused HG103
    [[ $(json '.findings[0].message') == *"bbbb2222, cccc3333, dddd4444" ]] || fail "which"
}

@test "T8: labels conflict with labels and ids" {
    rev a.py aaaa1111 None '"lab"'
    rev b.py bbbb2222 '"aaaa1111"' '"lab"'
    look
    expect_refused HG107
    rev b.py bbbb2222 '"aaaa1111"' '"aaaa1111"'
    look
    expect_refused HG107
    rev b.py bbbb2222 '"aaaa1111"' '("x", "a-b+c")'
    look
    expect_ids "bbbb2222 aaaa1111"
    [ "$(json '.revisions[0].branch_labels | join(" ")')" = "x a-b+c" ]
}

@test "T10: illegal characters in an id, and ids that are too long" {
    rev a.py 'a+b' None
    look
    expect_refused HG107
    rev a.py base None
    look
    expect_refused HG107
    rev a.py head None
    look
    expect_ids head # as Alembic does
    rev b.py cccc3333 '"head"'
    look
    expect_refused HG107
    rm m/versions/b.py
    rev a.py 123456789012345678901234567890123 None
    look
    expect_status 0
    [ "$(json '.findings[0].rule, .findings[0].severity' | tr '\n' ' ')" = "HG108 warning " ]
}

@test "T11: spellings of down_revision" {
    rev a.py aaaa1111 '(None,)'
    for down in '"aaaa1111",' '("aaaa1111")' '["aaaa1111"]' '{"aaaa1111"}' "'aaaa' '1111'"; do
        rev b.py bbbb2222 "$down"
        look
        expect_ids "bbbb2222 aaaa1111"
        [ "$(json '.revisions[0] | [.down_revisions[0], .is_merge_point] | join(" ")')" = "aaaa1111 false" ]
    done
    for base in '()' '[]' '(None)'; do
        rev a.py aaaa1111 "$base"
        look
        expect_ids "bbbb2222 aaaa1111"
    done
    rev b.py bbbb2222 '("aaaa1111", "aaaa1111")'
    look
    [ "$(json '.revisions[0].is_merge_point')" = true ]
    rev b.py bbbb2222 '""'
    look
    expect_refused HG102
}

@test "T12: only assignments at module level count, the last one wins" {
    cat > m/versions/a.py <<'PY'
"""doc

revision = "doc"
"""
# revision = "comment"
revision = "first"
def f():
    revision = "inner"
    x = """
revision = "string"
"""
class C:
    revision = "class"
dict(
revision="argument",
)
revision: str = "last"
down_revision = None
down_revision: str
PY
    look --no-python
    expect_ids last
    as_alembic
}

@test "T12: what is not literal goes to Python, once, and -v says which and why" {
    printf 'revision = "aa" + "aa"\ndown_revision = None\n' > m/versions/a.py
    printf 'if True:\n    revision = "bbbb"\ndown_revision = "aaaa"\n' > m/versions/b.py
    printf 'P = "bbbb"\nrevision, down_revision = "cccc", P\n' > m/versions/c.py
    printf 'revision = f"{1}ddd"\ndown_revision = "cccc"\nprint("noise on stdout")\n' > m/versions/d.py
    run --separate-stderr headgate history --offline --format json -v
    expect_ids "1ddd cccc bbbb aaaa"
    expect_stderr "m/versions/a.py:1 needs Python"
    expect_stderr "m/versions/b.py:2 needs Python"
    as_alembic
    look --no-python
    expect_status 3
    [[ $(json .error.message) == *m/versions/a.py:1* ]] || fail "file and line"
    run --separate-stderr env PATH=/nonexistent "$HGT_BUILD/headgate-history" --offline --format json
    expect_status 3
}

@test "Python sees no secrets, and a file that hangs is ended" {
    cat > m/versions/a.py <<'PY'
import os
revision = "".join(["a", "1"]) if "DATABASE_URL" not in os.environ and "MY_TOKEN" not in os.environ else 1
down_revision = None
PY
    DATABASE_URL=postgresql://x MY_TOKEN=y look
    expect_ids a1
    [ ! -e m/versions/__pycache__ ]
    printf 'while True:\n    revision = "x"\n' > m/versions/a.py
    look --timeout 2
    expect_status 124
    [ "$(json .error.kind)" = timeout ]
}

@test "files that Python refuses are findings" {
    printf '<<<<<<< HEAD\nrevision = "a"\n=======\nrevision = "b"\n>>>>>>> x\ndown_revision = None\n' > m/versions/a.py
    look
    expect_refused HG109
    printf 'raise ValueError("no")\nrevision = "a"\n' > m/versions/a.py
    look
    expect_refused HG109
    printf 'revision = 1\ndown_revision = None\n' > m/versions/a.py
    look
    expect_refused HG109
    printf 'revision = "a"\n' > m/versions/a.py
    look
    expect_refused HG105
}

@test "T13, T15, T16, T17, T19: order and marks are Alembic's" {
    rev 1.py a None
    rev 2.py b1 '"a"'
    rev 3.py b2 '"b1"'
    rev 4.py c1 '"a"' '"lab"'
    rev 5.py c2 '"c1"'
    rev 6.py m '("c2", "b2")'
    rev 7.py e '"b1"' None '"lab"'
    look
    expect_status 0
    as_alembic
    [ "$(json '.heads | join(" ")')" = "m e" ]
    [ "$(json '.revisions[] | select(.revision == "e") | .depends_on[0]')" = lab ]
    rm -r m/versions/*
    rev 1.py a None
    rev 2.py b None
    rev 3.py m '("a", "b")'
    rev 4.py n '"m"'
    look
    expect_ids "n m a b"
    as_alembic
    rm -r m/versions/*
    rev 3.py a None
    rev 1.py b '"a"'
    rev 2.py c '"a"'
    look
    [ "$(json '.heads | join(" ")')" = "b c" ]
    as_alembic
}

@test "T23: ranges" {
    rev 1.py aaaa1111 None
    rev 2.py bbbb2222 '"aaaa1111"'
    rev 3.py cccc3333 '"bbbb2222"'
    look -r-1:
    expect_ids "cccc3333 bbbb2222"
    look -r :head-1
    expect_ids "bbbb2222 aaaa1111"
    look -r aaaa:
    expect_ids "cccc3333 bbbb2222 aaaa1111"
    look -r aaaa:+1
    expect_ids "bbbb2222 aaaa1111"
    look -r head-1:
    expect_status 1
    look -r head:base
    expect_status 1
    look -r aaaa
    expect_status 2
    look -r current:
    expect_status 2
}

@test "T27: links, dangling links, circles of links, folders that end in .py" {
    rev 1.py aaaa1111 None
    ln -s 1.py m/versions/2.py
    mkdir m/versions/dir.py
    look
    expect_ids aaaa1111
    ln -s nowhere.py m/versions/d.py
    look
    expect_refused HG109
    ln -sf d.py m/versions/d.py
    look
    expect_refused HG109
}

@test "T28: sourceless revisions cannot be read" {
    echo 'sourceless = true' >> alembic.ini
    rev 1.py aaaa1111 None
    cp m/versions/1.py m/versions/2.pyc
    look
    expect_status 3
    mv m/versions/2.pyc m/versions/1.pyc
    look
    expect_ids aaaa1111
}

@test "T30: messages are Alembic's doc" {
    printf '"""\nline one\nline two\n\nRevision ID: x\n"""\nrevision = "a"\ndown_revision = None\n' > m/versions/a.py
    printf 'revision = "b"\ndown_revision = "a"\n' > m/versions/b.py
    look
    [ "$(json '.revisions[1].message')" = $'line one\nline two' ]
    [ "$(json '.revisions[0].message')" = "" ]
}

@test "hostile revision files end in a clear answer" {
    rev 1.py aaaa1111 None
    printf 'revision = "b\0"\n' > m/versions/x.py
    look
    expect_refused HG109
    printf 'revision = "b"\ndown_revision = "\xff"\n' > m/versions/x.py
    look
    expect_refused HG109
    rm m/versions/x.py && mkfifo m/versions/x.py
    run --separate-stderr timeout 10 headgate history --offline --format json
    expect_refused HG109
    rm m/versions/x.py
    { printf 'revision = "b"\ndown_revision = "aaaa1111"\nx = "'; head -c 10000000 /dev/zero | tr '\0' y; echo '"'; } > m/versions/x.py
    run --separate-stderr timeout 20 headgate history --offline --format json
    expect_ids "b aaaa1111"
    { printf 'revision = "b"\ndown_revision = '; head -c 100000 /dev/zero | tr '\0' '('; } > m/versions/x.py
    run --separate-stderr timeout 20 headgate history --offline --format json --no-python
    expect_status 3
}

@test "the graph is drawn with branches and merges" {
    rev 1.py a None
    rev 2.py b '"a"'
    rev 3.py c '"a"'
    rev 4.py d '("b", "c")'
    LC_ALL=C.UTF-8 run -0 --separate-stderr headgate history --offline
    [ "$output" = "* d (head)  d text
├─╮
* │ b  b text
│ * c  c text
├─╯
* a  a text" ] || fail "another graph"
    LC_ALL=C run -0 --separate-stderr headgate history --offline
    expect_output "+-."
    expect_output "+-'"
}

@test "with a database: what is applied and what is pending" {
    hgt_db
    rev 1.py aaaa1111 None
    rev 2.py bbbb2222 '"aaaa1111"'
    hgt_psql "create table alembic_version (version_num varchar(32) primary key);
              insert into alembic_version values ('aaaa1111')"
    run --separate-stderr headgate history --format json
    expect_ids "bbbb2222 aaaa1111"
    [ "$(json '[.revisions[].applied] | join(" ")')" = "false true" ]
    LC_ALL=C.UTF-8 run -0 --separate-stderr headgate history
    expect_output "○ bbbb2222 (head)"
    expect_output "● aaaa1111"
    run --separate-stderr headgate history --format json -r current:
    expect_ids "bbbb2222 aaaa1111"
    run --separate-stderr headgate history --format json -r :current
    expect_ids aaaa1111
    DATABASE_URL=postgresql://nobody@127.0.0.1:1/x run --separate-stderr headgate history --format json
    expect_status 3
    [ "$(json '.revisions[0].applied')" = null ]
}
