#!/usr/bin/env bats
# headgate-pid1 beside tini and dumb-init, as process 1 and elsewhere: exit codes, signals, orphans, job
# control. Where the two differ from each other, the expected values say so.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR" || return 1
    INITS=("$HGT_BUILD/headgate-pid1" tini dumb-init)
    user=()
    [ "$(id -u)" = 0 ] || user=(-Ur)
    # As process 1 of a namespace of its own. unshare 2.37 lets it begin with two signals ignored.
    FIRST=(unshare "${user[@]}" -pf --mount-proc --kill-child env --default-signal=INT,TERM)
}

name() { basename "$1"; }

@test "exit codes: the application's own, 128+n, 126 and 127" {
    printf '#!/bin/sh\nexit 1\n' > not-executable
    for init in "${INITS[@]}"; do
        got=
        for command in 'exit 0' 'exit 1' 'exit 42' 'exit 255' 'kill -TERM $$' 'kill -KILL $$' 'kill -SEGV $$'; do
            code=0; "${FIRST[@]}" "$init" -- sh -c "$command" || code=$?
            got+="$code "
        done
        code=0; "${FIRST[@]}" "$init" -- ./no-such-file 2> err || code=$?
        [ -s err ] || fail "$(name "$init") says nothing"
        got+="$code "
        code=0; "${FIRST[@]}" "$init" -- ./not-executable 2> err || code=$?
        got+="$code"
        case $(name "$init") in
            dumb-init) expected="0 1 42 255 143 137 139 2 2" ;;
            *) expected="0 1 42 255 143 137 139 127 126" ;;
        esac
        [ "$got" = "$expected" ] || fail "$(name "$init"): $got, expected $expected"
    done
}

@test "every signal that can be caught reaches the application, and only it without --group" {
    cat > app.py << 'PY'
import os, signal, sys, time
got = open("got", "a")
names = "HUP INT QUIT USR1 USR2 TERM CONT WINCH ALRM PIPE TSTP URG".split()
def note(number, frame):
    print(signal.Signals(number).name, file=got, flush=True)
for n in names:
    signal.signal(getattr(signal, "SIG" + n), note)
if os.fork() == 0:
    signal.signal(signal.SIGUSR1, lambda *_: open("grandchild", "w").close())
    open("ready", "w").close()
while not os.path.exists("over"):
    time.sleep(0.05)
PY
    for init in "${INITS[@]}"; do
        rm -f got ready over grandchild
        # For dumb-init without its own session, the others' default.
        DUMB_INIT_SETSID=0 "${FIRST[@]}" "$init" -- python3 app.py &
        outer=$!
        wait_for test -e ready
        first=$(pgrep -P $outer)
        for n in HUP INT QUIT USR1 USR2 TERM WINCH ALRM PIPE URG; do
            count=$(wc -l < got)
            kill -$n "$first"
            more() { [ "$(wc -l < got)" -gt "$count" ]; }
            wait_for more
        done
        [ "$(tr '\n' ' ' < got)" = "SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGTERM SIGWINCH SIGALRM SIGPIPE SIGURG " ] ||
            fail "$(name "$init"): $(cat got)"
        [ ! -e grandchild ] || fail "$(name "$init"): the grandchild got it too"
        touch over
        wait $outer || fail "$(name "$init")"
    done
    for init in "${INITS[@]}"; do
        rm -f got ready over grandchild
        group=(-g)
        [ "$(name "$init")" != dumb-init ] || group=() # it is its way anyway
        "${FIRST[@]}" "$init" "${group[@]}" -- python3 app.py &
        outer=$!
        wait_for test -e ready
        kill -USR1 "$(pgrep -P $outer)"
        wait_for test -e grandchild
        touch over
        wait $outer || fail "$(name "$init") -g"
    done
}

@test "orphans are reaped, as process 1 and elsewhere" {
    for init in "${INITS[@]}"; do
        run -0 "${FIRST[@]}" "$init" -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.1 &); done; sleep 0.6
            ps -e -o stat= | grep -c Z; true'
        [ "$output" = 0 ] || fail "$(name "$init"): $output zombies"
    done
    for init in "$HGT_BUILD/headgate-pid1" "tini -s"; do
        $init -- sh -c 'for i in 1 2 3; do (sleep 0.3 &); done; echo up > up; exec sleep 20' &
        pid=$!
        wait_for test -e up
        rm up
        adopted() { [ "$(pgrep -c -P $pid)" = 4 ]; }
        wait_for adopted
        reaped() { [ "$(ps -o comm= --ppid $pid)" = sleep ]; }
        wait_for reaped
        kill -TERM $pid
        code=0; wait $pid || code=$?
        [ $code -eq 143 ] || fail "$init: $code"
    done
}

# As a container with a terminal has it: process 1 leads the session.
@test "job control on a terminal: a foreground job is interrupted and stopped, the shell is not" {
    script='expect $
type sh -c "echo run""ning; exec sleep 30"\n
expect running
type \x03
type echo after=$?\n
expect after=130
type sh -c "echo run""ning; exec sleep 31"\n
expect running
type \x1a
expect Stopped
type kill %1; exit 7\n'
    for init in "${INITS[@]}"; do
        PS1='$ ' run python3 "$HGT_ROOT/tests/lib/type-at-terminal" "$script" \
            "${FIRST[@]}" setsid -c "$init" -- bash --norc --noprofile -i
        expect_status 0
        [[ $output != *"no job control"* ]] || fail "$(name "$init"): no job control"
    done
}

# The application starts nobody: dash that is stopped between vfork() and exec reports no stop.
@test "below a shell, Ctrl-Z stops init and application together, and fg goes on" {
    PS1='$ ' run python3 "$HGT_ROOT/tests/lib/type-at-terminal" 'expect $
type '"$HGT_BUILD"'/headgate-pid1 -- sh -c "echo run""ning; read line; echo re""sumed with \$line"\n
expect running
type \x1a
expect Stopped
type fg\n
expect pid1
type what was typed\n
expect resumed with what was typed' bash --norc --noprofile -i
    expect_status 0
}

@test "the rest of the group ends with the application; the streams are the application's own; it stays small" {
    "${FIRST[@]}" "$HGT_BUILD/headgate-pid1" -g -- sh -c '(trap "echo told > told; exit" TERM; echo up > up; while :; do sleep 0.05; done) & while [ ! -e up ]; do sleep 0.05; done'
    # Not in a namespace, whose end would kill it.
    rm -f up told
    "$HGT_BUILD/headgate-pid1" -g -- sh -c '(trap "echo told > told; exit" TERM; echo up > up; while :; do sleep 0.05; done) & while [ ! -e up ]; do sleep 0.05; done'
    wait_for test -e told
    [ "$(echo text | "$HGT_BUILD/headgate-pid1" -- cat)" = text ]
    for init in "${INITS[@]}"; do
        "$init" -- sleep 20 &
        pid=$!
        settled() { [ -n "$(pgrep -P $pid)" ]; }
        wait_for settled
        eval "rss_$(name "$init" | tr -d -)=$(awk '/VmRSS/ { print $2 }' /proc/$pid/status)"
        kill -TERM $pid
        wait $pid || :
    done
    echo "# resident: headgate-pid1 $rss_headgatepid1 kB, tini $rss_tini kB, dumb-init $rss_dumbinit kB" >&3
    [ "$rss_headgatepid1" -lt 1024 ]
    run -2 "$HGT_BUILD/headgate-pid1"
    run -2 "$HGT_BUILD/headgate-pid1" --unknown
}
