#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""matrix.py ROUNDS SEED [FAULT…]: faults around `headgate apply` that no proxy at a random statement makes
(faults.py has those).

Started in a project (revisions r1 to r3, each of which also writes a line into the table `seen`, calls work(its
name) and reads load(its name)) with DATABASE_URL of a server whose folder is HGT_CLUSTER_DIR, a small disk. Each
round does one bad thing at a random moment, to a migration in one transaction or in three, and then asks what
faults.py asks: is the last line true, the next status too, and does the next apply go through, with every
revision run once, the same database after it as after an undisturbed run, and nothing left behind?

FAULT is one of these; with `bundle-` before it, the migration is run from a bundle (where that has the fault).

  restart    the database is restarted, or crashes and comes back
  commit     the network is cut just before or after a COMMIT, by a reset or by silence
  disk       the server's disk is full, or nearly so
  timeout    a statement meets statement_timeout
  deadlock   an application locks the same rows the other way round
  oom        the kernel kills the migrator for want of memory (a memory cgroup)
  stop       the migrator is stopped for a while (SIGSTOP), and goes on
  stopped    … and never goes on: --max-runtime ends it
  pooler     pgbouncer, declared to keep sessions, is killed
  past       pgbouncer that keeps none is gone, but there is a direct_url
  between    pgbouncer that keeps none is all there is, whatever is declared of it
  dns        the server's name is unknown for a while after the start
  clock      the wall clock jumps by a day, either way"""
import datetime
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import faults
from faults import DEADLINE, DIRECT, URL, ask, child_of

DISK = pathlib.Path(os.environ["HGT_CLUSTER_DIR"])
FILL = DISK / "fill"
MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
CLOCK_JUMP = pathlib.Path(os.environ["HGT_BUILD"], "helpers/clock_jump.so")
ROOT = os.geteuid() == 0
POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if ROOT else []
CONFIG = "version: 1\ntargets:\n  local:\n    environment: [ process ]\n"


def work(body, of="", load=0):
    """What each revision does on the way (or only `of`), and how many MB it gets as the answer to a question."""
    where = f"if who = '{of}' then {body} end if;" if of else body
    with faults.psycopg.connect(DIRECT, autocommit=True) as connection:
        connection.execute("create table if not exists filler (x text)")
        connection.execute("truncate filler")
        connection.execute("create or replace function work(who text) returns void language plpgsql as $$ "
                           f"begin {where} end $$")
        connection.execute("create or replace function load(who text) returns setof text language sql stable as $$ "
                           f"select repeat('x', 1000000) from generate_series(1, case who when '{of}' then {load} else 0 "
                           "end) $$")


def content():
    """Everything that the migrations made, as one text: definitions, validity and rows."""
    return ask("""select string_agg(line, e'\\n' order by line) from (
        select format('%s %s %s %s %s', c.relname, c.relkind, a.attname, a.atttypid::regtype, a.attnotnull) as line
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = 'public'::regnamespace and c.relname <> 'filler'
        union all select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
         where connamespace = 'public'::regnamespace
        union all select format('%s %s', indexrelid::regclass, indisvalid) from pg_index
         where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
        union all select format('%s: %s', relname, query_to_xml(format('select * from %I order by 1', relname),
         true, false, '')) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         and relname not in ('filler', 'deck')) as lines""")[0][0]


def tell(sql):
    with faults.psycopg.connect(DIRECT, autocommit=True) as connection:
        connection.execute(sql)


def later(least, most, action):
    timer = threading.Timer(random.uniform(least, most), action)
    timer.start()
    return timer


def migrator(child, least, most, python=True):
    """The pid of apply's Python a random time after it began; None when apply had no need of it any more. Without
    Python it is apply itself."""
    if not python:
        time.sleep(random.uniform(0, most))
        return child.pid if child.poll() is None else None
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
                faults.rows()
                return
            except faults.psycopg.OperationalError:
                subprocess.run([*POSTGRES, self.pg_ctl, "-D", DISK / "data", "-l", DISK / "data/server.log", "-w",
                                "-t", "10", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False)
                time.sleep(0.2)
        sys.exit("the server does not come back")

    def again(self, how, pause):
        """Down by a request, at once, or by a kill; up after a pause."""
        if how == "crash":
            os.kill(int((DISK / "data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        else:
            subprocess.run([*POSTGRES, self.pg_ctl, "-D", DISK / "data", "-m", how, "-w", "stop"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        time.sleep(pause)
        self.up()


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
    python = True       # is the migrator a process beside headgate?
    each = False        # a transaction for each revision
    text = False        # the answer is read as people do
    content = None      # of an undisturbed run

    def __init__(self):
        super().__init__(None, None, None, type(self).__name__.lower())
        self.code = None
        self.last, self.pick = None, random.choice(faults.DONE)
        self.each, self.text = random.random() < 0.5, random.random() < 0.25
        self.settings = ""

    def command(self, *args):
        words = ["headgate", "apply", "--from-empty", *args]
        return words if self.python else [*words, "--bundle", f"bundle-{'each' if self.each else 'one'}"]

    def environment(self, **more):
        return dict(os.environ, **({"HGT_EACH": "1"} if self.each else {}), **more)

    def apply(self, url, *args, prefix=(), **more):
        style = [] if self.text else ["--format", "json"]
        return subprocess.Popen([*prefix, *self.command(*style, *args)], env=self.environment(DATABASE_URL=url, **more),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def configure(self):
        pathlib.Path("headgate.yaml").write_text(CONFIG + self.settings)

    def prepare(self):
        work("perform pg_sleep(0.25);")

    def go(self):
        """Starts apply and what happens to it; returns the child."""
        raise NotImplementedError

    def mend(self):
        """What somebody does before anything works again."""

    def expected(self):
        """What else must be true of self.code and self.last; a sentence when it is not."""

    def run(self):
        faults.fresh()
        self.prepare()
        began = time.monotonic()
        self.child = None
        try:
            self.child = self.go()
            out, err = self.child.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            out, err = self.child.communicate()
            return f"still at work after {DEADLINE} s: {err}\n{out[-2000:]}"
        finally:
            self.mend()
            self.settings = ""
            self.configure()
        self.seconds = time.monotonic() - began
        self.code, style = self.child.returncode, self.text
        if self.code not in self.codes:
            return f"exit {self.code}: {err}\n{out[-2000:]}"
        work("null;")
        wrong = self.said(out, err) if style else self.events(out, err)
        self.text = False
        return wrong or self.status() or self.converge() or self.same()

    def events(self, out, err):
        events = [json.loads(line) for line in out.splitlines()]
        self.last = events[-1]
        self.times = [datetime.datetime.fromisoformat(event["at"][:-1]).timestamp() for event in events]
        return self.truth(out, err) or self.words(err) or self.expected()

    def words(self, err):
        """The last lines for people: where the database stands now."""
        if self.code != 4:
            return None
        detail = self.last["error"]["detail"] or ""
        if self.last["to"] is None:
            return None if "could not be read" in detail else f"does not say that it could not look: {err}"
        rows = ", ".join(self.last["to"]) or "no revision"
        return None if f"is now at {rows}" in detail else f"does not say where it stands: {err}"

    def next(self):
        """The command that a person is told after a success, from a bundle with that."""
        return " ".join(["next: headgate status -t local", *([] if self.python else self.command()[-2:])])

    def said(self, out, err):
        """Without --format json: the lines on stdout, word for word, and the error after them."""
        at = ", ".join(faults.rows()) or "no revision"
        state = {"no revision": "empty", "r3": "up-to-date"}.get(at, "behind")
        if self.code == 1:
            return None if out == "local: refused; postgres is at no revision (empty)\n" else f"says {out}"
        stands = {f"; postgres is at {at} ({state})"}
        if self.code:
            stands.add("; where the database stands could not be read")
        how = r"3 revisions applied in \d+\.\d s" if self.code == 0 else "failed"
        lines = out.splitlines()
        found = re.fullmatch(f"local: {how}(; .*)", lines[0]) if lines else None
        if self.code == 3 and (not out or "failed; " in out):
            found = None
        elif not found or found.group(1) not in stands or lines[1:] != ([] if self.code else [self.next()]):
            return f"exit {self.code} at {at} says: {out}\n{err}"
        if self.code and ("headgate: " not in err or "\n  hint: " not in err): # which says what is next
            return f"exit {self.code} without an error: {err}"
        if self.code == 4 and found and "could not be read" not in found.group(1) and f"is now at {at}" not in err:
            return f"does not say where it stands: {err}"
        return None

    def same(self):
        """As an undisturbed run leaves it."""
        now = content()
        if Round.content is None:
            Round.content = now
        return None if now == Round.content else f"the database differs from an undisturbed one:\n{now}"


class Quiet(Round):
    codes = (0,)

    def go(self):
        self.hit = True
        return self.apply(URL)


class Restart(Round):
    def go(self):
        child = self.apply(URL)
        self.timer = later(*((0.2, 2.2) if self.python else (0.05, 1)), self.again)
        return child

    def again(self):
        self.hit = self.child.poll() is None
        SERVER.again(random.choice(("fast", "immediate", "crash")), random.uniform(0, 1.5))

    def mend(self):
        self.timer.join()
        SERVER.up()


class Commit(Round):
    """One of the COMMITs, whoever says it: the migrator, or headgate about its records."""

    def prepare(self):
        work("null;")

    def count(self, connection, text):
        """In the place of the proxy's own, which counts all statements."""
        with PROXY.lock:
            PROXY.count += text.strip().rstrip(";").upper() == "COMMIT"
            return PROXY.count == self.at and text.strip().rstrip(";").upper() == "COMMIT"

    def go(self):
        self.at, self.when = random.randint(1, 6 if self.each else 3), random.choice(("before", "after"))
        self.how = random.choice(("connection", "network", "silence"))
        PROXY.arm(None, self.cut)
        PROXY.statement = self.count
        return self.apply(URL.replace(f":{faults.SERVER}/", f":{PROXY.port}/"))

    def cut(self, connection, when):
        if when != self.when:
            return
        self.hit = True
        if self.how == "silence":
            PROXY.mute = True
        elif self.how == "network":
            PROXY.cut_all()
        else:
            connection.cut()

    def mend(self):
        PROXY.unmute()
        PROXY.cut_all()


