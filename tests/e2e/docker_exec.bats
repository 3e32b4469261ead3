#!/usr/bin/env bats
# headgate exec against a real engine: streams, exit codes, terminals, signals, refusals.

setup_file() {
    load ../lib/common
    hgt_setup_file
    load ../lib/docker
    hgt_docker
    # One idle container for all tests that do not change it.
    hgt_container headgate-base --network none -e APP_PASSWORD=correct-horse-battery -e PLAIN=word
    export SHARED=$HGT_CONTAINER
}
setup() {
    load ../lib/common
    load ../lib/docker
    cd "$BATS_TEST_TMPDIR" || return 1
}
teardown() { hgt_containers_remove; }
teardown_file() {
    docker rm -f "$SHARED" > /dev/null 2>&1
}

hexec() { headgate-exec --container "$SHARED" "$@"; }

# How many processes in the container have this word in their command line (not those of the keeper)?
running() {
    docker top "$SHARED" -eo pid,args | grep -v headgate-keeper | grep -c -- "$1" || true
}

# wait_until SECONDS COMMAND…
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}
is_running() { [ "$(running "$1")" -gt 0 ]; }
is_gone() { [ "$(running "$1")" -eq 0 ]; }

@test "stdout and stderr stay apart, byte for byte" {
    head -c 300000 /dev/urandom > want
    docker cp want "$SHARED:/tmp/want"
    hexec -- sh -c 'cat /tmp/want; cat /tmp/want /tmp/want >&2' > out 2> err
    cmp want out
    cat want want | cmp - err
}

@test "stdin travels whole and its end is seen, while output flows" {
    head -c 1048576 /dev/urandom > want
    hexec -i -- cat < want > got
    cmp want got
    # The command answers only after the end of its input.
    run --separate-stderr hexec -i -- sh -c 'wc -c; echo done' < want
    expect_status 0
    [ "$output" = $'1048576\ndone' ] || fail "not what wc says"
    run hexec -i -- sh -c 'head -c 3; exit 5' < want
    expect_status 5
}

@test "without -i stdin is left alone" {
    { hexec -- cat; cat; } <<< "for the next one" > got
    [ "$(cat got)" = "for the next one" ]
}

@test "a slow reader loses nothing" {
    hexec -- head -c 20000000 /dev/zero | (sleep 1; wc -c) > got
    [ "$(cat got)" -eq 20000000 ]
}

@test "a reader that goes away ends the command" {
    hexec -- sh -c 'exec yes goneaway' | head -n 1 > got
    [ "${PIPESTATUS[0]}" -eq 141 ]
    [ "$(cat got)" = goneaway ]
    wait_until 5 is_gone goneaway
}

@test "output that cannot be written is never a success" {
    local code=0
    hexec -- echo hi > /dev/full 2> err || code=$?
    [ "$code" -eq 125 ]
    grep -q 'output of echo is lost: it cannot be written: No space left on device' err
}

@test "exit codes: the command's own, 126, 127, 128+n" {
    run hexec -- sh -c 'exit 7'
    expect_status 7
    run -127 --separate-stderr hexec -- no-such-command
    [ -z "$output" ] || fail "the engine's text was taken for output"
    expect_stderr "there is no command no-such-command in the container"
    run --separate-stderr hexec -- /etc/passwd
    expect_status 126
    [ -z "$output" ] || fail "the engine's text was taken for output"
    run --separate-stderr hexec -- sh -c 'kill -9 $$'
    expect_status 137
    expect_stderr "signal 9 (SIGKILL)"
    run hexec -- sh -c 'exit 126'
    expect_status 126
    run -127 hexec -- sh -c 'echo OCI runtime exec failed: not really; exit 127'
    expect_output "OCI runtime exec failed: not really"
}

