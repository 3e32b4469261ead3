#!/usr/bin/env bats
# headgate.yaml: every error names file, line, column and what was expected.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

refused() {
    run headgate env -- true
    [ "$status" -ne 0 ]
    says "$1"
}

@test "an unknown key is named with place and the nearest known key" {
    hgt_yaml <<< 'targets: { production: { protcted: true } }'
    refused 'headgate.yaml:2:26: unknown key `protcted` in targets.production; did you mean `protected`?'
}

@test "booleans are true and false, nothing else" {
    for word in yes on True '"true"' 1; do
        hgt_yaml <<< "targets: { local: { protected: $word } }"
        refused 'headgate.yaml:2:32: expected true or false, got '
    done
}

@test "durations are checked" {
    hgt_yaml <<< 'lock_timeout: soon'
    refused 'headgate.yaml:2:15: expected a duration such as 90, 1.5, 250ms, 10s, 5min, 2h or 1d, got soon'
}

@test "enumerations are checked, with the nearest" {
    hgt_yaml <<< 'ledger: requird'
    refused 'headgate.yaml:2:9: expected one of auto, required, off, file, got requird'
    says 'did you mean `required`?'
}

@test "a value of the wrong shape is named" {
    hgt_yaml <<< 'targets: [ local ]'
    refused 'headgate.yaml:2:10: expected targets by name, got a list'
    hgt_yaml <<< 'url: { a: b }'
    refused 'headgate.yaml:2:6: expected a string, got a mapping'
    hgt_yaml <<< 'url:'
    refused 'expected a string, got nothing'
}

@test "a key that stands twice is refused" {
    hgt_yaml <<< $'url: a\nurl: b'
    refused 'headgate.yaml:3:1: key `url` stands twice; the first is in line 2'
}

@test "aliases, anchors, tags and a second document are refused" {
    hgt_yaml <<< $'url: &a x\ndirect_url: *a'
    refused 'headgate.yaml:2:6: anchors (&name) are not allowed here'
    hgt_yaml <<< 'url: !!python/object:os.system x'
    refused 'tags (!name) are not allowed here'
    hgt_yaml <<< $'---\nversion: 1'
    refused 'headgate.yaml:2:1: a second document begins here; one is expected'
}

@test "version is required and is 1" {
    echo 'url: x' > headgate.yaml
    refused 'headgate.yaml:1:1: key `version` is missing'
    echo 'version: 2' > headgate.yaml
    refused 'headgate.yaml:1:10: expected 1, the version of this format, got 2'
    : > headgate.yaml
    refused 'headgate.yaml:1:1: the file is empty; `version: 1` is expected'
}

@test "sources are checked" {
    hgt_yaml <<< 'targets: { a: { environment: [ { raliway: { service: x } } ] } }'
    refused 'got `raliway`; did you mean `railway`?'
    hgt_yaml <<< 'targets: { a: { environment: [ { railway: { servce: x } } ] } }'
    refused 'unknown key `servce` in railway; did you mean `service`?'
    hgt_yaml <<< 'targets: { a: { environment: process } }'
    refused 'expected a list of sources, such as [ process ], got process'
    hgt_yaml <<< 'targets: { a: { environment: [] } }'
    refused 'expected at least one source, got an empty list'
}

@test "rules and waivers are checked" {
    hgt_yaml <<< 'gate: { rules: { HG999: off } }'
    refused 'there is no rule `HG999`'
    hgt_yaml <<< 'gate: { rules: { HG101: loud } }'
    refused 'expected one of off, note, warning, error, got loud'
    hgt_yaml <<< 'gate: { rules: { HG501: off } }'
    refused 'cannot be lowered'
    hgt_yaml <<< 'gate: { waive: [ { rule: HG101, reason: x, until: 2027-02-31x } ] }'
    refused 'expected a date such as 2027-01-31'
    hgt_yaml <<< 'gate: { waive: [ { rule: HG101, until: 2027-01-31 } ] }'
    refused 'key `reason` is missing in waive'
    hgt_yaml <<< 'gate: { waive: [ { rule: HG501, reason: x, until: 2027-01-31 } ] }'
    refused 'cannot be waived'
}

@test "gate.after names another target of the file" {
    hgt_yaml <<< 'targets: { production: { gate: { after: stagin } } }'
    refused 'targets.production: gate.after names `stagin`, which is no other target here'
}

