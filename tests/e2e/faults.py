#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""faults.py ROUNDS SEED: faults between any two statements of `headgate apply`.

Started in a project (tests/lib/apply.bash: revisions r1 to r3, each of which also writes a line into
the table `seen`) with DATABASE_URL. Every connection goes through a proxy that knows where a
statement ends in the protocol. A round counts statements up to a random one, does something bad just
before the server gets it or just after the server answered it, and then asks:

- does apply's own last line tell the truth, where it still could say one?
- does the next status name exactly the rows that are there, and the run that has no end?
- does the next apply go through, with every revision run once and nothing left behind?

ROUNDS `all` does every statement in every way (HGT_FROM=N leaves out the first N rounds). With HGT_BUNDLE the
same is done by `apply --bundle`, which has no migrator beside it."""
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import psycopg

URL = os.environ["DATABASE_URL"]
DIRECT = URL.replace("+psycopg", "")
SERVER = int(re.search(r":(\d+)/", URL).group(1))
BUNDLE = os.environ.get("HGT_BUNDLE")
CODE = ["--bundle", BUNDLE] if BUNDLE else []
WAYS = [(when, what) for what in ("headgate", "migrator", "connection", "network", "backend")
        for when in ("before", "after") if not (BUNDLE and what == "migrator")]
DEADLINE = 180  # a machine may be loaded; what hangs does so for ever
UNTYPED = {80877103, 80877104}  # SSLRequest, GSSENCRequest: one byte answers them
DONE = ["r1", "r2", "r3"]
LAST = DONE[-1:]


class Proxy:
    """Counts statements: simple queries, and what a Sync ends."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.mute, self.unanswered = False, []
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.arm(None, None)
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, at, fault):
        """fault(connection, when) is called at statement number `at`."""
        with self.lock:
            self.count, self.at, self.fault, self.refuse = 0, at, fault, False
            self.open, self.what = [], None

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.refuse:
                client.close()
                continue
            if self.mute:
                self.unanswered.append(client)
                continue
            Connection(self, client)

    def unmute(self):
        """After a silence nothing that was open goes on."""
        self.mute = False
        for client in self.unanswered:
            client.close()
        self.unanswered = []

    def statement(self, connection, text):
        """The number of this statement is the one: (True) once."""
        with self.lock:
            self.count += 1
            hit = self.count == self.at
            if hit:
                self.what = f"{connection.name}: {text}"
            return hit

    def cut_all(self):
        self.refuse = True
        for connection in list(self.open):
            connection.cut()


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.client, self.name = proxy, client, "?"
        self.server = socket.create_connection(("127.0.0.1", SERVER))
        for end in (client, self.server):  # message by message: none waits for the last one's ACK
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answered = threading.Event()
        self.waiting = self.dead = False
        self.pid, self.text = None, ""
        self.bare_bytes = 0
        proxy.open.append(self)
        for work in (self.upstream, self.downstream):
            threading.Thread(target=self.guard, args=(work,), daemon=True).start()

    def guard(self, work):
        try:
            work()
        except OSError:
            pass
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.answered.set()

    def cut(self):
        """A reset, as when a cable is pulled and the peer's host says so."""
        self.dead = True
        for end in (self.client, self.server):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pass_on(self, end, data):
        """While the network is mute nothing comes through, and nothing says so."""
        muted = self.proxy.mute
        while self.proxy.mute:
            time.sleep(0.05)
        if muted:
            raise OSError("gone for good")
        end.sendall(data)

    def read(self, end, size):
        data = b""
        while len(data) < size:
            more = end.recv(size - len(data))
            if not more:
                raise OSError("end")
            data += more
        return data

    def upstream(self):
        while True:  # up to the start message
            head = self.read(self.client, 8)
            length, code = struct.unpack("!II", head)
            body = self.read(self.client, length - 8)
            if code in UNTYPED:
                self.bare_bytes += 1
            self.server.sendall(head + body)
            if code not in UNTYPED:
                break
        found = re.search(rb"application_name\0([^\0]*)", body)
        self.name = found.group(1).decode() if found else "?"
        while True:
            head = self.read(self.client, 5)
            body = self.read(self.client, struct.unpack("!I", head[1:])[0] - 4)
            kind = head[:1]
            if kind == b"P":
                self.text = body.split(b"\0")[1].decode(errors="replace")
            elif kind == b"Q":
                self.text = body[:-1].decode(errors="replace")
            if kind in (b"Q", b"S") and self.proxy.statement(self, self.text):
                self.proxy.fault(self, "before")
                if self.dead:
                    return
                self.waiting = True
                self.pass_on(self.server, head + body)
                self.answered.wait(DEADLINE)
                continue
            self.pass_on(self.server, head + body)

    def downstream(self):
        while True:
            if self.bare_bytes:
                self.client.sendall(self.read(self.server, 1))
                self.bare_bytes -= 1
                continue
            head = self.read(self.server, 1)
            if self.bare_bytes:  # asked for while this waited
                self.client.sendall(head)
                self.bare_bytes -= 1
                continue
            head += self.read(self.server, 4)
            body = self.read(self.server, struct.unpack("!I", head[1:])[0] - 4)
            if head[:1] == b"K":
                self.pid = struct.unpack("!I", body[:4])[0]
            if head[:1] == b"Z" and self.waiting:
                self.waiting = False
                self.proxy.fault(self, "after")
                self.answered.set()
                if self.dead:
                    return
            self.pass_on(self.client, head + body)