@test "user and folder: used, and told when there are none such" {
    run --separate-stderr hexec -u nobody -w /usr/lib -- sh -c 'id -un; pwd'
    [ "$output" = $'nobody\n/usr/lib' ] || fail "user or folder"
    run --separate-stderr hexec -w /no/such -- pwd
    expect_status 125
    expect_stderr "there is no folder /no/such"
    run --separate-stderr hexec -u nosuchuser -- pwd
    expect_status 125
    expect_stderr "no user nosuchuser"
}

@test "variables: only what is given crosses, a name alone removes one" {
    HOST_ONLY=1 run --separate-stderr hexec -e NEW='a b=c' -e PLAIN -- env
    expect_status 0
    expect_output "NEW=a b=c"
    [[ $output != *HOST_ONLY* && $output != *PLAIN* ]] || fail "a variable too many"
    [[ $output != *"HOME=$HOME"* && $output != *"$HGT_BUILD"* ]] || fail "HOME or PATH of this host"
    run hexec -e =x -- true
    expect_status 2
}

@test "secrets of the container are masked, also when they come in pieces" {
    run --separate-stderr hexec -- sh -c 'echo "pw=$APP_PASSWORD."; echo "$APP_PASSWORD" >&2'
    [ "$output" = "pw=***." ] || fail "not masked"
    [ "$stderr" = "***" ] || fail "stderr is not masked"
    run --separate-stderr hexec -e MY_TOKEN=tok-1234567 -- \
        sh -c 'printf tok-12; sleep 0.2; printf 34567; sleep 0.1; echo; echo $PLAIN'
    [ "$output" = $'***\nword' ] || fail "split secret"
}

@test "a terminal: size, raw mode, code, and the caller's settings afterwards" {
    cat > in_pty.py << 'PY'
import fcntl, os, pty, struct, sys, termios, time
argv = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 97, 0, 0))
    before = termios.tcgetattr(0)
    child = os.spawnvp(os.P_NOWAIT, argv[0], argv)
    while True:
        try:
            _, status = os.waitpid(child, 0)
            break
        except InterruptedError:
            pass
    same = termios.tcgetattr(0) == before
    print("code", os.waitstatus_to_exitcode(status), "restored" if same else "NOT RESTORED")
    sys.stdout.flush()
    os._exit(0)
text, typed = b"", False
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    text += data
    if b"ready" in text and not typed:
        typed = True
        os.write(fd, b"\x10\x03" if "ctrl" in argv[-1] else b"typed\r")
os.waitpid(pid, 0)
sys.stdout.buffer.write(text)
PY
    run python3 in_pty.py headgate-exec --container "$SHARED" -- \
        sh -c 'sleep 0.3; stty size; echo ready; read x; echo "got $x"; test -t 2 && exit 4'
    expect_output "41 97"
    expect_output "got typed"
    expect_output "code 4 restored"
    # Ctrl-P is not kept for the engine, Ctrl-C arrives as a signal inside.
    run python3 in_pty.py headgate-exec --container "$SHARED" -- \
        sh -c 'trap "echo interrupted; exit 3" INT; echo ready; read ctrl'
    expect_output "interrupted"
    expect_output "code 3 restored"
    run python3 in_pty.py sh -c "headgate-exec --container $SHARED -- sleep 40 & p=\$!
        sleep 1; kill \$p; wait \$p"
    expect_output "restored"
    run --separate-stderr hexec --tty -i -- true < /dev/null
    expect_status 2
    expect_stderr "wants a terminal"
}

@test "TERM, INT, HUP and QUIT to headgate end the command inside, with its code" {
    local signal number=0
    for signal in TERM:143 INT:130 HUP:129 QUIT:131; do
        number=$((number + 1))
        headgate-exec --container "$SHARED" -- sh -c "sleep 60.$number; :" 3>&- &
        local client=$!
        wait_until 10 is_running "sleep 60.$number"
        kill -"${signal%:*}" "$client"
        local code=0
        wait "$client" || code=$?
        [ "$code" -eq "${signal#*:}" ] || fail "$signal gave $code"
        wait_until 5 is_gone "sleep 60.$number" || fail "$signal left the command behind"
    done
}

