#!/usr/bin/env bats
# headgate.mk: what reaches headgate, what it does to the makefile that includes it, how it ends.
# A program that writes down its arguments stands in for headgate here; tests/e2e has the real one.
# HGT_MAKE names another make (3.81).

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    mkdir "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return 1
    MAKE=${HGT_MAKE:-make}
    cat > recorder << 'EOF'
#!/bin/sh
for argument in "$@"; do printf '<%s>' "$argument"; done
echo
exit "${RECORDER_EXIT:-0}"
EOF
    chmod +x recorder
    makefile
}

# The makefile: an include between what stands before and behind it.
makefile() {
    printf 'HEADGATE := ./recorder\n%s\ninclude %s/headgate.mk\n%s\n' "${1:-}" "$HGT_ROOT" "${2:-}" \
        > Makefile
}

mk() { run --separate-stderr "$MAKE" --no-print-directory "$@"; }

@test "each target becomes one headgate command" {
    while read -r target expected; do
        mk "$target" m=x
        expect_status 0
        [ "$output" = "$expected" ] || fail "$target: expected $expected"
        [ "$stderr" = "headgate: exit 0 (done)" ] || fail "$target: last line"
    done << 'EOF'
migration <new><-m><x>
migrate <apply>
migrate-status <status>
migrate-history <history>
migrate-down <rollback><-1>
migrate-doctor <doctor>
migrate-bundle <bundle>
migrate-docker <apply><-t><docker>
migrate-check <gate><--offline>
migrate-plan <plan>
migrate-prod <apply><-t><production>
migrate-prod-status <status><-t><production>
migrate-prod-history <history><-t><production>
migrate-prod-down <rollback><-t><production><-1>
migrate-prod-snapshot <snapshot><-t><production>
EOF
}

@test "t, REV, BASE, YES and MANUAL become options" {
    mk migrate t="my stage" YES=1
    expect_output '<apply><-t><my stage><--yes>'
    mk migrate-prod-down REV=0002b41f6d28 YES=1
    expect_output '<rollback><-t><production><--yes><0002b41f6d28>'
    mk migrate-plan t=production o='a plan.json'
    expect_output '<plan><-t><production><-o><a plan.json>'
    mk migrate-check BASE=origin/main
    expect_output '<gate><--offline><--base><origin/main>'
    mk migration m=x MANUAL=1 t=docker
    expect_output '<new><-t><docker><--manual><-m><x>'
    YES=1 mk migrate-prod
    expect_output '<apply><-t><production><--yes>'
    mk migrate YES=0
    [ "$output" = '<apply>' ] || fail "YES=0 is no yes"
}

@test "a message is only a message, for make and for the shell" {
    message="it's \$5 \"quoted\" \`touch a\` \$(touch b) \$(shell touch c) \${m} %s \\n #; & |"
    mk migration m="$message"
    expect_status 0
    [ "$output" = "<new><-m><$message>" ] || fail "the message changed"
    m=$message mk migration
    [ "$output" = "<new><-m><$message>" ] || fail "the message changed on its way through the environment"
    mk migrate t="\$(shell touch d)\`touch e\`"
    [ "$output" = "<apply><-t><\$(shell touch d)\`touch e\`>" ] || fail "the target changed"
    [ "$(ls)" = "$(printf 'Makefile\nrecorder')" ] || fail "something ran: $(ls)"
}

@test "a migration without a message is wrong usage" {
    mk migration
    expect_status 2
    expect_stderr 'make migration m="add sources table"'
    expect_stderr 'headgate: exit 2 (wrong usage or configuration)'
}

@test "the last line has headgate's exit code, and make fails" {
    while read -r code meaning; do
        RECORDER_EXIT=$code mk migrate-prod
        expect_status 2
        expect_stderr "headgate: exit $code ($meaning)"
    done << 'EOF'
1 the answer is no
2 wrong usage or configuration
3 could not tell
4 the migration was started and failed
5 somebody else holds the migration lock
124 time ran out
137 ended by signal 9
EOF
    mk HEADGATE=/nonexistent/headgate migrate
    expect_status 2
    expect_stderr 'headgate: exit 127 (command not found'
}

@test "HEADGATE_PREFIX renames every target" {
    makefile 'HEADGATE_PREFIX := db-'
    mk db-migrate-prod
    expect_output '<apply><-t><production>'
    mk db-migration
    expect_stderr 'make db-migration m='
    mk migrate-prod
    expect_status 2
    expect_stderr 'No rule to make target'
}

@test "an existing target of the same name is left alone, wherever it stands" {
    local own=$'migrate migrate-status: other\n\n# words\n\t@echo own $@\nother:\n\t@echo other'
    for where in before behind; do
        if [ "$where" = before ]; then makefile "$own"; else makefile "" "$own"; fi
        mk migrate
        [ "$output" = $'other\nown migrate' ] || fail "$where"
        [ -z "$stderr" ] || fail "$where: a warning"
        mk migrate-prod
        expect_output '<apply><-t><production>'
    done
    makefile $'migrate: ; @echo inline'
    mk migrate
    [ "$output" = inline ] || fail "a recipe behind a semicolon"
    makefile $'migrate::\n\t@echo double'
    mk migrate
    [ "$output" = double ] || fail "a double-colon rule"
}

@test "a rule without a recipe adds a prerequisite" {
    makefile $'.PHONY: migrate-prod\nmigrate-prod: lint\nlint:\n\t@echo lint'
    mk migrate-prod
    [ "$output" = $'lint\n<apply><-t><production>' ] || fail "prerequisite"
}

@test "the default goal stays the makefile's own" {
    makefile "" $'all:\n\t@echo all'
    mk
    [ "$output" = all ] || fail "default goal behind the include"
    makefile $'all:\n\t@echo all'
    mk
    [ "$output" = all ] || fail "default goal before the include"
}

@test "a file of a target's name does not keep it from running" {
    touch migrate migrate-prod
    mk migrate-prod
    expect_output '<apply><-t><production>'
}

@test "bash with pipefail, errexit and nounset, and one shell for a recipe, change nothing" {
    makefile $'SHELL := /bin/bash\n.SHELLFLAGS := -euo pipefail -c\n.ONESHELL:'
    mk migrate
    [ "$output" = '<apply>' ] || fail "strict shell"
    RECORDER_EXIT=3 mk migrate
    expect_stderr 'headgate: exit 3 (could not tell)'
}

@test "the sample's makefile includes it and lists its targets" {
    cp -R "$HGT_ROOT/containers/notebook-api" sample
    cd sample
    mk HEADGATE_MK="$HGT_ROOT/headgate.mk" HEADGATE=../recorder migrate-prod
    expect_output '<apply><-t><production>'
    mk HEADGATE_MK="$HGT_ROOT/headgate.mk"
    expect_output 'migrate-prod-status'
    mk HEADGATE_MK=
    expect_status 2
    expect_stderr 'headgate.mk is not installed'
}
