# SPDX-License-Identifier: Apache-2.0
# hg_process_supervise on real terminals, pipes and signals, through tests/helpers/supervise.

setup_file() {
    load ../lib/common
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    export PATH=$HGT_BUILD/helpers:$HGT_BUILD:$PATH
}
setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR"
}
teardown_file() { :; }

terminal() { "$HGT_ROOT/tests/lib/drive-terminal" "$@"; }

@test "pipes: streams apart, masked, the exit code true" {
    run --separate-stderr supervise --secret opensesame sh -c \
        'echo "out opensesame"; echo "err b3BlbnNlc2FtZQ==" >&2; exit 41'
    [ "$status" -eq 41 ]
    [ "$output" = "out ***" ]
    [ "$stderr" = "err ***Q==" ]
    run supervise sh -c 'kill -KILL $$'
    [ "$status" -eq 137 ]
    run -127 supervise no-such-command
    run -126 supervise /etc
}

@test "pipes: 2>&1 keeps the order of the lines" {
    supervise --secret opensesame sh -c \
        'i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done' > log 2>&1
    seq 0 299 | cmp - log
}

@test "pipes: much output to a slow reader arrives whole, without blocking signals" {
    supervise --secret opensesame head -c 3000000 /dev/zero | { sleep 0.5; wc -c; } > count
    [ "$(cat count)" -eq 3000000 ]
    # A reader that never reads: TERM still reaches the child, and we end.
    mkfifo stuck
    sleep 30 < stuck 3>&- &
    local reader=$! pid i code=0
    supervise --secret opensesame sh -c 'touch up; exec yes' > stuck 3>&- &
    pid=$!
    for ((i = 0; i < 200; i++)); do [ -e up ] && break || sleep 0.05; done
    # The first ends the child; the next gives up on the reader.
    for ((i = 0; i < 100; i++)); do kill -TERM $pid 2> /dev/null || break; sleep 0.1; done
    wait $pid || code=$?
    kill $reader
    [ "$code" -eq 143 ]
}

@test "a reader that goes away ends the child as a pipe does" {
    run timeout 20 bash -c 'supervise --secret opensesame yes | head -n 1; echo "${PIPESTATUS[0]}"'
    [ "${lines[0]}" = y ]
    [ "${lines[1]}" = 141 ]
}

@test "without a terminal a signal reaches the whole group, once" {
    setsid supervise bash -c 'trap "echo child >> seen; exit 5" TERM
        (trap "echo grandchild >> seen; exit 0" TERM; touch g; while :; do sleep 0.05; done) &
        touch up; while :; do sleep 0.05; done' 3>&- &
    local pid=$! i code=0
    for ((i = 0; i < 200; i++)); do [ -e up ] && [ -e g ] && break || sleep 0.05; done
    kill -TERM $pid
    wait $pid || code=$?
    [ "$code" -eq 5 ]
    for ((i = 0; i < 100; i++)); do [ "$(wc -l < seen)" -ge 2 ] && break || sleep 0.05; done
    [ "$(sort seen | tr '\n' ' ')" = "child grandchild " ]
}

@test "a stdin that is a pipe goes through, also on a terminal's job" {
    run bash -c 'echo given | supervise --secret opensesame cat'
    [ "$output" = given ]
}

@test "terminal, not forced: the streams are inherited, ^C arrives once and the code is the child's" {
    terminal '[["expect","ready"],["send","\u0003"],["expect","caught"],["exit",7],["modes"]]' \
        supervise --secret opensesame bash -c \
        'n=0; trap "n=\$((n+1)); echo caught; sleep 0.3; exit \$((6+n))" INT
         [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo ready; while :; do sleep 0.05; done'
}

@test "terminal, not forced: ^Z stops the job and it goes on" {
    terminal '[["expect","ready"],["send","\u001a"],["stopped"],["continue"],["send","line\n"],
        ["expect","got line"],["exit",0],["modes"]]' \
        supervise bash -c 'echo ready; read x; echo "got $x"'
}

@test "terminal, not forced: a signal sent to us is passed on" {
    terminal '[["expect","ready"],["signal","SIGTERM"],["expect","term"],["exit",3]]' \
        supervise bash -c 'trap "echo term; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
}

@test "terminal, forced: behind a pty, masked, with size, and modes set back" {
    terminal '[["expect","24 80 yes ***"],["size",50,132],["expect","50 132"],["send","word\n"],
        ["expect","got word"],["exit",9],["modes"],["absent","opensesame"]]' \
        supervise --always --secret opensesame bash -c \
        'trap "stty size" WINCH; echo "$(stty size) $([ -t 2 ] && echo yes) opensesame"
         until read -t 1 x; do :; done; echo "got $x"; exit 9'
}

@test "terminal, forced: ^C and ^D act in the pty" {
    terminal '[["expect","ready"],["send","\u0003"],["expect","int"],["send","\u0004"],
        ["expect","eof"],["exit",0],["modes"]]' \
        supervise --always --secret opensesame bash -c \
        'trap "echo int" INT; echo ready; while read x; [ $? -gt 128 ]; do :; done; echo eof'
}

