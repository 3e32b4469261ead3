#!/usr/bin/env bats
# shellcheck shell=bash disable=SC2154
# What scripts may rely on, looked at from outside: the document of history, and histories that are refused.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/contract
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "history --offline: fields, order, message and doc as alembic has them" {
    hgt_project
    one 0 headgate history --offline --format json
    holds '.schema == "headgate.history/1" and .findings == []'
    holds 'all(.revisions[]; keys == ["applied","branch_labels","depends_on","down_revisions","is_base",
        "is_branch_point","is_head","is_merge_point","message","path","record","revision"]
        and .applied == null and .record == null)'
    expected=$(cd backend && DATABASE_URL=postgresql+psycopg://u@127.0.0.1:1/d python - << 'EOF'
import json
from alembic.config import Config
from alembic.script import ScriptDirectory
s = ScriptDirectory.from_config(Config("alembic.ini"))
print(json.dumps([[r.revision, r.doc] for r in s.walk_revisions()]))
print(json.dumps([s.get_heads(), s.get_bases()]))
EOF
)
    [ "$(jq -c '[.revisions[] | [.revision, .message]]' <<< "$output")" = "$(sed -n 1p <<< "$expected" | jq -c .)" ] ||
        fail "$expected"
    [ "$(jq -c '[.heads, .bases]' <<< "$output")" = "$(sed -n 2p <<< "$expected" | jq -c .)" ]
}

@test "history: -C is the folder of alembic.ini or the repository above it; paths are relative to it" {
    hgt_project
    one 0 headgate history --offline --format json -C "$HGT_PROJECT"
    holds '.revisions[0].path | startswith("backend/db/migrations/versions/")'
    one 0 headgate -C "$HGT_PROJECT/backend" history --offline --format json
    holds '.revisions[0].path | startswith("db/migrations/versions/")'
    cd /
    one 0 headgate history --offline --format=json --dir="$HGT_PROJECT"
    holds '.revisions[0].path | startswith("backend/")'
}

@test "history: lists as written, marks of the graph, labels stay labels" {
    project p
    revision p 1 a1 None "one"
    revision p 2 b2 '"a1"' "two"
    revision p 3 c3 '("a1",)' "three"
    revision p 4 d4 '("c3", "b2")' "four"
    printf 'branch_labels = ("left", "west")\n' >> p/versions/2.py
    printf 'depends_on = "b2"\n' >> p/versions/3.py
    one 0 headgate history --offline --format json -C p
    holds '.heads == ["d4"] and .bases == ["a1"]'
    holds '.revisions | map({(.revision): .}) | add
        | .d4.down_revisions == ["c3","b2"] and .d4.is_merge_point and .d4.is_head
        and .a1.is_branch_point and .a1.is_base and .a1.down_revisions == [] and .a1.depends_on == []
        and .b2.branch_labels == ["left","west"] and .d4.branch_labels == []
        and .c3.depends_on == ["b2"] and (.c3.is_merge_point | not)'
    order=$(jq -r '.revisions[].revision' <<< "$output" | tr '\n' ' ')
    theirs=$(cd p && alembic history | sed 's/.* -> \([a-d][0-9]\).*/\1/' | tr '\n' ' ')
    [ "$order" = "$theirs" ] || fail "alembic: $theirs ours: $order"
}

@test "a history that Alembic refuses: history 1, status unknown and 3, gate shut and 1, apply refused and 1" {
    hgt_db
    project missing; revision missing 1 a1 '"zz"' one; revision missing 2 b2 None two
    project cycle; revision cycle 1 a1 '"b2"' one; revision cycle 2 b2 '"a1"' two
    project double; revision double 1 a1 None one; revision double 2 a1 None two
    for case in missing:HG102 cycle:HG103 double:HG104; do
        local dir=${case%:*} rule=${case#*:}
        one 1 headgate history --offline --format json -C "$dir"
        holds ".findings | any(.rule == \"$rule\" and .severity == \"error\")" || fail "$case"
        holds '.revisions | length == 2' || fail "$case"
        one 1 headgate history --format json -C "$dir"
        holds 'all(.revisions[]; .applied == null)' || fail "$case"
        one 3 headgate status --format json -C "$dir"
        holds ".state == \"unknown\" and (.findings | any(.rule == \"$rule\" and .severity == \"error\"))" || fail "$case"
        one 1 headgate gate --format json -C "$dir"
        holds ".verdict == \"shut\" and (.findings | any(.rule == \"$rule\")) and .counts.error > 0" || fail "$case"
        lines 1 headgate apply --format json -C "$dir"
        holds ".outcome == \"refused\" and (.findings | any(.rule == \"$rule\"))" || fail "$case"
    done
}
