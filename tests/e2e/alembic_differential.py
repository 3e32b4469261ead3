# SPDX-License-Identifier: Apache-2.0
"""Random histories, read by headgate and by the real Alembic; prints the first differences.

    python alembic_differential.py GRAPH_DUMP [SEED [CASES]]
    python alembic_differential.py GRAPH_DUMP --folders DIR...

With folders (each with an alembic.ini and m/versions) it compares those histories instead of random
ones. Modules that their files import and that are not installed are replaced by stand-ins, for both;
where the files' code does not get along with those, Alembic reads what Python's ast sees in them.

Order is compared wherever Alembic itself has one: two dependencies in one file stand in a Python
set there, so such histories are compared as sets.
"""
import ast
import importlib.abc
import importlib.util
import inspect
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest.mock
import warnings

import alembic
from alembic.config import Config
from alembic.runtime.migration import HeadMaintainer
from alembic.script import ScriptDirectory

warnings.simplefilter("ignore")
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)

# Before 1.17 heads, bases and the order of steps come out of Python sets, and a set is no list of
# parents.
OLD = tuple(map(int, alembic.__version__.split(".")[:2])) < (1, 17)

# Faults that headgate reports and Alembic may overlook (docs/differences.md).
STRICTER = {"HG103", "HG104"} | ({"HG107"} if OLD else set())


class Rows(HeadMaintainer):
    """Alembic's bookkeeping of alembic_version without a database."""

    def __init__(self, rows):
        super().__init__(None, rows)
        self.gone, self.new = [], []

    def _insert_version(self, version):
        assert version not in self.heads
        self.heads.add(version)
        self.new.append(version)

    def _delete_version(self, version):
        self.heads.remove(version)
        self.gone.append(version)

    def _update_version(self, from_, to_):
        assert to_ not in self.heads
        self.heads.remove(from_)
        self.heads.add(to_)
        self.gone.append(from_)
        self.new.append(to_)

    def change(self, step):
        """What one step does to the table: the ids that go and those that come."""
        self.gone, self.new = [], []
        self.update_to_step(step)
        return [sorted(self.gone), sorted(self.new)]


# ---- random histories ---------------------------------------------------------------------------


def spell_string(rnd, text):
    forms = [
        lambda: repr(text),
        lambda: '"%s"' % text,
        lambda: '"""%s"""' % text,
        lambda: "r'%s'" % text,
        lambda: "u'%s'" % text,
        lambda: "('%s')" % text,
        lambda: "'%s' '%s'" % (text[:1], text[1:]),
        lambda: "(\n    '%s'\n    \"%s\"  # note\n)" % (text[:2], text[2:]),
        lambda: "'\\x%02x%s'" % (ord(text[0]), text[1:]),
        lambda: "'\\%03o%s'" % (ord(text[0]), text[1:]),
        lambda: "\\\n    '%s'" % text,
    ]
    plain = rnd.random() < 0.6
    return forms[rnd.randrange(2) if plain else rnd.randrange(len(forms))]()


def spell_list(rnd, items, label=False):
    if not items:
        # (None,) as labels would be one label that is None.
        return rnd.choice(["None", "None", "()", "[]", "(None)"] + ([] if label else ["(None,)"]))
    parts = [spell_string(rnd, item) for item in items]
    if len(items) == 1:
        return rnd.choice(["%s", "%s", "(%s,)", "[%s]", "[%s]" if OLD else "{%s}", "%s,",
                           "[\n    %s,\n]"]) % parts[0]
    joined = ", ".join(parts)
    return rnd.choice(["(%s)", "[%s]", "%s", "(%s,)", "(\n    %s  # both\n)"]) % joined


def assign(rnd, name, value, dynamic):
    if dynamic:
        forms = ["_v = %s\n%s = _v\n" % (value, name), "%s = _other = %s\n" % (name, value)]
        if "#" not in value and "\\" not in value:
            forms.append("if True:\n    %s = (%s)\n" % (name, value))
        return rnd.choice(forms)
    kind = rnd.randrange(8)
    if kind == 0:
        return "%s: str = %s\n" % (name, value)
    if kind == 1:
        return "%s: 'dict[str, list[int]] | None' = %s\n" % (name, value)
    if kind == 2:
        return "%s = 'first'\n%s = %s\n" % (name, name, value)
    if kind == 3 and "\n" not in value:
        return "%s   =   %s ;  _z = 1  # end\n" % (name, value)
    return "%s = %s\n" % (name, value)


