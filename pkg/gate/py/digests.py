# SPDX-License-Identifier: Apache-2.0
# Behind a target's command: the SHA-256 of every revision file below a folder, as one JSON object.
import hashlib
import json
import os
import sys

root = SPEC["folder"]  # noqa: F821
if not os.path.isdir(root):
    sys.exit("there is no folder %s here (%s)" % (root, os.getcwd()))
found = {}
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py") and os.path.isfile(path):
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = hashlib.sha256(file.read()).hexdigest()
print("\n" + json.dumps(found))
