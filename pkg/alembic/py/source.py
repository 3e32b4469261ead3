# SPDX-License-Identifier: Apache-2.0
"""Revision files and env.py are run from their source. Python takes a file's __pycache__ for it when both
have the same second and length, so that an edited file would be judged in its new form and run in its old
one. Stands in one program with what loads them.
"""
import hashlib
import importlib.machinery
import importlib.util
import os

LOADED = {}  # absolute path: digest of the text that was run


class FromSource(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        text = self.get_data(path)
        LOADED[os.path.abspath(path)] = hashlib.sha256(text).hexdigest()
        return self.source_to_code(text, path)


def load_source(name, path):
    path = str(path)
    options = {"loader": FromSource(name, path)} if path.endswith(".py") else {}
    spec = importlib.util.spec_from_file_location(name, path, **options)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(path):
    """Of what was run; of the file when something else has loaded it."""
    path = os.path.abspath(path)
    if path not in LOADED:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    return LOADED[path]


def make_alembic_load_source():
    from alembic.util import pyfiles

    pyfiles.load_module_py = load_source