DOCS = [
    lambda n: '"""%s\n\nRevision ID: x\n"""\n' % n,
    lambda n: "'''%s'''\n" % n,
    lambda n: '"%s"\n' % n,
    lambda n: '"""\n  %s\nsecond line\n\nmore\n  """\n' % n,
    lambda n: 'r"""%s \\d\n \nstill the same\n"""\n' % n,
    lambda n: "# only a comment: %s\n" % n,
    lambda n: "'one ' \"%s\"\n" % n,
    lambda n: '(\n    """%s\n\nmore\n"""\n    ""\n)\n' % n,
    lambda n: "(('%s'),)\n" % n,
    lambda n: 'import os\n"""%s is no docstring"""\n' % n,
    lambda n: '__doc__ = "%s set by hand"\n' % n,
    lambda n: '"""caf\u00e9 %s \u2713"""\n' % n,
    lambda n: "",
]

BODY = '''
def upgrade():
    revision = "inner"
    down_revision = """
revision = "not this"
"""
    op(
"text at column 0",
    )


class Helper:
    depends_on = "inner"


def downgrade():
    pass
'''


def source(rnd, rev, dynamic):
    text = rnd.choice(DOCS)(rev["id"] + " text")
    if rnd.random() < 0.3:
        text = "from typing import Sequence, Union\n" + text if rnd.random() < 0.3 else (
            text + "from typing import Sequence, Union\nimport sys as _sys\n")
    which = rnd.randrange(3) if dynamic else -1
    text += assign(rnd, "revision", spell_string(rnd, rev["id"]), which == 0)
    if not rev.get("no_down"):
        text += assign(rnd, "down_revision", spell_list(rnd, rev["down"]), which == 1)
    if rev["labels"] or rnd.random() < 0.5:
        text += assign(rnd, "branch_labels", spell_list(rnd, rev["labels"], True), False)
    if rev["deps"] or rnd.random() < 0.5:
        text += assign(rnd, "depends_on", spell_list(rnd, rev["deps"]), which == 2)
    text += BODY if rnd.random() < 0.8 else ""
    if rnd.random() < 0.1:
        text = text.replace("\n", "\r\n")
    data = text.encode()
    if rnd.random() < 0.05:
        data = b"\xef\xbb\xbf" + data
    elif rnd.random() < 0.05 and "\u2713" not in text:
        data = b"# -*- coding: latin-1 -*-\n" + text.encode("latin-1")
    return data


def new_id(rnd, used):
    while True:
        size = rnd.choice([1, 2, 3, 4, 6, 12, 12, 12])
        text = "".join(rnd.choice("abcdef0123456789") for _ in range(size))
        if rnd.random() < 0.1 and used:
            text = rnd.choice(sorted(used))[:4] + text
        if text not in used:
            used.add(text)
            return text


def history(rnd):
    used, revs = set(), []
    shape = rnd.random()
    for n in range(rnd.randrange(0, 14)):
        rev = {"id": new_id(rnd, used), "down": [], "labels": [], "deps": []}
        if revs and rnd.random() > 0.12:
            if shape < 0.3:
                rev["down"] = [revs[-1]["id"]]
            else:
                count = 2 if rnd.random() < 0.25 and len(revs) > 1 else 1
                recent = revs[-4:] if rnd.random() < 0.7 else revs
                rev["down"] = [r["id"] for r in rnd.sample(recent, min(count, len(recent)))]
        if rnd.random() < 0.12:
            rev["labels"] = ["lab%d" % n] + (["x%d" % n] if rnd.random() < 0.3 else [])
        if shape > 0.5 and revs and rnd.random() < 0.2:
            for other in rnd.sample(revs, min(len(revs), 2 if rnd.random() < 0.15 else 1)):
                rev["deps"].append(other["labels"][0] if other["labels"] and rnd.random() < 0.5
                                   else other["id"])
        revs.append(rev)
    return revs


