#!/usr/bin/env python3
"""headgate exec beside docker exec: random output sizes on both streams in random pieces, random
input, random exit codes; every byte compared, with what was asked for and with what docker gave.

  exec_torture.py EXECS SEED HEADGATE_EXEC CONTAINER…     one worker a container

Prints a line of counts and exits 0, or says which exec differed (with the seed to run it again)."""
import os, random, subprocess, sys, threading, time

BLOB = 1 << 18
COMMAND = r'''
n=0
for piece in $PIECES; do
    stream=${piece%%:*} rest=${piece#*:}
    case $stream in
        1) tail -c "+$((${rest%%:*} + 1))" /tmp/blob | head -c "${rest#*:}" ;;
        2) tail -c "+$((${rest%%:*} + 1))" /tmp/blob | head -c "${rest#*:}" >&2 ;;
        i) cat ;;
    esac
done
exit "$CODE"
'''


def case(rng, blob):
    """One command: its variables, its stdin (or None), and what it must give."""
    pieces, out, err, stdin = [], b"", b"", None
    for _ in range(rng.randint(0, 4)):
        size = rng.choice([0, 1, rng.randint(0, 200), rng.randint(0, 40000), rng.randint(0, BLOB // 2)])
        at = rng.randint(0, BLOB - size)
        stream = rng.choice("12")
        pieces.append(f"{stream}:{at}:{size}")
        if stream == "1":
            out += blob[at:at + size]
        else:
            err += blob[at:at + size]
    if rng.random() < 0.3:
        stdin = blob[:rng.choice([0, 1, rng.randint(0, BLOB)])]
        pieces.append("i:0:0")
        out += stdin
    return {"PIECES": " ".join(pieces), "CODE": str(rng.choice([0, 0, 1, 2, 7, 42, 124, 125, 126, 127, 128, 137,
                                                                143, 255, rng.randint(0, 255)]))}, stdin, out, err


def run(argv, stdin):
    child = subprocess.run(argv, input=stdin, capture_output=True, timeout=120,
                           **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    return child.returncode, child.stdout, child.stderr


def said_about_code(code):
    """What headgate adds on stderr for a code that looks like a signal's."""
    return 128 < code < 128 + 65


class Worker(threading.Thread):
    def __init__(self, container, numbers, seed, headgate, blob):
        super().__init__(daemon=True)
        self.container, self.numbers, self.seed, self.headgate, self.blob = container, numbers, seed, headgate, blob
        self.done, self.bytes, self.ours, self.theirs, self.wrong = 0, 0, 0.0, 0.0, None

    def one(self, number):
        variables, stdin, out, err = case(random.Random(f"{self.seed}/{number}"), self.blob)
        options = [x for name, value in variables.items() for x in ("-e", f"{name}={value}")]
        options += ["-i"] if stdin is not None else []
        tail = ["sh", "-c", COMMAND]
        begin = time.perf_counter()
        mine = run([self.headgate, "--container", self.container, *options, "--", *tail], stdin)
        middle = time.perf_counter()
        theirs = run(["docker", "exec", *options, self.container, *tail], stdin)
        self.ours += middle - begin
        self.theirs += time.perf_counter() - middle
        want = (int(variables["CODE"]), out, err)
        errors = mine[2]
        if said_about_code(want[0]) and errors.startswith(err):
            note = errors[len(err):]
            errors = err if note == b"" or note.startswith(b"headgate: error: sh in ") else errors
        if (mine[0], mine[1], errors) != want:
            return f"exec {number}: headgate differs from what was asked: {describe(mine, want)}"
        if theirs != want:
            # Docker's own losses are known; they must not hide ours.
            print(f"note: exec {number}: docker differs: {describe(theirs, want)}", file=sys.stderr, flush=True)
        self.bytes += len(out) + len(err)
        return None

    def run(self):
        for number in self.numbers:
            try:
                self.wrong = self.one(number)
            except Exception as error:  # a worker that dies must be seen
                self.wrong = f"exec {number}: {error!r}"
            if self.wrong:
                return
            self.done += 1


def describe(got, want):
    return (f"code {got[0]} for {want[0]}, stdout {len(got[1])} for {len(want[1])} bytes, "
            f"stderr {len(got[2])} for {len(want[2])} bytes: {got[2][-200:]!r}")


def left_over(container):
    top = subprocess.run(["docker", "top", container, "-eo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in top.splitlines()[1:] if "sleep 36" not in line and "docker-init" not in line]


def main():
    count, seed, headgate, containers = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    blob = random.Random(seed).randbytes(BLOB)
    for container in containers:
        subprocess.run(["docker", "exec", "-i", container, "sh", "-c", "cat > /tmp/blob"], input=blob, check=True)
    workers = [Worker(c, range(i, count, len(containers)), seed, headgate, blob) for i, c in enumerate(containers)]
    begin = time.time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wrong = [w.wrong for w in workers if w.wrong]
    done = sum(w.done for w in workers)
    print(f"{done} execs in {time.time() - begin:.0f} s, {sum(w.bytes for w in workers) / 1e6:.0f} MB of output, seed "
          f"{seed}; mean of headgate {sum(w.ours for w in workers) / max(done, 1) * 1e3:.0f} ms, of docker "
          f"{sum(w.theirs for w in workers) / max(done, 1) * 1e3:.0f} ms", flush=True)
    time.sleep(1)
    for container in containers:
        if left_over(container):
            wrong.append(f"left behind in {container}: {left_over(container)}")
    if not wrong and done != count:
        wrong.append(f"{done} of {count} execs ran")
    for line in wrong:
        print(f"WRONG (seed {seed}): {line}")
    return 1 if wrong else 0


sys.exit(main())