class Deadlock(Round):
    """The application takes row 2, then 1; the migration 1, then 2. Whom the server ends is a matter of who
    waited for a second first: both happen."""

    def prepare(self):
        work("perform 1 from deck where id = 1 for update; perform pg_sleep(0.5);"
             "perform 1 from deck where id = 2 for update;", self.pick)
        tell("drop table if exists deck")
        tell("create table deck as select id, 0 as n from generate_series(1, 2) id")

    def go(self):
        self.budget, self.wins = random.choice((True, False)), random.choice((True, False))
        self.settings = "" if self.budget else "    lock_budget: 0\n"
        self.configure()
        self.over, self.done = False, 0
        self.application = threading.Thread(target=self.work_too)
        self.application.start()
        return self.apply(URL)

    def work_too(self):
        """Once against the migration; its own work is done in the end, whoever was the victim."""
        with faults.psycopg.connect(DIRECT) as connection:
            connection.execute("set deadlock_timeout = %s" % ("'10s'" if self.wins else "'100ms'"))
            while not self.over:
                connection.commit()
                held = connection.execute("select count(*) from pg_locks where relation = 'deck'::regclass and granted"
                                          " and mode = 'RowShareLock'").fetchone()[0]
                connection.commit()
                if held:
                    break
                time.sleep(0.02)
            for _ in range(50):
                try:
                    connection.execute("update deck set n = n + 1 where id = 2")
                    self.hit = not self.over
                    connection.execute("update deck set n = n + 1 where id = 1")
                    connection.commit()
                    self.done += 1
                    return
                except faults.psycopg.errors.DeadlockDetected:
                    connection.rollback()

    def mend(self):
        self.over = True
        self.application.join()
        self.lost = ask("select min(n), max(n) from deck")[0] != (self.done, self.done)
        tell("drop table deck")

    def expected(self):
        if self.lost or self.done != 1:
            return f"the application did its work {self.done} times, and lost some: {self.lost}"
        if self.code == 3 or (self.code == 4 and self.budget):
            return f"exit {self.code} in spite of a budget: {self.last['error']}"
        if self.code == 4 and "deadlock detected" not in self.last["error"]["message"]:
            return f"no word of the deadlock: {self.last['error']}"
        return None


