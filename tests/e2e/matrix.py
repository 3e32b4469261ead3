#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""matrix.py ROUNDS SEED [FAULT…]: faults around `headgate apply` that no proxy makes (faults.py has those).

Started in a project (revisions r1 to r3, each of which also writes a line into the table `seen`; r2 calls
work()) with DATABASE_URL of a server whose folder is HGT_CLUSTER_DIR, a small disk. Each round does one bad
thing at a random moment, then asks what faults.py asks: is the last line true, the next status too, and does
the next apply go through, with every revision run once and nothing left behind?

  disk       the server's disk is full, or nearly so
  timeout    a statement meets statement_timeout
  stop       the migrator is stopped for a while (SIGSTOP), and goes on
  stopped    … and never goes on: --max-runtime ends it
  pooler     pgbouncer, declared to keep sessions, is killed
  past       pgbouncer that keeps none is gone, but there is a direct_url
  dns        the server's name is unknown for a while after the start
  clock      the wall clock jumps by a day, either way"""
import datetime
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import faults
from faults import DEADLINE, DIRECT, URL, ask, child_of

DISK = pathlib.Path(os.environ["HGT_CLUSTER_DIR"])
FILL = DISK / "fill"
LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
ROOT = os.geteuid() == 0
POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if ROOT else []
CONFIG = "version: 1\ntargets:\n  local:\n    environment: [ process ]\n"


def work(body):
    with faults.psycopg.connect(DIRECT, autocommit=True) as connection:
        connection.execute("create table if not exists filler (x text)")
        connection.execute("truncate filler")
        connection.execute(f"create or replace function work() returns void language plpgsql as $$ begin {body} end $$")


def later(least, most, action):
    timer = threading.Timer(random.uniform(least, most), action)
    timer.start()
    return timer


def migrator(child, least, most):
    """The pid of apply's Python a random time after it began; None when apply had no need of it any more."""
    while child.poll() is None:
        victim = child_of(child.pid)
        try:
            if victim and pathlib.Path(f"/proc/{victim}/comm").read_text().startswith("python"):
                time.sleep(random.uniform(least, most))
                return victim if child_of(child.pid) == victim else None
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    return None


