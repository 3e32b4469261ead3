# SPDX-License-Identifier: Apache-2.0
# hg_process_supervise on real terminals, pipes and signals, through tests/helpers/supervise.

setup_file() {
    load ../lib/common
    bats_require_minimum_version 1.5.0
    hgt_clean_environment
    export PATH=$HGT_BUILD/helpers:$PATH
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
