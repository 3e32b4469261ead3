"""What the measurements share: medians of runs that alternate, so that both meet the same noise."""
import os, pathlib, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "dev"


SETTLE = 0.005  # for what the run before left to others: its server process ends after it


def keep_others_out():
    """The bench, the server and the programs that it starts from now on go before all other work."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError as error:
        print(f"other work on the machine is not kept out: {error}", flush=True)


def go_before_others():
    """The same among Go's programs, whose threads spin when they find nothing to do: in a real-time class they
    would keep out the server too."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except OSError as error:
        print(f"other work on the machine is not kept behind: {error}", flush=True)


def once(argv, **kwargs):
    """Seconds and peak memory (MiB) of one run; it must succeed."""
    time.sleep(SETTLE)
    begin = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kwargs)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{argv}: exit {child.returncode}")
    return seconds, usage.ru_maxrss / 1024


def compare(name, ours, peer, bound, runs=15, peer_runs=None, **kwargs):
    """Prints the ratio of medians; True when it is within the bound (at most, or at least if < 0; None:
    no bound, and the ratio says how many times faster)."""
    mine, theirs = [], []
    once(ours, **kwargs), once(peer, **kwargs)
    for i in range(runs):
        mine.append(once(ours, **kwargs)[0])
        if i < (peer_runs or runs):
            theirs.append(once(peer, **kwargs)[0])
    a, b = statistics.median(mine), statistics.median(theirs)
    most = bound is not None and bound > 0
    ratio = a / b if most else b / a
    good = bound is None or (ratio <= bound if most else ratio >= -bound)
    low = min(mine) / min(theirs) if most else min(theirs) / min(mine)
    must = "no bound" if bound is None else f"must be {'<=' if most else '>='} {abs(bound)}"
    print(f"{name}: ours {a * 1e3:.1f} ms, peer {b * 1e3:.1f} ms, "
          f"{'ratio' if most else 'faster by'} {ratio:.2f}, by the fastest runs {low:.2f} "
          f"({must}){'' if good else '  FAILED'}", flush=True)
    return good


def memory(name, argv, bound, **kwargs):
    """Prints the peak memory in MiB; True when it is within the bound."""
    # A child's peak begins with that of the process it was forked from, so a small one stands between.
    peak = 0.0
    for _ in range(3):
        with tempfile.NamedTemporaryFile("r") as out:
            once(["/usr/bin/time", "-f", "%M", "-o", out.name, *argv], **kwargs)
            peak = max(peak, int(out.read().split()[-1]) / 1024)
    good = peak <= bound
    print(f"{name}: {peak:.1f} MiB (must be <= {bound}){'' if good else '  FAILED'}", flush=True)
    return good


def history(count):
    """A folder with COUNT revisions; the caller keeps the TemporaryDirectory."""
    folder = tempfile.TemporaryDirectory(prefix="hgt-", dir="/tmp")
    subprocess.run([ROOT / "tests/lib/make_history", f"{folder.name}/p", str(count)], check=True,
                   stdout=subprocess.DEVNULL)
    return folder, f"{folder.name}/p"
