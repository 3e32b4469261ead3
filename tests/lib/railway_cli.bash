# Loaded by the bats files that run the real Railway CLI (make test-railway-cli):
#   load ../lib/railway_cli
#   hgt_cli_setup_file        in setup_file; starts the stub. Brings ../lib/common and ../lib/railway
#   railway ARGS…             the real CLI, talking to the stub, with nothing of this machine's
# shellcheck shell=bash

load ../lib/common
load ../lib/railway

hgt_cli_setup_file() {
    bats_require_minimum_version 1.5.0
    RAILWAY_CLI=$("$HGT_ROOT/scripts/test-railway-cli" cached) || {
        echo "the real Railway CLI is not built yet: make test-railway-cli builds it" >&2
        return 1
    }
    hgt_clean_environment
    hgt_stub_start
    mkdir -p "$BATS_FILE_TMPDIR/bin"
    ln -s "$RAILWAY_CLI" "$BATS_FILE_TMPDIR/bin/railway"
    export PATH=$BATS_FILE_TMPDIR/bin:$HGT_BUILD:$PATH
    export RAILWAY_BACKBOARD_URL=$HEADGATE_RAILWAY_URL RAILWAY_OAUTH_BASE_URL=$HGT_STUB/oauth
    export RAILWAY_NO_TELEMETRY=1 RAILWAY_NO_AUTO_UPDATE=1
}

# The variables of COMMAND's environment, one a line as JSON strings, sorted.
hgt_env_of() { # COMMAND…; it is given `env -0` to run
    "$@" env -0 2> "$BATS_TEST_TMPDIR/stderr" | python3 -c '
import json, sys
names = [v for v in sys.stdin.buffer.read().decode().split("\0") if v and not v.startswith("_=")]
print("\n".join(json.dumps(v, ensure_ascii=False) for v in sorted(names)))'
}