def break_it(rnd, revs):
    """One fault; its name."""
    kind = rnd.choice(["missing", "missing-dep", "duplicate", "cycle", "self", "character", "label",
                       "partial", "no-down", "self-dep", "repeat", "label-parent"])
    rev, other = rnd.choice(revs), rnd.choice(revs)
    if kind == "missing":
        rev["down"] = rev["down"] + ["nowhere"]
    elif kind == "missing-dep":
        rev["deps"] = ["nowhere"]
    elif kind == "duplicate":
        rev["id"] = other["id"]
    elif kind == "cycle":
        revs[0]["down"] = [revs[-1]["id"]]
    elif kind == "self":
        rev["down"] = [rev["id"]]
    elif kind == "self-dep":
        rev["deps"] = [rev["id"]]
    elif kind == "character":
        rev["id"] += rnd.choice("@-+:")
    elif kind == "label":
        rev["labels"] = [other["id"]]
    elif kind == "partial" and rev["down"]:
        rev["down"] = [rev["down"][0][:-1] or "zz"]
    elif kind == "no-down":
        rev["no_down"] = True
    elif kind == "repeat" and rev["down"]:
        rev["down"] = rev["down"][:1] * 2
    elif kind == "label-parent":
        other["labels"] = ["thelabel"]
        rev["down"] = ["thelabel"]
    return kind


def write_case(rnd, root, number, revs):
    folder = os.path.join(root, "c%04d" % number)
    os.makedirs(os.path.join(folder, "m", "versions"))
    with open(os.path.join(folder, "alembic.ini"), "w") as f:
        f.write("[alembic]\nscript_location = m\n")
    order = list(range(len(revs)))
    rnd.shuffle(order)
    dynamic = rnd.random() < 0.04
    for place, index in enumerate(order):
        name = "%02d_%s.py" % (place, "x")
        with open(os.path.join(folder, "m", "versions", name), "wb") as f:
            f.write(source(rnd, revs[index], dynamic and rnd.random() < 0.5))
    return folder


# ---- questions ------------------------------------------------------------------------------------


def identifiers(rnd, revs):
    ids = [r["id"] for r in revs]
    labels = [label for r in revs for label in r["labels"]]
    names = ids + labels or ["none"]
    pick = rnd.choice(names)
    forms = [pick, pick[:-1] or "z", pick[:4], "head", "heads", "base",
             "%s@head" % rnd.choice(names), "%s@heads" % rnd.choice(names),
             "%s@base" % rnd.choice(names), "%s@%s" % (rnd.choice(names), pick), "nowhere", "HEAD"]
    return rnd.choice(forms), pick


def target(rnd, revs, down):
    name, pick = identifiers(rnd, revs)
    n = rnd.choice([1, 1, 2, 3])
    sign = "-" if down else "+"
    label = rnd.choice([x for r in revs for x in r["labels"]] or ["nolabel"])
    forms = [name, name, "%s%d" % (sign, n), "%s%d" % (sign, n), "%s%s%d" % (pick, sign, n),
             "%s@%s%d" % (label, sign, n), "%s-%d" % (pick, n), "%s+%d" % (pick, n),
             "heads" if not down else "base"]
    return rnd.choice(forms)


def questions(rnd, revs):
    asked = [("heads",), ("bases",), ("real",), ("history",), ("docs",)]
    ids = [r["id"] for r in revs] or ["none"]
    for _ in range(5):
        rows = rnd.sample(ids, min(len(ids), rnd.choice([0, 1, 1, 1, 2, 3])))
        asked.append(("current", " ".join(rows)))
        asked.append(("upgrade", " ".join(rows), rnd.choice(["heads", "heads", target(rnd, revs, False)])))
        asked.append(("downgrade", " ".join(rows), target(rnd, revs, True)))
    for _ in range(4):
        asked.append(("find", identifiers(rnd, revs)[0]))
        ends = [rnd.choice([identifiers(rnd, revs)[0], rnd.choice(ids), ""]) for _ in range(2)]
        low = rnd.choice([ends[0], ends[0], "-%d" % rnd.randrange(1, 4)])
        high = rnd.choice([ends[1], ends[1], "+%d" % rnd.randrange(1, 4), "head-1"])
        asked.append(("range", "%s:%s" % (low, high), ""))
    return asked


def tip(rnd, script, asked):
    """Rows that a database would really have: what `upgrade` to some revision leaves behind."""
    try:
        steps = script._upgrade_revs(rnd.choice(asked), ())
        maintainer = Rows(())
        for step in steps:
            maintainer.update_to_step(step)
        return sorted(maintainer.heads)
    except Exception:
        return []


def move(script, rows, where, down):
    rows = tuple(rows.split())
    # Unknown rows are a state of their own in headgate (status): only known ones are compared.
    steps = script._downgrade_revs(where, rows) if down else script._upgrade_revs(where, rows)
    after = changes = None
    try:
        maintainer = Rows(rows)
        changed = [maintainer.change(step) for step in steps]
        after, changes = sorted(maintainer.heads), changed
    except Exception:
        pass  # rows that no upgrade leaves behind: Alembic fails in the middle of the run
    return {"steps": [s.revision.revision for s in steps], "rows": after, "changes": changes}


