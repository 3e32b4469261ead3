# Runs Alembic's own command line, SPEC["argv"], and writes on the standard output one line of
# JSON: the revision files it made. Everything printed meanwhile goes to the standard error.
# Operations on the schema headgate keeps its records in are left out of what is generated.
# source.py and failure.py stand before this text.
import json
import os
import sys

# Behind a command the target's variables cross with the program.
os.environ.update(SPEC.get("environment", {}))  # noqa: F821
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
if sys.path and sys.path[0] == "":
    del sys.path[0]  # as for the alembic script; prepend_sys_path says what comes first

from alembic import autogenerate  # noqa: E402
from alembic.config import main  # noqa: E402

make_alembic_load_source()  # noqa: F821
made = []


def of_headgate(op):
    return getattr(op, "schema", None) == "headgate"


def strip(container):
    container.ops[:] = [op for op in container.ops if not of_headgate(op)]
    for op in container.ops:
        if hasattr(op, "ops"):
            strip(op)


class RevisionContext(autogenerate.RevisionContext):
    def generate_scripts(self):
        for revision in self.generated_revisions:
            for ops in [*revision.upgrade_ops_list, *revision.downgrade_ops_list]:
                strip(ops)
        for script in super().generate_scripts():
            if script is not None:
                made.append(script.path)
            yield script


def described(path):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    return {"path": os.path.abspath(path), "relative": os.path.relpath(path), "text": text}


autogenerate.RevisionContext = RevisionContext
try:
    main(prog="alembic", argv=SPEC["argv"])  # noqa: F821
except Exception as error:
    why = describe(error)  # noqa: F821
    first_line = why["message"].partition("\n")[0]
    answer.write("\n" + json.dumps({"failed": "%s: %s" % (why["exception"], first_line)}) + "\n")
    answer.flush()
    if tell_briefly(error):  # noqa: F821
        sys.exit(1)
    raise
answer.write("\n" + json.dumps({"files": [described(path) for path in made]}))
answer.write("\n")
answer.flush()
