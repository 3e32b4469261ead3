# Bundles of SQL written by hand: what `bundle_apply.bats` and `bundle_verbs.bats` share. After common.bash.
# shellcheck shell=bash

hgb_setup_file() {
    hgt_setup_file
    make -C "$HGT_ROOT" --no-print-directory PROFILE="$HGT_PROFILE" helpers > "$BATS_FILE_TMPDIR/make"
}

# bundle REVISIONS [SETTINGS]: makes ./headgate.bundle of these; both without their brackets.
bundle() {
    printf '{"revisions": [%s]%s}' "$1" "${2:+, $2}" > bundle.json
    "$HGT_BUILD/helpers/make_bundle" headgate.bundle < bundle.json
}

apply() {
    run --separate-stderr headgate apply --bundle headgate.bundle "$@"
}

# shellcheck disable=SC2034 # used by the tests
R1='{"id": "r1", "message": "one", "upgrade": ["create table t (v text)"], "downgrade": ["drop table t"]}'