def answer(script, question):
    what = question[0]
    if what == "heads":
        return script.get_heads()
    if what == "real":
        return list(script.revision_map._real_heads)
    if what == "bases":
        return script.get_bases()
    if what in ("history", "docs"):
        return [s.revision if what == "history" else s.doc for s in script.walk_revisions()]
    if what == "current":
        return sorted(s.revision for s in script.get_all_current(tuple(question[1].split())))
    if what == "find":
        found = script.get_revisions(question[1])
        return [s.revision for s in found]
    if what == "range":
        low, high = question[1].split(":")
        return [s.revision for s in script.walk_revisions(base=low or "base", head=high or "heads")]
    return move(script, question[1], question[2], what == "downgrade")


class Endless(BaseException):
    """Alembic walks some circles forever."""


def limited(_signal, _frame):
    raise Endless("Alembic does not end")


def expected(folder, asked, seconds=1):
    cwd = os.getcwd()
    os.chdir(folder)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        script = ScriptDirectory.from_config(Config("alembic.ini"))
        for rev in script.walk_revisions():
            rev.module.upgrade = rev.module.downgrade = lambda: None
    except BaseException as error:
        return None, "%s: %s" % (type(error).__name__, error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.chdir(cwd)
    return script, [guarded(script, question) for question in asked]


def guarded(script, question):
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return answer(script, question)
    except Exception as error:
        return "refused %s: %s" % (type(error).__name__, error)
    except Endless as error:
        return "refused %s" % error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# ---- comparison -------------------------------------------------------------------------------------


def same(question, ours, theirs, unordered):
    ours_refused = isinstance(ours, str)
    theirs_refused = isinstance(theirs, str)
    if OLD and theirs_refused and theirs.startswith("refused AssertionError"):
        return True  # Alembic's own slip: a relative range that ends below the base
    if ours_refused or theirs_refused:
        if OLD and ours_refused and question[0] == "range" and "goes below the first" in ours:
            return True  # docs/differences.md: the old one ends such a range at the base
        if ours_refused and not theirs_refused and question[0] == "downgrade":
            # -1 from several rows: Alembic warns and takes any of them.
            return "ambiguous" in ours
        return ours_refused == theirs_refused
    if isinstance(theirs, dict):
        if theirs["rows"] is not None and ours["rows"] != theirs["rows"]:
            # docs/differences.md: a downgrade may leave a row that another row implies.
            return OLD and question[0] == "downgrade" and set(ours["rows"]) < set(theirs["rows"])
        if unordered:
            return sorted(ours["steps"]) == sorted(theirs["steps"])
        return ours["steps"] == theirs["steps"] and (OLD or ours["changes"] == theirs["changes"])
    if question[0] in ("find",) or unordered:
        return sorted(ours) == sorted(theirs)
    return ours == theirs


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for modules that are not installed."""

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__all__ = []
        module.__getattr__ = lambda name: unittest.mock.MagicMock(name=name)


def stand_in(root):
    """Stubs for Alembic, here, and for the Python that headgate asks."""
    with open(os.path.join(root, "sitecustomize.py"), "w") as f:
        f.write("import importlib.abc, importlib.util, sys, unittest.mock\n%s\n"
                "sys.meta_path.append(Stubs())\n" % inspect.getsource(Stubs))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [root] + os.environ.get("PYTHONPATH", "").split(os.pathsep)).rstrip(os.pathsep)
    sys.meta_path.append(Stubs())


def reduced(source):
    """The module as Alembic needs it: docstring and the four assignments, all of them literals."""
    tree = ast.parse(source)
    lines = [repr(ast.get_docstring(tree, clean=False) or "")]
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if getattr(target, "id", None) in ("revision", "down_revision", "branch_labels", "depends_on"):
                lines.append("%s = %r" % (target.id, ast.literal_eval(node.value)))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in (
                "upgrade", "downgrade"):
            lines.append("def %s(): pass" % node.name)
    return "\n".join(lines) + "\n"


def reduced_copy(folder, root):
    copy = os.path.join(root, "reduced", os.path.basename(folder))
    shutil.copytree(folder, copy)
    for where, _, names in os.walk(os.path.join(copy, "m", "versions")):
        for name in names:
            if name.endswith(".py") and name != "__init__.py":
                path = os.path.join(where, name)
                with open(path, "rb") as f:
                    text = reduced(f.read())
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
    return copy


def real_histories(rnd, folders, root):
    """What compare() wants to know of folders that somebody else wrote; where Alembic reads them."""
    work, read_at = [], {}
    for folder in map(os.path.abspath, folders):
        script, error = expected(folder, [], 60)
        if script is None:
            try:
                read_at[folder] = reduced_copy(folder, root)
            except (SyntaxError, ValueError) as fault:  # a computed value, or not Python 3
                print("# %s: %s; by ast: %s" % (os.path.basename(folder), error, fault))
                work.append((folder, [], None, []))
                continue
            script, again = expected(read_at[folder], [], 60)
            print("# %s: %s, so by ast%s" % (os.path.basename(folder), error.split("\n")[0],
                                             "" if script else ": " + again))
        revs = [{"id": r.revision, "labels": sorted(r._orig_branch_labels),
                 "deps": sorted(r._normalized_resolved_dependencies or ())}
                for r in script.walk_revisions()] if script else []
        asked = [q for _ in range(4) for q in questions(rnd, revs)]
        work.append((folder, revs, None, asked))
    return work, read_at


def decode(line):
    return line if line.startswith("refused") else json.loads(line)


def main():
    dump = sys.argv[1]
    folders = sys.argv[3:] if sys.argv[2:3] == ["--folders"] else []
    if folders:
        sys.argv[2:] = []
    seed = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else random.SystemRandom().randrange(10**9)
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 600
    print("# seed %d, %d histories" % (seed, len(folders) or cases))
    signal.signal(signal.SIGALRM, limited)
    rnd = random.Random(seed)
    work, read_at = [], {}
    with tempfile.TemporaryDirectory(prefix="hgdiff-") as root:
        if folders:
            stand_in(root)
            work, read_at = real_histories(rnd, folders, root)
        for number in range(0 if folders else cases):
            revs = history(rnd)
            fault = break_it(rnd, revs) if revs and rnd.random() < 0.25 else None
            folder = write_case(rnd, root, number, revs)
            work.append((folder, revs, fault, questions(rnd, revs)))
        theirs = []
        for folder, revs, fault, asked in work:
            script, answers = expected(read_at.get(folder, folder), asked, 60 if folders else 1)
            if script is not None and revs:
                rows = " ".join(tip(rnd, script, [r["id"] for r in revs] + ["heads"]))
                for question in (("current", rows), ("upgrade", rows, "heads"),
                                 ("upgrade", rows, target(rnd, revs, False)),
                                 ("downgrade", rows, target(rnd, revs, True)),
                                 ("downgrade", rows, "base")):
                    asked.append(question)
                    answers.append(guarded(script, question))
            theirs.append((script, answers))
        lines = []
        for folder, revs, fault, asked in work:
            lines.append("load\t" + folder)
            lines += ["\t".join(question) for question in asked]
        run = subprocess.run([dump], input="\n".join(lines) + "\n", capture_output=True, text=True,
                             timeout=120)
        if run.returncode != 0:
            print("graph_dump ended with %d\n%s" % (run.returncode, run.stderr))
            return 1
        return compare(work, theirs, run.stdout.splitlines(), seed)


def compare(work, theirs, output, seed):
    at, different, counts = 0, 0, {"histories": 0, "refused": 0, "questions": 0}
    for (folder, revs, fault, asked), (script, answers) in zip(work, theirs):
        ours = output[at: at + 1 + len(asked)]
        at += 1 + len(asked)
        counts["histories"] += 1
        refused = ours[0].startswith("refused")
        problems = []
        if refused or script is None:
            counts["refused"] += 1
            rules = set(ours[0].split()[1:])
            if not refused:
                problems.append("Alembic refuses (%s), headgate does not" % answers)
            elif script is not None and not rules & STRICTER:
                problems.append("headgate refuses (%s), Alembic does not" % ours[0])
        else:
            unordered = OLD or any(len(r["deps"]) > 1 for r in revs)
            for question, mine, his in zip(asked, ours[1:], answers):
                counts["questions"] += 1
                if not same(question, decode(mine), his, unordered):
                    problems.append("%s\n      alembic:  %s\n      headgate: %s"
                                    % (" ".join(question), his, decode(mine)))
        for problem in problems[:3]:
            different += 1
            if different <= 12:
                print("%s (fault: %s): %s" % (os.path.basename(folder), fault, problem))
                print("      %s" % json.dumps(revs[:20]))
    print("# %(histories)d histories, %(refused)d of them refused, %(questions)d questions" % counts)
    print("# %d differences; run again with seed %d" % (different, seed))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
