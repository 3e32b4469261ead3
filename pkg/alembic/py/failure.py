# SPDX-License-Identifier: Apache-2.0
"""What ended Alembic, for headgate's report and for people. Stands in one program with driver.py or generate.py,
which import os and sys."""


def of_server(error, attributes, field):
    """What the server says in one field of its report: the drivers keep it as an attribute of the exception or
    of its `diag`, or in a dict by the letter of the protocol. None: it was not the server."""
    for candidate in (getattr(error, "orig", None), error):
        for place in (candidate, getattr(candidate, "diag", None)):
            for name in attributes:
                if isinstance(getattr(place, name, None), str):
                    return getattr(place, name)
        for arg in getattr(candidate, "args", ()):
            if isinstance(arg, dict) and field in arg:
                return arg[field]
    return None


def sqlstate_of(error):
    return of_server(error, ("sqlstate", "pgcode"), "C")


def detail_of(error):
    """What the server adds to its message: who waited for whom, in a deadlock."""
    return of_server(error, ("message_detail",), "D")


def describe(error):
    """The exception behind a failure: Alembic turns its own into SystemExit."""
    if isinstance(error, SystemExit) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, SystemExit):
        return {"exception": "SystemExit", "message": str(error.code), "sqlstate": None,
                "detail": None}
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__name__
    return {"exception": name, "message": str(error)[:4000], "sqlstate": sqlstate_of(error),
            "detail": detail_of(error)}


def of_the_project(frame, libraries):
    """Is this line one that somebody of the project has written? Not a library's, nor this program's."""
    path = os.path.realpath(frame.filename)
    return os.path.isfile(path) and "-packages" + os.sep not in path and not path.startswith(libraries)


def tell_briefly(error):
    """Prints the error with the lines of env.py and of the revision that led to it. False: Python has to print
    it, because all is wanted (-v), the project has a hook of its own, or no line is the project's. Of an
    interruption, which headgate explains, nothing is printed."""
    import sysconfig
    import traceback

    if SPEC.get("verbose") or sys.excepthook is not sys.__excepthook__:
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    if not isinstance(error, Exception):
        return False
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    libraries = tuple(os.path.join(os.path.realpath(folder), "") for name, folder in sysconfig.get_paths().items()
                      if name in ("stdlib", "platstdlib", "purelib", "platlib"))
    kept = [frame for frame in told.stack if of_the_project(frame, libraries)]
    if not kept:
        return False
    left_out = len(told.stack) - len(kept)
    lines = traceback.format_list(kept) + list(told.format_exception_only())
    if left_out:
        lines.append("(%d lines of libraries are left out: -v shows them)\n" % left_out)
    sys.stderr.write("".join(lines))
    return True
