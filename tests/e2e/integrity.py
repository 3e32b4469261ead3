"""The matrix of integrity: what was tampered with must be found by its rule, and what is innocent must
leave the gate open.

    integrity.py corruptions|innocent [NAME]...

Each case is a copy of one project and of one database, to which the real Alembic has applied the project
under headgate. Prints one line a case that failed, and a count; exit 1 when any did. HGT_PORT is the
server; another one is started where a case asks for it.
"""
import concurrent.futures
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

from integrity_files import FILES

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 3
PORT = os.environ["HGT_PORT"]
VERSIONS = "migrations/versions"

ENV_PY = '''
import os
from alembic import context
from sqlalchemy import create_engine, pool
engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
'''

CONFIG = '''version: 1
targets:
  here: { environment: [ process ] }
  prod: { protected: true, environment: [ process ]PIN }
'''


def run(*argv, cwd, env=None, check=True):
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{argv} exited with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def libpq(name, port=None):
    return f"postgresql://hgt:hgt-secret@127.0.0.1:{port or PORT}/{name}"


def admin(sql, port=None):
    with psycopg.connect(libpq("postgres", port), autocommit=True) as conn:
        conn.execute(sql)


class Case:
    """One copy of project and database, and what can be done to them."""

    def __init__(self, base, name, template, target):
        self.base, self.name, self.port, self.template = base, name, PORT, template
        self.target = target or ("prod" if template == "guarded" else "here")
        self.database = f"hgi_{os.getpid()}_{''.join(c if c.isalnum() else '_' for c in name)}"[:60].lower()
        self.dir = base.dir / "cases" / name.replace("/", "-")
        shutil.copytree(base.project, self.dir, symlinks=True)
        base.clone(template, self.database)
        self.rename_database = None
        self.at_the_end = contextlib.ExitStack()

    @property
    def env(self):
        return {**os.environ, "DATABASE_URL": f"postgresql+psycopg://hgt:hgt-secret@127.0.0.1:{self.port}/{self.database}"}

    def done(self):
        if self.port == PORT:
            admin(f"drop database if exists {self.database} with (force)")
        self.at_the_end.close()

    # ---- what a case does ----
    def sql(self, *statements):
        with psycopg.connect(libpq(self.database, self.port), autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement)

    def path(self, file):
        return self.dir / VERSIONS / file

    def edit(self, file, old, new, commit=True):
        text = self.path(file).read_text()
        assert old in text, f"{old!r} is not in {file}"
        self.path(file).write_text(text.replace(old, new, 1))
        self.commit(commit)

    def rewrite(self, file, change, commit=True):
        data = self.path(file).read_bytes()
        changed = change(data)
        assert changed != data, f"{file} was not changed"
        self.path(file).write_bytes(changed)
        self.commit(commit)

    def write(self, file, text, commit=True):
        self.path(file).write_text(text)
        self.commit(commit)

    def delete(self, *files, commit=True):
        for file in files:
            self.path(file).unlink()
        self.commit(commit)

    def commit(self, really=True):
        if really:
            self.git("add", "-A")
            self.git("commit", "-q", "--allow-empty", "-m", "change")

    def git(self, *argv):
        run("git", *argv, cwd=self.dir)

    def headgate(self, *argv):
        return run("headgate", *argv, cwd=self.dir, env=self.env)

    def alembic(self, *argv):
        run("alembic", *argv, cwd=self.dir, env=self.env)

    def configure(self, text):
        (self.dir / "headgate.yaml").write_text(text)
        self.commit()

    def elsewhere(self):
        """From here on the other server, with the same name and the same contents."""
        self.port = self.base.other()
        self.at_the_end.enter_context(self.base.busy)  # another case restarts it
        self.load(self.port)

    def load(self, other):
        admin(f"create database {self.database}", other)
        dump = run("pg_dump", libpq(self.database), cwd=self.dir)
        subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", libpq(self.database, other)], input=dump.stdout,
                       text=True, check=True, capture_output=True)

    def restart(self):
        """On the other server, with a run of its own."""
        self.port, data = self.base.other(), Path(self.base.other_dir, "data")
        admin(f"create database {self.database}", self.port)
        self.headgate("apply", "-t", "here", "--yes")
        owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        binary = os.readlink(f"/proc/{Path(data, 'postmaster.pid').read_text().split()[0]}/exe")
        with self.base.busy:
            run(*owner, str(Path(binary).with_name("pg_ctl")), "-D", str(data), "-l", str(data / "again.log"), "-w",
                "-m", "fast", "restart", cwd="/")

    def ask(self, program, args):
        verb = {"gate": ["headgate-gate"], "status": ["headgate-status"], "apply": ["headgate-apply", "--yes"]}[program]
        target = [] if "--offline" in args else ["-t", self.target]
        done = run(*verb, *target, "--format", "json", *args, cwd=self.dir, env=self.env, check=False)
        lines = done.stdout.strip().splitlines()
        text = lines[-1] if program == "apply" and lines else done.stdout
        try:
            document = json.loads(text)
        except ValueError:
            raise RuntimeError(f"{program} printed no document: {done.stdout}{done.stderr}")
        return done.returncode, document


