# For tests of targets: programs in a folder of their own, with stand-ins for the two source
# programs that say what the test wants. The real ones have tests of their own.
# shellcheck shell=bash

hgt_target_setup() {
    HGT_BIN=$BATS_TEST_TMPDIR/bin
    mkdir -p "$HGT_BIN" "$BATS_TEST_TMPDIR/w"
    cp "$HGT_BUILD/headgate" "$HGT_BUILD/headgate-env" "$HGT_BUILD/helpers/headgate-show" "$HGT_BIN"
    export HGT_BIN PATH=$HGT_BIN:$PATH
    unset DATABASE_URL
    cd "$BATS_TEST_TMPDIR/w" || return 1
}

# hgt_source railway|container ANSWER: a stand-in that records its request and prints ANSWER; for
# container a second ANSWER is given to a request that has hosts.
hgt_source() {
    printf '%s' "$2" > "$HGT_BIN/$1.answer"
    printf '%s' "${3:-$2}" > "$HGT_BIN/$1.hosts"
    cat > "$HGT_BIN/headgate-source-$1" <<EOF
#!/bin/sh
cat >> '$HGT_BIN/$1.requests'
echo >> '$HGT_BIN/$1.requests'
if tail -n 1 '$HGT_BIN/$1.requests' | grep -q '"hosts":\[{'; then
    cat '$HGT_BIN/$1.hosts'
else
    cat '$HGT_BIN/$1.answer'
fi
EOF
    chmod +x "$HGT_BIN/headgate-source-$1"
}

hgt_requests() {
    grep -c . "$HGT_BIN/$1.requests" 2> /dev/null || true
}

hgt_yaml() {
    { echo "version: 1"; cat; } > headgate.yaml
}

has() {
    grep -qxF -- "$1" <<< "$output" || {
        echo "missing line: $1" >&2
        echo "$output" >&2
        return 1
    }
}

says() {
    grep -qF -- "$1" <<< "$output" || {
        echo "missing text: $1" >&2
        echo "$output" >&2
        return 1
    }
}

lacks() {
    if grep -qF -- "$1" <<< "$output"; then
        echo "unexpected text: $1" >&2
        echo "$output" >&2
        return 1
    fi
}

railway_answer() { # VARIABLES [ROUTES]
    printf '{"variables":%s,"sealed":[],"dropped":[],"notes":[],"project":{"id":"p","name":"shop"},"environment":{"id":"e","name":"production"},"service":{"id":"s","name":"api"},"routes":%s,"error":null}' \
        "$1" "${2:-[]}"
}

production() {
    hgt_yaml <<< 'targets: { production: { protected: true, environment: [ { railway: { service: api, environment: production } } ] } }'
}
