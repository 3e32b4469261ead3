#!/usr/bin/env bats
# The examples of containers/ that need somebody else to run them, judged by what belongs to them: Kubernetes'
# schemas, systemd, Railway's SDK.

setup_file() {
    load ../lib/common
    hgt_setup_file
    HGT_MANIFESTS=$(XDG_CACHE_HOME=$(dirname "$(dirname "$HGT_VENV")") "$HGT_ROOT/scripts/test-venv" manifests)
    export HGT_MANIFESTS
}
setup() { load ../lib/common; cd "$BATS_TEST_TMPDIR" || return 1; }

EXAMPLES=$HGT_ROOT/containers

kubernetes() { run "$HGT_MANIFESTS/bin/python" -m kubernetes_validate --strict "$@"; }

@test "Kubernetes: every manifest is what the schemas allow, and not everything is" {
    kubernetes "$EXAMPLES"/kubernetes/*.yaml
    expect_status 0
    [ "$(grep -c passed <<< "$output")" = "$(find "$EXAMPLES/kubernetes" -name '*.yaml' | wc -l)" ] || fail "not all"
    sed 's/runAsNonRoot/runAsNonRot/' "$EXAMPLES/kubernetes/deployment.yaml" > wrong.yaml
    kubernetes wrong.yaml
    expect_status 1
}

@test "Kubernetes: no container may more than it needs, and none has a password in its manifest" {
    "$HGT_MANIFESTS/bin/python" - "$EXAMPLES"/kubernetes/*.yaml > got << 'PY'
import sys, yaml
for path in sys.argv[1:]:
    for document in yaml.safe_load_all(open(path)):
        spec = document["spec"].get("template", {}).get("spec", {})
        for container in spec.get("initContainers", []) + spec.get("containers", []):
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"] and not may["allowPrivilegeEscalation"], path
            assert may["capabilities"] == {"drop": ["ALL"]}, path
            assert spec["securityContext"]["runAsNonRoot"], path
            url = [one for one in container["env"] if one["name"] == "DATABASE_URL"]
            assert len(url) == 1 and "secretKeyRef" in url[0]["valueFrom"], path
            print(container.get("command", container.get("args"))[:2])
PY
    [ "$(grep -c . got)" = 5 ] || fail "$(cat got)"
}

@test "systemd: the units are what systemd reads, in the right order, and keep to themselves" {
    for unit in notebook-migrate notebook-api; do
        sed "s|/usr/local/bin/headgate|$HGT_BUILD/headgate|" "$EXAMPLES/systemd/$unit.service" > "$unit.service"
        # Ubuntu 22.04's systemd has neither this nor %d, the folder of credentials.
        if [ "$(systemd-analyze --version | awk '{print $2; exit}')" -ge 250 ]; then
            run systemd-analyze security --offline=true --threshold=20 "$unit.service"
            expect_status 0
        else
            sed -i 's|%d/|/run/credentials/|' "$unit.service"
        fi
    done
    run systemd-analyze --man=no verify ./*.service
    expect_status 0
    [ -z "$output" ] || fail "verify complains"
    sed -i 's/^KillMode=.*/KillMode=gently/' notebook-migrate.service
    run systemd-analyze --man=no verify ./*.service
    expect_output "notebook-migrate.service:"
}

@test "systemd: every system call of an apply and of a start is one that the units allow" {
    hgt_project
    hgt_db
    strace -f -qq -e signal=none -o calls headgate apply --yes
    strace -f -qq -e signal=none -o calls2 headgate entrypoint --policy verify -- true
    filter=$(sed -n 's/^SystemCallFilter=~//p' "$EXAMPLES/systemd/notebook-migrate.service")
    names() { systemd-analyze syscall-filter "$@" | sed -n 's/^ *\([@a-z0-9_-]*\)$/\1/p'; }
    expand() {
        local name
        for name in $(names "$@" | grep -v -F -x "$(printf '%s\n' "$@")"); do
            case $name in
                @*) expand "$name" ;;
                *) echo "$name" ;;
            esac
        done
    }
    comm -23 <(expand @system-service @default | sort -u) <(expand $filter | sort -u) > allowed
    cat calls calls2 | sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' | sort -u > used
    [ "$(grep -c . used)" -gt 30 ] || fail "strace saw nothing"
    [ -z "$(comm -23 used allowed)" ] || fail "$(comm -23 used allowed)"
}

@test "Railway: its SDK reads railway.py, and railway.json says the same" {
    PYTHONPATH=$EXAMPLES/railway "$HGT_MANIFESTS/bin/python" -B - "$EXAMPLES/railway/railway.json" << 'PY'
import json, sys
import railway
from railway_sdk import _to_graph
graph = _to_graph(railway.main({}))
text = json.loads(json.dumps(graph, default=lambda one: getattr(one, "_node", str(one))))
api = next(one for one in text["resources"] if one["name"] == "api")
old = json.load(open(sys.argv[1]))
assert api["deploy"]["preDeployCommand"] == ["headgate apply --yes"] == old["deploy"]["preDeployCommand"], api
assert api["deploy"]["startCommand"] == old["deploy"]["startCommand"], api
assert api["deploy"]["healthcheckPath"] == old["deploy"]["healthcheckPath"], api
assert api["build"] == old["build"], api
PY
}