class Base:
    """The project, the two databases that are copied, and the other server."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hgt-integrity-"))
        self.project = self.dir / "project"
        self.lock, self.busy, self.other_dir = threading.Lock(), threading.Lock(), None
        (self.project / VERSIONS).mkdir(parents=True)
        (self.project / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
        (self.project / "migrations/env.py").write_text(ENV_PY)
        (self.project / ".gitignore").write_text("__pycache__/\n.headgate/\n")
        (self.project / "headgate.yaml").write_text(CONFIG.replace("PIN", ""))
        for name, text in FILES.items():
            (self.project / VERSIONS / name).write_text(text)
        for argv in (["init", "-q", "-b", "main", "."], ["add", "-A"], ["commit", "-q", "-m", "The project"]):
            run("git", *argv, cwd=self.project)
        self.templates = {"usual": "here", "guarded": "prod"}
        for template, target in self.templates.items():
            self.make(template, target)

    def name(self, template):
        return f"hgi_{os.getpid()}_{template}"

    def make(self, template, target):
        admin(f"create database {self.name(template)}")
        env = {**os.environ, "DATABASE_URL": f"postgresql+psycopg://hgt:hgt-secret@127.0.0.1:{PORT}/{self.name(template)}"}
        run("headgate", "apply", "-t", target, "--yes", "c2", cwd=self.project, env=env)
        if template == "guarded":
            admin(f"create database {self.name('early')} template {self.name(template)}")
        run("headgate", "apply", "-t", target, "--yes", "c5", cwd=self.project, env=env)

    def clone(self, template, database):
        with self.lock:  # one at a time may copy a template
            admin(f"create database {database} template {self.name(template)}")

    def other(self):
        with self.lock:
            if not self.other_dir:
                self.other_dir = tempfile.mkdtemp(prefix="hgt-", dir="/tmp")
                run(str(ROOT / "tests/server"), "start", self.other_dir, cwd="/")
            return Path(self.other_dir, "port").read_text().strip()

    def done(self):
        if self.other_dir:
            run(str(ROOT / "tests/server"), "stop", self.other_dir, cwd="/")
        for template in [*self.templates, "early"]:
            admin(f"drop database if exists {self.name(template)} with (force)")
        shutil.rmtree(self.dir)


def judge(base, entry):
    name, do, want = entry["name"], entry["do"], entry
    case = None
    try:
        case = Case(base, name, entry.get("template", "usual"), entry.get("target"))
        do(case)
        code, document = case.ask(want.get("program", "gate"), want.get("args", []))
        found = {(f["rule"], f["severity"]) for f in document["findings"] if not f["waived"]}
        shown = ", ".join(sorted(f"{r} {s}" for r, s in found)) or "nothing"
        if code != want["exit"]:
            return f"{name}: exit {code}, expected {want['exit']}; found {shown} {document.get('error') or ''}"
        for rule, severity in want["find"]:
            if (rule, severity) not in found:
                return f"{name}: expected {rule} {severity}; found {shown}"
        extra = {r for r, s in found if s == "error"} - {r for r, s in want["find"]} - set(want.get("also", []))
        if extra:
            return f"{name}: also found {', '.join(sorted(extra))}"
        if "silent" in want:
            # Every case's database is a copy, which is said.
            loud = {r for r, s in found} - {"HG503", "HG509"}
            if loud:
                return f"{name}: not silent: {shown}"
        for check in want.get("says", []):
            if check not in json.dumps(document, ensure_ascii=False):
                return f"{name}: nothing says {check!r}: {[f['message'] + str(f['location']) for f in document['findings']]}"
        return None
    except Exception as error:  # the line names the case; the rest of the table goes on
        return f"{name}: {type(error).__name__}: {str(error).strip().splitlines()[-1]}"
    finally:
        if case:
            case.done()


def table(kind):
    sys.path.insert(0, str(Path(__file__).parent))
    import integrity_cases
    return {"corruptions": integrity_cases.corruptions, "innocent": integrity_cases.innocent}[kind]()


def main():
    kind, names = sys.argv[1], sys.argv[2:]
    entries = [e for e in table(kind) if not names or e["name"] in names]
    began = time.monotonic()
    base = Base()
    try:
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            failed = [line for line in pool.map(lambda e: judge(base, e), entries) if line]
    finally:
        base.done()
    for line in failed:
        print(line)
    print(f"{len(entries) - len(failed)} of {len(entries)} {kind} as expected, {time.monotonic() - began:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