@test "terminal, forced: ^Z stops everything, modes are set back, and it goes on" {
    terminal '[["expect","ready"],["send","\u001a"],["stopped"],["modes"],["continue"],
        ["send","line\n"],["expect","got line"],["exit",0],["modes"]]' \
        supervise --always --secret opensesame bash -c 'echo ready; read x; echo "got $x"'
}

@test "terminal, forced: modes are set back when the child dies and when we are ended" {
    terminal '[["expect","ready"],["exit",137],["modes"]]' \
        supervise --always --secret opensesame bash -c 'stty raw; echo ready; kill -9 $$'
    terminal '[["expect","ready"],["signal","SIGTERM"],["exit",143],["modes"]]' \
        supervise --always --secret opensesame bash -c 'echo ready; exec sleep 30'
}

@test "out of time: TERM, and the code is the child's" {
    run timeout 20 supervise --max 0.3 sleep 30
    [ "$status" -eq 143 ]
}

# Also where nobody reaps orphans: a CI container's first process is seldom an init.
gone() { ! kill -0 "$1" 2> /dev/null || grep -q '^State:.Z' "/proc/$1/status" 2> /dev/null; }

@test "killed, we take the child with us" {
    supervise bash -c 'echo $$ > pid; exec sleep 60' 3>&- &
    local pid=$! i
    for ((i = 0; i < 200; i++)); do [ -s pid ] && break || sleep 0.05; done
    kill -KILL $pid
    for ((i = 0; i < 100; i++)); do gone "$(cat pid)" && return 0; sleep 0.05; done
    false
}

# Waits until the process with that id is gone.
await_end() {
    local i
    for ((i = 0; i < 300; i++)); do gone "$1" && return 0; sleep 0.05; done
    echo "process $1 still runs" >&2
    return 1
}
await_file() {
    local i
    for ((i = 0; i < 200; i++)); do [ -s "$1" ] && return 0; sleep 0.05; done
    return 1
}

@test "out of time: TERM first, and after the grace KILL, to all of its group" {
    run timeout 20 supervise --max 0.5 --grace 0.5 bash -c '
        trap "echo first; touch termed" TERM
        (trap "" TERM; echo $BASHPID > grandchild; while :; do sleep 0.1; done) &
        while :; do sleep 0.1; done'
    [ "$status" -eq 137 ]
    [[ $output == *first* ]]
    [ -e termed ]
    await_end "$(cat grandchild)"
}

@test "a TERM that the command handles in time is all it gets" {
    run timeout 20 supervise --max 0.5 --grace 10 bash -c '
        trap "echo cleaned; exit 7" TERM; while :; do sleep 0.05; done'
    [ "$status" -eq 7 ]
    [[ $output == *cleaned* ]]
}

# kills PID-FILES…: our death ends all of the command's group, whatever ignores TERM after the grace; nothing
# of ours stays.
killed_whole() {
    local ours=$1 file guard
    shift
    for file in "$@"; do await_file "$file"; done
    guard=$(pgrep -P "$ours" | grep -vx "$(cat leader)")
    [ -n "$guard" ]
    kill -KILL "$ours"
    for file in "$@"; do await_end "$(cat "$file")"; done
    await_end "$guard"
}
FAMILY='echo $$ > leader
    (echo $BASHPID > polite; while :; do sleep 0.1; done) &
    (trap "" TERM HUP; echo $BASHPID > stubborn; while :; do sleep 0.1; done) &
    wait'

@test "killed by KILL, we take the command's whole process group with us" {
    supervise --grace 0.5 bash -c "$FAMILY" 3>&- &
    killed_whole $! leader polite stubborn
}

@test "the same behind a pty" {
    supervise --always --grace 0.5 --secret opensesame bash -c "$FAMILY" 3>&- &
    killed_whole $! leader polite stubborn
}

@test "headgate env, killed by KILL together with its own group" {
    printf 'API_TOKEN=abcdefgh12345\n' > .env
    setsid headgate env --from dotenv:.env -- bash -c "$FAMILY" 3>&- &
    local ours=$!
    await_file polite
    ours=$(ps -o ppid= -p "$(cat leader)" | tr -d ' ')
    kill -KILL -- "-$(ps -o pgid= -p "$ours" | tr -d ' ')"
    await_end "$(cat leader)"
    await_end "$(cat polite)"
    await_end "$(cat stubborn)" # 10 seconds of grace
    ! pgrep -f "^headgate env --from dotenv:.env -- bash" > /dev/null
}

@test "a command that ended leaves no guard, and what it left behind is left alone" {
    run supervise bash -c '(trap "" HUP; echo $BASHPID > daemon; exec sleep 30) > /dev/null 2>&1 & exit 3'
    [ "$status" -eq 3 ]
    await_file daemon
    sleep 0.2
    ! gone "$(cat daemon)" || fail "what it left behind was ended"
    kill "$(cat daemon)"
    [ -z "$(pgrep -P $$ supervise)" ]
}