@test "the file may be hostile: each is refused quickly, none hangs" {
    local file
    mkdir hostile && mkdir hostile/directory && mkfifo hostile/fifo && ln -s loop hostile/loop
    head -c 10000000 /dev/zero | tr '\0' 'x' > hostile/long
    printf 'version: 1\nurl: "a\0b"\n' > hostile/nul
    printf 'version: 1\nurl: "\xff\xfe"\n' > hostile/latin
    { printf 'version: 1\nurl: '; head -c 50000 /dev/zero | tr '\0' '['; } > hostile/deep
    printf 'version: 1\nurl: [\n' > hostile/open
    for file in hostile/*; do
        run timeout 5 headgate env -c "$file" -- true
        [ "$status" -eq 125 ] || { echo "$file: $status $output"; false; }
        says "${file#hostile/}"
    done
    run headgate env -c missing.yaml -- true
    says missing.yaml
    [ "$status" -eq 125 ]
}

@test "a verb says the same and exits 2" {
    hgt_yaml <<< 'lock_timeout: soon'
    run headgate show
    [ "$status" -eq 2 ]
    says 'headgate.yaml:2:15: expected a duration'
    has target=local
}

@test "headgate.yaml is found in the root of the repository above" {
    mkdir -p .git a/b
    hgt_yaml <<< 'targets: { local: { environment: [ process ] } }'
    DATABASE_URL=postgresql://h/d run headgate -C a/b show
    [ "$status" -eq 0 ]
    has protected=no
    has "state_dir=$PWD/.headgate"
}

@test "-c and HEADGATE_CONFIG name another file" {
    mkdir conf
    echo $'version: 1\ntargets: { special: {} }' > conf/x.yaml
    DATABASE_URL=postgresql://h/d run headgate -c conf/x.yaml -t special show
    has target=special
    DATABASE_URL=postgresql://h/d HEADGATE_CONFIG=conf/x.yaml run headgate show -t special
    has target=special
}

@test "\${NAME} works in any string; one that is not set spoils its own target only" {
    hgt_yaml <<'E'
targets:
  local: { environment: [ { dotenv: "${WHERE}/.env" } ] }
  other: { environment: [ { dotenv: "${NOWHERE_SET}/.env" } ] }
E
    mkdir there && echo DATABASE_URL=postgresql://a/b > there/.env
    export WHERE=there
    run headgate show
    [ "$status" -eq 0 ]
    has host=a
    run headgate show -t other
    [ "$status" -eq 2 ]
    says 'headgate.yaml:4:37'
    says NOWHERE_SET
}

@test "an unknown target is refused with the names there are" {
    hgt_yaml <<< 'targets: { local: {}, production: {} }'
    run headgate show -t prodution
    [ "$status" -eq 2 ]
    says 'there is no target `prodution`'
    says 'did you mean `production`?'
    says 'targets there: local, production'
}

@test "what headgate refuses alone, the published JSON Schema refuses too" {
    allows() { "$HGT_VENV/bin/python" "$HGT_ROOT/tests/lib/validate" headgate <<< "{\"version\":1,\"targets\":{\"a\":$1}}"; }
    allows '{"gate":{"after":"b","soak":"1d","receipt":"f","signers":"s"}}'
    for gate in '{"soak":"1d"}' '{"receipt":"f"}' '{"after":"b","signers":"s"}'; do
        ! allows "{\"gate\":$gate}" || fail "$gate"
        hgt_yaml <<< "targets: { a: { gate: $gate }, b: {} }"
        run headgate show -t a
        [ "$status" -eq 2 ] || fail "$gate"
        says "goes with"
    done
    allows '{"run":{"service":"api","index":2}}'
    ! allows '{"run":{"container":"api","index":2}}'
}

@test "the published JSON Schema and the tables of the page are what the table says" {
    "$HGT_BUILD/helpers/config-schema" --json | diff - "$HGT_ROOT/docs/schema/headgate.schema.json"
    "$HGT_BUILD/helpers/config-schema" --markdown > tables
    sed -n '/<!-- begin tables -->/,/<!-- end tables -->/p' "$HGT_ROOT/docs/configuration.md" |
        sed '1d;$d' | diff - tables
}