class Oom(Round):
    """Everything of apply is in a group of 150 MB; the answer to the migration's question has 400. A migration
    from a bundle throws answers away as they come, and has 12 MB."""

    def prepare(self):
        work(f"perform pg_sleep({random.uniform(0, 0.3):.3f});", self.pick, 400)

    def go(self):
        self.codes = (4,) if self.python else (0,)
        first = MEMORY.is_dir()  # version 1 of cgroups has a folder for each kind
        self.group = (MEMORY if first else MEMORY.parent) / f"hgt-{os.getpid()}-{random.randrange(1 << 30)}"
        self.group.mkdir()
        limit = "memory.limit_in_bytes" if first else "memory.max"
        (self.group / limit).write_text(f"{150 if self.python else 12}M")
        self.told = self.group / ("memory.oom_control" if first else "memory.events")
        return self.apply(URL, prefix=["sh", "-c", 'echo $$ > "$0" && exec "$@"', self.group / "cgroup.procs"])

    def mend(self):
        self.killed = "oom_kill 0" not in self.told.read_text()
        self.hit = self.killed or not self.python
        for _ in range(100):
            try:
                self.group.rmdir()
                return
            except OSError:
                time.sleep(0.05)

    def expected(self):
        if self.python != self.killed:
            return f"killed for want of memory: {self.killed}"
        if self.python and "want of memory" not in self.last["error"]["message"]:
            return f"no word of the kill: {self.last['error']}"
        if self.python and self.last["to"] != (faults.DONE[:int(self.pick[1]) - 1][-1:] if self.each else []):
            return f"killed in {self.pick}, it says {self.last['to']}"
        return None