def ask(sql, *args):
    with psycopg.connect(DIRECT, autocommit=True) as connection:
        return connection.execute(sql, args or None).fetchall()


def rows():
    if not ask("select to_regclass('alembic_version') is not null")[0][0]:
        return []
    return [row[0] for row in ask("select version_num from alembic_version order by 1")]


def open_runs():
    if not ask("select to_regclass('headgate.run') is not null")[0][0]:
        return []
    return [row[0] for row in ask("select id from headgate.run where finished_at is null")]


def fresh():
    with psycopg.connect(DIRECT, autocommit=True) as connection:
        connection.execute("drop schema if exists headgate cascade")
        connection.execute("drop table if exists alembic_version, t1, t2, t3, seen")
        connection.execute("create table seen (revision text)")


def child_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True, check=False)
    return int(out.stdout.split()[0]) if out.stdout.split() else None


class Round:
    def __init__(self, proxy, at, when, what):
        self.proxy, self.at, self.when, self.what = proxy, at, when, what
        self.child, self.hit = None, False

    def fault(self, connection, when):
        if when != self.when:
            return
        self.hit = True
        if self.what == "connection":
            connection.cut()
        elif self.what == "network":
            self.proxy.cut_all()
        elif self.what == "backend":
            ask("select pg_terminate_backend(%s)", connection.pid)
        elif self.what == "headgate":
            self.child.kill()
            self.child.wait()
        else:
            victim = child_of(self.child.pid)
            self.hit = victim is not None
            if victim:
                os.kill(victim, signal.SIGKILL)

    def apply(self, url, *args):
        return subprocess.Popen(["headgate", "apply", *CODE, "--from-empty", "--format", "json", *args],
                                env=dict(os.environ, DATABASE_URL=url), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self):
        """None, or what went wrong."""
        try:
            return self.play()
        except subprocess.TimeoutExpired as error:
            self.child.kill()
            out, err = self.child.communicate()
            return f"{error}: {err}\n{out}"

    def play(self):
        fresh()
        self.proxy.arm(self.at, self.fault)
        self.child = self.apply(URL.replace(f":{SERVER}/", f":{self.proxy.port}/"))
        out, err = self.child.communicate(timeout=DEADLINE)
        self.code = self.child.returncode
        return self.truth(out, err) or self.status() or self.converge()

    def truth(self, out, err):
        killed = self.hit and self.what == "headgate"
        if killed and self.code == -signal.SIGKILL:
            return None
        if self.code not in (0, 3, 4):
            return f"exit {self.code}: {err}"
        last = json.loads(out.splitlines()[-1])
        now = rows()
        if last["to"] is not None and last["to"] != now:
            return f"its result says {last['to']}, the rows are {now}: {err}"
        if (last["outcome"] == "applied") != (self.code == 0):
            return f"exit {self.code} with outcome {last['outcome']}"
        if self.code == 0 and now != LAST:
            return f"exit 0, but the rows are {now}"
        # The lock is held until apply is sure that nothing of it works any more, or says where it could not.
        if self.code == 3 and now:
            return f"exit 3 (could not tell), but the migration had started: {now}"
        return None

    def status(self):
        """What it says must be what was there before or after it looked: a migrator that outlived its
        headgate may still be at work."""
        before, opened = rows(), open_runs()
        child = subprocess.run(["headgate", "status", *CODE, "--format", "json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, check=False)
        after = rows()
        if child.returncode != 0:
            return f"status: exit {child.returncode}: {child.stderr}"
        status = json.loads(child.stdout)
        if status["rows"] not in (before, after):
            return f"status says {status['rows']}, there was {before}, then {after}"
        wanted = {(): "empty", tuple(LAST): "up-to-date"}.get(tuple(status["rows"]), "behind")
        if status["state"] != wanted:
            return f"status says {status['state']} with rows {status['rows']}"
        return self.open_run(status, opened)

    def open_run(self, status, opened):
        """A statement that its headgate did not outlive may be at work too: what was there before or after."""
        left = open_runs()
        shown = (status["ledger"].get("open") or {}).get("run")
        if shown is not None and shown not in opened + left:
            return f"status shows run {shown} as open; open are {left}"
        if set(opened) & set(left) and shown is None and not status["running"]:
            return f"run {left} has no end, and status does not say so"
        return None

    def converge(self):
        end = time.monotonic() + DEADLINE
        while ask("select count(*) from pg_stat_activity where application_name like 'headgate%%' and"
                  " datname = current_database()")[0][0]:
            if time.monotonic() > end:
                return "sessions stay behind"
            time.sleep(0.05)
        self.child = child = self.apply(URL)
        out, err = child.communicate(timeout=DEADLINE)
        if child.returncode != 0:
            return f"the next apply: exit {child.returncode}: {err}\n{out}"
        if rows() != LAST:
            return f"after the next apply the rows are {rows()}"
        seen = [row[0] for row in ask("select revision from seen order by 1")]
        if seen != DONE:
            return f"revisions ran: {seen}"
        if ask("select count(*) from headgate.run where finished_at is null")[0][0]:
            return "a run stays open"
        done = ask("select count(distinct revision) from headgate.step where outcome = 'done'")[0][0]
        if done != 3:
            return f"the ledger knows {done} revisions"
        if ask("select count(*) from pg_locks where locktype = 'advisory'")[0][0]:
            return "a lock stays"
        return None


def main():
    random.seed(int(sys.argv[2]))
    proxy = Proxy()
    quiet = Round(proxy, None, None, None)
    wrong = quiet.run()
    if wrong or quiet.code != 0:
        sys.exit(f"without any fault: {wrong or quiet.code}")
    count = proxy.count
    every = [(at, *way) for at in range(1, count + 1) for way in WAYS]
    if sys.argv[1] == "all":
        # By chance, so that a run that is ended early has seen something of all.
        first, _, end = os.environ.get("HGT_PART", "0:").partition(":")
        rounds = random.sample(every, len(every))[int(first):int(end) if end else None]
    else:
        rounds = [(random.randint(1, count), *WAYS[i % len(WAYS)]) for i in range(int(sys.argv[1]))]
    hits, failed = 0, 0
    print(f"{len(rounds)} rounds over {count} statements", flush=True)
    for number, (at, when, what) in enumerate(rounds, 1):
        one = Round(proxy, at, when, what)
        wrong = one.run()
        hits += one.hit
        if wrong:
            failed += 1
            print(f"round {number}, statement {at} of {count}, {what} gone {when} it "
                  f"({' '.join(str(proxy.what).split())[:120]}): {wrong}", flush=True)
        elif number % 50 == 0:
            print(f"round {number}: {failed} failed so far", flush=True)
    print(f"{len(rounds)} rounds over {count} statements, {hits} faults struck, {failed} failed")
    sys.exit(1 if failed or hits < len(rounds) * 2 // 3 else 0)


if __name__ == "__main__":
    main()