@test "a command that handles the signal ends as it wants" {
    headgate-exec --container "$SHARED" -- sh -c 'trap "echo bye; exit 9" TERM; sleep 61 & wait' > out 3>&- &
    local client=$! code=0
    wait_until 10 is_running "sleep 61"
    kill "$client"
    wait "$client" || code=$?
    [ "$code" -eq 9 ] && [ "$(cat out)" = bye ]
}

@test "KILL to headgate ends the command inside too, whatever user it became" {
    headgate-exec --container "$SHARED" -- sh -c 'sleep 62.1' 3>&- &
    local client=$!
    headgate-exec --container "$SHARED" -- setpriv --reuid=65534 --clear-groups sh -c 'sleep 62.2; :' 3>&- &
    local other=$!
    wait_until 10 is_running "sleep 62.1"
    wait_until 10 is_running "sleep 62.2"
    kill -KILL "$client"
    kill "$other"
    wait "$client" "$other" || true
    wait_until 8 is_gone "sleep 62.1"
    wait_until 8 is_gone "sleep 62.2"
    wait_until 8 is_gone headgate-keeper
}

@test "KILL to headgate at any moment of its start leaves nothing behind" {
    local delay client
    for delay in 0.01 0.02 0.03 0.05 0.08 0.12 0.18 0.25 0.4; do
        headgate-exec --container "$SHARED" -- sleep 62.3 3>&- &
        client=$!
        sleep "$delay"
        kill -KILL "$client"
        wait "$client" || true
    done
    # Those that started at all are there by now, and must go.
    sleep 1
    wait_until 12 is_gone "sleep 62.3" || fail "left behind: $(docker top "$SHARED" -eo pid,args)"
}

@test "KILL to headgate's whole process group, and a terminal that goes away" {
    setsid headgate-exec --container "$SHARED" -- sleep 62.4 3>&- &
    local client=$!
    wait_until 10 is_running "sleep 62.4"
    kill -KILL -- "-$client"
    wait "$client" || true
    wait_until 8 is_gone "sleep 62.4"
    python3 -c 'if 1:
        import os, pty, subprocess, sys, time
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp(sys.argv[1], sys.argv[1:])
        time.sleep(1.5)
        os.close(fd)
        os.waitpid(pid, 0)' headgate-exec --container "$SHARED" -- sleep 62.5
    wait_until 15 is_gone "sleep 62.5"
}

@test "an image without a shell: signals still arrive, by the host's processes" {
    mkdir root
    printf '#include <unistd.h>\nint main(int c, char **v) { (void)v; return c > 1 ? (int)sleep(600) : pause(); }\n' > s.c
    gcc -static -o root/wait s.c
    tar -C root -c . | docker import - hgt-bare > /dev/null
    hgt_container hgt-bare --network none -- /wait
    SHARED=$HGT_CONTAINER
    headgate-exec --container "$SHARED" -- /wait here 3>&- &
    local client=$! code=0
    wait_until 10 is_running "/wait here"
    kill "$client"
    wait "$client" || code=$?
    [ "$code" -eq 143 ] || fail "code $code"
    wait_until 5 is_gone "/wait here"
}

@test "--max-runtime ends the command: 124" {
    run --separate-stderr hexec --max-runtime 1 -- sleep 63
    expect_status 124
    expect_stderr "--max-runtime"
    wait_until 5 is_gone "sleep 63"
}

@test "a container that vanishes under the command: 125, never success" {
    hgt_container headgate-base --network none
    headgate-exec --container "$HGT_CONTAINER" -- sleep 64 2> err 3>&- &
    local client=$! code=0
    sleep 1
    docker rm -f "$HGT_CONTAINER" > /dev/null
    wait "$client" || code=$?
    [ "$code" -eq 137 ] || [ "$code" -eq 125 ] || fail "code $code: $(cat err)"
}