class Disk(Round):
    def prepare(self):
        work("insert into filler select repeat(md5(g::text), 60) from generate_series(1, 7000) g;", "r2")
        FILL.unlink(missing_ok=True)
        free = os.statvfs(DISK)
        leave = random.choice((0, 1, 2, 4, 8, 16, 24, 40)) << 20
        size = free.f_bavail * free.f_frsize - leave
        with open(FILL, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 4096))

    def go(self):
        child = self.apply(URL)
        self.timer = later(*((2, 5) if self.python else (1, 4)), self.free)
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
        work(f"perform pg_sleep({self.length:.3f});", self.pick)

    def go(self):
        self.settings = "    statement_timeout: 400ms\n"
        self.configure()
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
        victim = migrator(child, 0, 1.2, self.python)
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
        self.settings = "    pooler: session\n"
        self.configure()
        child = self.apply(self.pooler.url)
        later(*((0.2, 1.4) if self.python else (0.05, 0.9)), self.cut)
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
        self.settings = f'    direct_url: "{URL}"\n'
        self.configure()
        child = self.apply(self.pooler.url)
        later(0.0, 1.0, self.cut)
        return child

    def cut(self):
        self.hit = self.child.poll() is None
        self.pooler.kill()

    def mend(self):
        self.pooler.done()