class Server:
    """Up again after a crash, as an init system sees to it."""

    def __init__(self):
        found = subprocess.run(["sh", "-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"],
                               stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.pg_ctl = os.environ.get("HEADGATE_PG_BINDIR", found) + "/pg_ctl"

    def up(self):
        for _ in range(100):
            try:
                ask("select 1")
                return
            except faults.psycopg.OperationalError:
                subprocess.run([*POSTGRES, self.pg_ctl, "-D", DISK / "data", "-l", DISK / "data/server.log", "-w",
                                "-t", "10", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False)
                time.sleep(0.2)
        sys.exit("the server does not come back")


class Pooler:
    def __init__(self, mode):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="hgt-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        pathlib.Path(self.dir, "users").write_text('"hgt" "hgt-secret"\n')
        pathlib.Path(self.dir, "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={faults.SERVER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {self.dir}/users\n"
            f"pool_mode = {mode}\nignore_startup_parameters = extra_float_digits,options\n")
        self.url = URL.replace(f":{faults.SERVER}/", f":{self.port}/")
        self.start()

    def start(self):
        self.child = subprocess.Popen([*POSTGRES, "pgbouncer", "-q", f"{self.dir}/ini"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("pgbouncer does not start")

    def kill(self):
        self.child.kill()
        self.child.wait()

    def done(self):
        self.kill()
        subprocess.run(["rm", "-rf", self.dir], check=True)


class Round(faults.Round):
    codes = (0, 3, 4)   # what apply may end with

    def __init__(self):
        super().__init__(None, None, None, type(self).__name__.lower())
        self.last = None

    def apply(self, url, *args):
        return subprocess.Popen(["headgate", "apply", "--from-empty", "--format", "json", *args],
                                env=dict(os.environ, DATABASE_URL=url), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def prepare(self):
        work("perform pg_sleep(0.6);")

    def go(self):
        """Starts apply and what happens to it; returns the child."""
        raise NotImplementedError

    def mend(self):
        """What somebody does before anything works again."""

    def expected(self):
        """What else must be true of self.code and self.last; a sentence when it is not."""

    def run(self):
        config = pathlib.Path("headgate.yaml")
        config.write_text(CONFIG)
        faults.fresh()
        self.prepare()
        began = time.monotonic()
        try:
            self.child = self.go()
            out, err = self.child.communicate(timeout=DEADLINE)
        finally:
            self.mend()
            config.write_text(CONFIG)
        self.seconds = time.monotonic() - began
        self.code = self.child.returncode
        if self.code not in self.codes:
            return f"exit {self.code}: {err}\n{out[-2000:]}"
        events = [json.loads(line) for line in out.splitlines()]
        self.last = events[-1]
        self.times = [datetime.datetime.fromisoformat(event["at"][:-1]).timestamp() for event in events]
        work("null;")
        return self.truth(out, err) or self.words(err) or self.expected() or self.status() or self.converge()

    def words(self, err):
        """The last lines for people: where the database stands now."""
        if self.code != 4:
            return None
        detail = self.last["error"]["detail"] or ""
        if self.last["to"] is None:
            return None if "could not be read" in detail else f"does not say that it could not look: {err}"
        rows = ", ".join(self.last["to"]) or "no revision"
        return None if f"is now at {rows}" in detail else f"does not say where it stands: {err}"


class Disk(Round):
    def prepare(self):
        work("insert into filler select repeat(md5(g::text), 60) from generate_series(1, 7000) g;")
        FILL.unlink(missing_ok=True)
        free = os.statvfs(DISK)
        leave = random.choice((0, 1, 2, 4, 8, 16, 24, 40)) << 20
        size = free.f_bavail * free.f_frsize - leave
        with open(FILL, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 4096))

    def go(self):
        child = self.apply(URL)
        self.timer = later(2, 5, self.free)
        return child

    def free(self):
        FILL.unlink(missing_ok=True)
        SERVER.up()

    def mend(self):
        self.timer.join()

    def expected(self):
        self.hit = self.code != 0
        # Where the server still said why, it is passed on.
        text = json.dumps(self.last["error"])
        known = ("No space left", "could not", "connection", "closed", "terminat", "refused", "lock was lost")
        if self.hit and not any(word in text for word in known):
            return f"no word of the disk: {text}"
        if "HG617" not in json.dumps(self.last["findings"]) and self.code == 0:
            return "HG617 is missing on a disk this small"
        return None


class Timeout(Round):
    def prepare(self):
        self.length = random.uniform(0.05, 0.8)
        work(f"perform pg_sleep({self.length:.3f});")

    def go(self):
        pathlib.Path("headgate.yaml").write_text(CONFIG + "    statement_timeout: 400ms\n")
        return self.apply(URL)

    def expected(self):
        self.hit = True
        if (self.length > 0.5 and self.code != 4) or (self.length < 0.3 and self.code != 0):
            return f"exit {self.code} after {self.length:.2f} s"
        if self.code == 4 and "statement timeout" not in json.dumps(self.last["error"]):
            return f"no word of the time-out: {self.last['error']}"
        return None


class Stop(Round):
    codes = (0,)

    def go(self):
        child = self.apply(URL)
        later(0, 0, lambda: self.stop(child))
        return child

    def stop(self, child):
        victim = migrator(child, 0, 1.2)
        self.hit = victim is not None
        if victim:
            os.kill(victim, signal.SIGSTOP)
            time.sleep(random.uniform(0.1, 1.5))
            os.kill(victim, signal.SIGCONT)


class Stopped(Round):
    codes = (0, 4)

    def go(self):
        child = self.apply(URL, "--max-runtime", "2")
        later(0, 0, lambda: self.stop(child))
        return child

    def stop(self, child):
        victim = migrator(child, 0, 1)
        self.hit = victim is not None
        if victim:
            os.kill(victim, signal.SIGSTOP)

    def expected(self):
        if self.hit and self.code == 4 and "--max-runtime" not in self.last["error"]["message"]:
            return f"says {self.last['error']['message']}"
        if self.hit and self.seconds > 30:
            return f"--max-runtime 2 ended it after {self.seconds:.0f} s"
        return None


class Pooled(Round):
    def go(self):
        self.pooler = Pooler("session")
        pathlib.Path("headgate.yaml").write_text(CONFIG + "    pooler: session\n")
        child = self.apply(self.pooler.url)
        later(0.2, 1.4, self.cut)
        return child

    def cut(self):
        self.hit = self.child.poll() is None
        self.pooler.kill()
        time.sleep(0.5)
        self.pooler.start()

    def mend(self):
        time.sleep(1)
        self.pooler.done()


class Past(Round):
    codes = (0,)

    def go(self):
        self.pooler = Pooler("transaction")
        pathlib.Path("headgate.yaml").write_text(CONFIG + f'    direct_url: "{URL}"\n')
        child = self.apply(self.pooler.url)
        later(0.0, 1.0, self.cut)
        return child

    def cut(self):
        self.hit = self.child.poll() is None
        self.pooler.kill()

    def mend(self):
        self.pooler.done()


class Dns(Round):
    """In a mount namespace of its own, where /etc/hosts is a file of ours."""
    codes = (0, 3, 4)

    def go(self):
        self.dir = tempfile.mkdtemp(prefix="hgt-", dir="/tmp")
        self.hosts, resolver = pathlib.Path(self.dir, "hosts"), pathlib.Path(self.dir, "resolv.conf")
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.known()
        child = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && '
             "exec headgate apply --from-empty --format json", "sh", self.hosts, resolver],
            env=dict(os.environ, DATABASE_URL=URL.replace("@127.0.0.1:", "@db.headgate.test:")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        later(0.05, 1.2, self.gone)
        return child

    def known(self):
        self.hosts.write_text("127.0.0.1 localhost db.headgate.test\n")

    def gone(self):
        self.hit = self.child.poll() is None
        self.hosts.write_text("127.0.0.1 localhost\n")
        time.sleep(random.uniform(0.5, 3))
        self.known()

    def mend(self):
        time.sleep(0.1)
        subprocess.run(["rm", "-rf", self.dir], check=True)


class Clock(Round):
    """libfaketime: every process sees the jump a second after its start."""
    codes = (0,)

    def prepare(self):
        work(f"perform pg_sleep({random.uniform(1, 2):.3f});")

    def go(self):
        jump = random.choice(("+1d", "-1d", "+30s", "-30s"))
        self.hit = True
        return subprocess.Popen(
            ["headgate", "apply", "--from-empty", "--format", "json"], stdin=subprocess.DEVNULL,
            env=dict(os.environ, LD_PRELOAD=LIBFAKETIME, FAKETIME=jump, FAKETIME_START_AFTER_SECONDS="1",
                     FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def expected(self):
        if not 0 < self.last["seconds"] < self.seconds + 1:
            return f"took {self.last['seconds']} s of {self.seconds:.1f}"
        if max(self.times) - min(self.times) < 20:
            return f"no event saw the jump: {self.times}"
        return None


FAULTS = {"disk": Disk, "timeout": Timeout, "stop": Stop, "stopped": Stopped, "pooler": Pooled, "past": Past,
          "dns": Dns, "clock": Clock}
SERVER = Server()


def main():
    random.seed(int(sys.argv[2]))
    names = sys.argv[3:] or list(FAULTS)
    failed = 0
    for name in names:
        hits, codes, began = 0, [], time.monotonic()
        for number in range(int(sys.argv[1])):
            one = FAULTS[name]()
            wrong = one.run()
            hits += bool(one.hit)
            codes.append(one.code)
            if wrong:
                failed += 1
                print(f"{name}, round {number + 1}: {wrong}")
        counted = ", ".join(f"{codes.count(code)} ended with {code}" for code in sorted(set(codes)))
        print(f"{name}: {len(codes)} rounds, {hits} met it at work; {counted} "
              f"({time.monotonic() - began:.0f} s)", flush=True)
    sys.exit(1 if failed else 0)


main()