@test "no engine: 125 and where it was looked for" {
    DOCKER_HOST=unix:///no/such.sock run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "no container engine answers at unix:///no/such.sock (DOCKER_HOST)"
    DOCKER_HOST=tcp://127.0.0.1:1 run --separate-stderr hexec -- true
    expect_status 125
    expect_stderr "tcp://127.0.0.1:1"
}

@test "containers that cannot be used: each its own sentence" {
    run --separate-stderr headgate-exec --container "${SHARED}x" -- true
    expect_status 125
    expect_stderr "there is no container or Compose service \"${SHARED}x\""
    expect_stderr "did you mean $SHARED?"
    hgt_container headgate-base --network none
    docker pause "$HGT_CONTAINER" > /dev/null
    run --separate-stderr headgate-exec --container "$HGT_CONTAINER" -- true
    expect_status 125
    expect_stderr "is paused"
    expect_stderr "docker unpause $HGT_CONTAINER"
    docker unpause "$HGT_CONTAINER" > /dev/null
    docker kill "$HGT_CONTAINER" > /dev/null
    run --separate-stderr headgate-exec --container "$HGT_CONTAINER" -- true
    expect_status 125
    expect_stderr "does not run: it is exited, exit code 137"
    hgt_container headgate-base --network none --restart always -- sh -c 'exit 3'
    restarting() { [ "$(docker inspect -f '{{.State.Restarting}}' "$HGT_CONTAINER")" = true ]; }
    wait_until 10 restarting
    run --separate-stderr headgate-exec --container "$HGT_CONTAINER" -- true
    expect_status 125
    [[ $stderr == *"keeps restarting"* || $stderr == *"does not run"* ]] || fail "restarting"
}

@test "Compose services: by name, never by guess" {
    local labels=(--label com.docker.compose.project=hgt$$ --label com.docker.compose.service=web$$)
    hgt_container headgate-base --network none "${labels[@]}"
    local first=$HGT_CONTAINER
    run --separate-stderr headgate-exec --container web$$ -- hostname
    expect_status 0
    [ "$output" = "$(docker inspect -f '{{.Config.Hostname}}' "$first")" ] || fail "another one"
    hgt_container headgate-base --network none "${labels[@]}" --label com.docker.compose.oneoff=True
    run headgate-exec --container web$$ -- true
    expect_status 0
    hgt_container headgate-base --network none "${labels[@]}"
    run --separate-stderr headgate-exec --container web$$ -- true
    expect_status 125
    expect_stderr "2 running containers belong to the Compose service \"web$$\""
    expect_stderr "$first"
    expect_stderr "$HGT_CONTAINER"
}

@test "-t: a target's container gets the target's own variables; a target here is headgate env" {
    hgt_project
    cat > headgate.yaml << YAML
version: 1
migrator: { kind: alembic, directory: backend }
targets:
  inside:
    environment: [ { dotenv: inside.env }, { container: $SHARED } ]
    run: { container: $SHARED }
  here:
    environment: [ process, { dotenv: inside.env } ]
YAML
    printf 'DATABASE_URL=postgresql://u:sesame-open@h.invalid/d\nEXTRA=yes\n' > inside.env
    HOST_ONLY=1 run --separate-stderr headgate exec -t inside -- \
        sh -c 'echo "$EXTRA $HOST_ONLY $HEADGATE_TARGET $DATABASE_URL"; exit 6'
    expect_status 6
    expect_output "yes  inside postgresql://u:***@h.invalid/d"
    HOST_ONLY=1 run --separate-stderr headgate exec -t here -e MORE=1 -- \
        sh -c 'echo "$EXTRA $HOST_ONLY $MORE"; exit 8'
    expect_status 8
    [ "$output" = "yes 1 1" ] || fail "not as headgate env"
    run --separate-stderr headgate exec -t here -u root -- true
    expect_status 2
}

