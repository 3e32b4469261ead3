#!/usr/bin/env bats
# The examples of docs/rules are executed: in a copy of the sample, on a branch of their own, the bad
# one must be found by its rule, and the good one must not.
#
# A fenced block's first line says what it is: ```LANGUAGE bad|good [file=NAME] [uncommitted]
# [option=OPTION]. Blocks with a file are written (a bare name: into the versions folder), sh blocks
# are run in the project, in order. With `online-bad` and `online-good` instead, it happens on the main
# branch and to a database to which headgate has applied the sample; sql blocks are run in it.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_project
    git checkout -q -b change
}

# Puts all blocks of KIND of a page into the project; prints options for headgate.
place() {
    python3 - "$1" "$2" << 'PY'
import os, re, subprocess, sys
page, kind = sys.argv[1:]
options, commit, found = [], True, 0
for language, info, body in re.findall(r"^```(\w+) ([^\n]*)\n(.*?)^```$", open(page).read(), re.M | re.S):
    words = info.split()
    if words[0] != kind:
        continue
    found += 1
    settings = dict(w.split("=", 1) for w in words[1:] if "=" in w)
    commit = commit and "uncommitted" not in words
    options += [settings["option"]] if "option" in settings else []
    if language == "sh":
        subprocess.run(["sh", "-euc", body], check=True)
        continue
    if language == "sql":
        psql = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", os.environ["HGT_PGURL"]]
        subprocess.run(psql, input=body, text=True, check=True, stdout=subprocess.DEVNULL)
        continue
    name = settings["file"]
    path = name if "/" in name else "backend/db/migrations/versions/" + name
    with open(path, "w") as file:
        file.write(body)
if commit:
    subprocess.run("git add -A && git commit -q --allow-empty -m example", shell=True, check=True)
print(found, *options)
PY
}

# check RULE KIND: leaves the document in gate.json
check() {
    local placed
    placed=$(place "$HGT_ROOT/docs/rules/$1.md" "$2")
    read -r blocks options <<< "$placed"
    [ "$blocks" -ge 1 ] || fail "$1 has no $2 example"
    # shellcheck disable=SC2086
    headgate-gate --offline --format json $options > gate.json 2> gate.err && code=0 || code=$?
    jq -e .findings gate.json > /dev/null || fail "$1 $2: $(cat gate.err)"
    jq -e --argjson code "$code" '{open: 0, shut: 1, none: 3}[.verdict // "none"] == $code' gate.json \
        > /dev/null || fail "$1 $2: exit $code with verdict $(jq -r .verdict gate.json)"
}

found() { jq -r '.findings[].rule' gate.json | grep -qx "$1"; }

rules_with_examples() { (cd "$HGT_ROOT/docs/rules" && grep -l '^```[a-z]* bad' HG*.md) | sed 's/\.md//'; }

@test "every graph rule and every rule of the review has examples" {
    rules_with_examples > have
    for rule in HG101 HG102 HG103 HG104 HG105 HG106 HG107 HG108 HG109 HG110 HG111 \
        HG201 HG202 HG203 HG204 HG206 HG207 HG208 HG209 HG210 HG211 HG217 HG220; do
        grep -qx "$rule" have || fail "$rule has no bad example"
    done
}

@test "bad examples are found by their rule" {
    for rule in $(rules_with_examples); do
        check "$rule" bad
        found "$rule" || wrong="${wrong:-} $rule"
        git checkout -q -f change && git reset -q --hard main && git clean -q -fd
    done
    [ -z "${wrong:-}" ] || fail "not found:$wrong"
}

@test "good examples are not" {
    for rule in $(rules_with_examples); do
        grep -q '^```[a-z]* good' "$HGT_ROOT/docs/rules/$rule.md" || fail "$rule has no good example"
        check "$rule" good
        ! found "$rule" || wrong="${wrong:-} $rule"
        git reset -q --hard main && git clean -q -fd
    done
    [ -z "${wrong:-}" ] || fail "found in the good example:$wrong"
}

# online KIND: the examples of all pages that need a database; leaves the names of the wrong ones in $wrong.
online() {
    local kind=$1 template page rule blocks seen
    git checkout -q main
    hgt_db
    template=$HGT_DB
    headgate apply -q > apply.log 2>&1 || fail "$(cat apply.log)"
    for page in "$HGT_ROOT"/docs/rules/HG*.md; do
        grep -q "^\`\`\`[a-z]* online-$kind" "$page" || continue
        rule=$(basename "$page" .md)
        hgt_drop=$HGT_DB
        [ "$HGT_DB" = "$template" ] && hgt_drop=
        hgt_from_template "$template"
        [ -z "$hgt_drop" ] || hgt_admin "drop database $hgt_drop"
        blocks=$(place "$page" "online-$kind")
        [ "${blocks%% *}" -ge 1 ] || fail "$rule has no $kind example"
        headgate-gate --format json > gate.json 2> gate.err || :
        jq -e .findings gate.json > /dev/null || fail "$rule $kind: $(cat gate.err)"
        seen=bad
        found "$rule" || seen=good
        [ "$seen" = "$kind" ] || wrong="${wrong:-} $rule"
        git reset -q --hard main~1 && git clean -q -fd
    done
}

# The current test database is a copy of another one.
hgt_from_template() {
    HGT_DB=${1}_$RANDOM$RANDOM
    hgt_admin "create database $HGT_DB template $1"
    HGT_PGURL=${HGT_PGURL%/*}/$HGT_DB
    DATABASE_URL=${DATABASE_URL%/*}/$HGT_DB
}

@test "bad examples that need a database are found by their rule" {
    online bad
    [ -z "${wrong:-}" ] || fail "not found:$wrong"
}

@test "good examples that need a database are not" {
    online good
    [ -z "${wrong:-}" ] || fail "found in the good example:$wrong"
}
