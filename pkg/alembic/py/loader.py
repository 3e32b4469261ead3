# SPDX-License-Identifier: Apache-2.0
# Asked by headgate about revision files that cannot be read without running them, and about
# PACKAGE:sub:dir locations. Reads one JSON object on stdin, writes one on stdout. Whatever the
# files print goes to stderr. source.py stands before this text.
import json
import os
import re
import sys


def value(module, name):
    if not hasattr(module, name):
        return {"assigned": False}
    found = getattr(module, name)
    if found is None:
        return {"assigned": True, "items": [], "none": True, "list": False}
    single = isinstance(found, str)
    items = [found] if single else list(found) if hasattr(found, "__iter__") else None
    if items is None or isinstance(found, (bytes, dict)):
        return {"assigned": True, "bad": type(found).__name__}
    for item in items:
        if item is not None and not isinstance(item, str):
            return {"assigned": True, "bad": type(item).__name__}
    return {
        "assigned": True,
        "items": [item for item in items if item is not None],
        "none": None in items,
        "list": not single,
    }


def describe(path):
    try:
        module = load_source(re.sub(r"\W", "_", os.path.basename(path)), path)  # noqa: F821
        doc = module.__doc__
        answer = {name: value(module, name) for name in NAMES}
        answer["doc"] = doc if isinstance(doc, str) else None
        return answer
    except SyntaxError as error:
        return {"error": "it is not valid Python: %s" % error.msg, "line": error.lineno or 1}
    except BaseException as error:  # also sys.exit() at module level
        line, trace = 1, error.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == path:
                line = trace.tb_lineno
            trace = trace.tb_next
        return {"error": "it fails when imported: %s: %s" % (type(error).__name__, error), "line": line}


def resource(name):
    import importlib.resources

    # Alembic's console script does not look in the current folder by itself.
    sys.path[:] = [entry for entry in sys.path if entry]
    parts = name.split(":")
    try:
        found = importlib.resources.files(parts[0])
        for part in parts[1:]:
            found = found / part
        return {"path": os.path.abspath(str(found))}
    except BaseException as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}


NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
question = json.load(sys.stdin)
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.path[:0] = question["sys_path"]
sys.dont_write_bytecode = True
result = {"files": [describe(path) for path in question["files"]]}
if question["resource"]:
    result["resource"] = resource(question["resource"])
json.dump(result, answers)
answers.flush()
os._exit(0)
