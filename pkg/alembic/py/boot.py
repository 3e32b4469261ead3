# SPDX-License-Identifier: Apache-2.0
# In another place: runs the program in SPEC here, or, when this python3 has no alembic, in the
# interpreter of the `alembic` script on PATH (its first line; pip's long form has it second).
import sys

program = SPEC["program"]  # noqa: F821
here = sys.path.pop(0)  # where a folder of the project may be called alembic
try:
    import alembic
except ImportError:
    import os
    import shutil
    import tempfile

    script = shutil.which("alembic")
    words = []
    if script:
        with open(script, errors="replace") as file:
            lines = [file.readline(), file.readline()]
        words = lines[0][2:].split() if lines[0].startswith("#!") else []
        if words and os.path.basename(words[0]) == "sh":
            words = lines[1].split()[1:2]
        elif words and os.path.basename(words[0]) == "env":
            words = [shutil.which(words[-1]) or ""]
    # A virtualenv's python is a link to one without its packages: compared by name, not by target.
    if words and words[0] and words[0] != sys.executable:
        copy = tempfile.TemporaryFile()
        copy.write(program.encode("utf-8"))
        copy.flush()
        copy.seek(0)
        os.dup2(copy.fileno(), 0)
        os.execv(words[0], [words[0], "-"])
sys.path.insert(0, here)
exec(compile(program, "<headgate driver>", "exec"))