class Between(Round):
    codes = (1, 3)

    def go(self):
        self.pooler = Pooler("transaction")
        self.settings = random.choice(("", "    pooler: session\n"))
        self.configure()
        self.killed, self.hit = random.random() < 0.3, True
        child = self.apply(self.pooler.url)
        if self.killed:
            later(0.0, 0.2, self.pooler.kill)
        return child

    def mend(self):
        time.sleep(0.2)
        self.pooler.done()

    def events(self, out, err):
        last = json.loads(out.splitlines()[-1])
        if (self.code == 1) != (last["outcome"] == "refused"):
            return f"exit {self.code} with {last['outcome']}"
        if self.code == 1 and "HG603" not in out + err and "pooler" not in err:
            return f"no word of the pooler: {err}"
        if self.code == 3 and not self.killed:
            return f"exit 3: {err}"
        return None if not faults.rows() and not ask("select 1 from pg_namespace where nspname = 'headgate'") \
            else "something was written"


class Dns(Round):
    """In a mount namespace of its own, where /etc/hosts is a file of ours."""
    codes = (0, 3, 4)

    def go(self):
        self.dir = tempfile.mkdtemp(prefix="hgt-", dir="/tmp")
        self.hosts, resolver = pathlib.Path(self.dir, "hosts"), pathlib.Path(self.dir, "resolv.conf")
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.known()
        child = self.apply(URL.replace("@127.0.0.1:", "@db.headgate.test:"), prefix=[
            "unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && '
            'shift && exec "$@"', self.hosts, resolver])
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
    """Every process sees the jump a second after its start (tests/preload/clock_jump.c)."""
    codes = (0,)

    def prepare(self):
        work(f"perform pg_sleep({random.uniform(1, 2):.3f});", self.pick)

    def go(self):
        self.hit = True
        return self.apply(URL, LD_PRELOAD=str(CLOCK_JUMP), HGT_CLOCK_JUMP=random.choice(("86400", "-86400", "30", "-30")))

    def expected(self):
        if not 0 < self.last["seconds"] < self.seconds + 1:
            return f"took {self.last['seconds']} s of {self.seconds:.1f}"
        if max(self.times) - min(self.times) < 20:
            return f"no event saw the jump: {self.times}"
        return None


FAULTS = {one.__name__.lower(): one for one in (Quiet, Restart, Commit, Disk, Timeout, Deadlock, Oom, Stop, Stopped,
                                                Past, Between, Dns, Clock)} | {"pooler": Pooled}
SERVER, PROXY = Server(), faults.Proxy()


def round_of(name):
    one = FAULTS[name.removeprefix("bundle-")]()
    one.python = not name.startswith("bundle-")
    return one


def main():
    names = sys.argv[3:] or [name for name in FAULTS if name != "quiet"]
    failed = 0
    for name in ["quiet", "bundle-quiet", *names]:
        hits, codes, began = 0, [], time.monotonic()
        random.seed(f"{sys.argv[2]} {name}")  # so that one fault can be repeated alone
        for number in range(1 if "quiet" in name else int(sys.argv[1])):
            one = round_of(name)
            try:
                wrong = one.run()
            except Exception:  # one round must not end a campaign
                wrong = traceback.format_exc()
            hits += bool(one.hit)
            codes.append(one.code)
            if wrong:
                failed += 1
                how = ("each" if one.each else "one") + (", text" if one.text else "")
                print(f"{name}, round {number + 1} ({how}): {wrong}", flush=True)
        counted = ", ".join(f"{codes.count(code)} ended with {code}" for code in sorted(set(codes), key=str))
        print(f"{name}: {len(codes)} rounds, {hits} met it at work; {counted} "
              f"({time.monotonic() - began:.0f} s)", flush=True)
    sys.exit(1 if failed else 0)


main()