@test "--with and --fetch: files go along, come back, and nothing is left inside" {
    mkdir -p 'a folder/deeper'
    head -c 300000 /dev/urandom > 'a folder/deeper/random'
    printf '#!/bin/sh\ncat "$HEADGATE_WITH/a folder/deeper/random"\nexit 3\n' > run.sh
    chmod 755 run.sh
    hexec -u nobody --with run.sh --with 'a folder' -- \
        sh -c 'id -un; stat -c "%a %U" "$HEADGATE_WITH"; echo "$HEADGATE_WITH"' > said
    [ "$(sed -n 1,2p said)" = $'nobody\n700 nobody' ] || fail "$(cat said)"
    run hexec -- test -e "$(sed -n 3p said)"
    expect_status 1
    local code=0
    hexec --with run.sh --with 'a folder/' -- sh -c '"$HEADGATE_WITH/run.sh"' > got || code=$?
    [ "$code" -eq 3 ] || fail "code $code"
    cmp 'a folder/deeper/random' got
    hexec --with 'a folder' --fetch 'a folder=back' --fetch sum=sum --fetch /etc/hostname=host -- \
        sh -c 'cd "$HEADGATE_WITH" && sha256sum "a folder/deeper/random" > sum; echo new > "a folder/new"'
    cmp 'a folder/deeper/random' back/deeper/random
    [ "$(cat back/new)" = new ]
    sha256sum -c sum
    [ "$(cat host)" = "$(docker exec "$SHARED" cat /etc/hostname)" ]
    run hexec -- sh -c 'ls -d /tmp/headgate-*'
    [ "$status" -ne 0 ] || fail "left behind: $output"
}

@test "--with and --fetch: refusals, and a client that is killed" {
    run --separate-stderr hexec --with nosuch -- true
    expect_status 2
    expect_stderr "cannot read nosuch"
    mkdir links && ln -s /etc/passwd links/x
    run --separate-stderr hexec --with links -- true
    expect_status 2
    expect_stderr "links/x is a link"
    run --separate-stderr hexec --fetch nosuch=x -- true
    expect_status 125
    expect_stderr "there is no /tmp/headgate-"
    run --separate-stderr hexec --fetch nosuch=x -- sh -c 'exit 9'
    expect_status 9
    expect_stderr "not fetched"
    run --separate-stderr hexec --fetch l=x -- sh -c 'ln -s /etc/passwd "$HEADGATE_WITH/l"'
    expect_status 125
    expect_stderr "links are not copied"
    run --separate-stderr hexec --fetch d=x -- sh -c 'mkdir "$HEADGATE_WITH/d"; echo a > "$HEADGATE_WITH/d/a"; ln -s / "$HEADGATE_WITH/d/z"'
    expect_status 125
    [ ! -e x ] || fail "half of a copy was kept"
    run --separate-stderr hexec --fetch x -- true
    expect_status 2
    headgate-exec --container "$SHARED" --with links/../links --with "$BATS_TEST_FILENAME" -- sleep 65.1 2> /dev/null || true
    headgate-exec --container "$SHARED" --with "$BATS_TEST_FILENAME" -- sleep 65.2 3>&- &
    local client=$!
    wait_until 10 is_running "sleep 65.2"
    hexec -- sh -c 'ls -d /tmp/headgate-*'
    kill -KILL "$client"
    wait "$client" || true
    none_left() { ! hexec -- sh -c 'ls -d /tmp/headgate-* 2> /dev/null'; }
    wait_until 15 none_left
}

# The full one: make torture.
@test "torture: random output on both streams, input and codes, as docker exec gives them" {
    local containers=("$SHARED")
    hgt_container headgate-base --network none
    containers+=("$HGT_CONTAINER")
    "$HGT_ROOT/tests/e2e/exec_torture.py" "${HGT_EXECS:-100}" "${HGT_SEED:-1}" "$HGT_BUILD/headgate-exec" \
        "${containers[@]}"
}

@test "many commands in one process leave no descriptor and no child" {
    "$HGT_BUILD/helpers/exec_many" "$SHARED" 25
}
