# SPDX-License-Identifier: Apache-2.0
"""What ended Alembic, for headgate's report and for people. Stands behind driver.py in the same program."""


def sqlstate_of(error):
    for candidate in (getattr(error, "orig", None), error):
        for name in ("sqlstate", "pgcode"):
            state = getattr(candidate, name, None)
            if isinstance(state, str):
                return state
        for arg in getattr(candidate, "args", ()):
            if isinstance(arg, dict) and "C" in arg:
                return arg["C"]
    return None


def detail_of(error):
    """What the server adds to its message: who waited for whom, in a deadlock."""
    for candidate in (getattr(error, "orig", None), error):
        detail = getattr(getattr(candidate, "diag", None), "message_detail", None)
        if isinstance(detail, str):
            return detail
        for arg in getattr(candidate, "args", ()):
            if isinstance(arg, dict) and "D" in arg:
                return arg["D"]
    return None


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


def of_the_project(frame):
    """Is this line one that somebody of the project has written? Not a library's, nor this program's."""
    import sysconfig

    folders = [os.path.join(os.path.realpath(folder), "") for name, folder in sysconfig.get_paths().items()
               if name in ("stdlib", "platstdlib", "purelib", "platlib")]
    path = os.path.realpath(frame.filename)
    return os.path.isfile(path) and "-packages" + os.sep not in path and not path.startswith(tuple(folders))


def tell_briefly(error):
    """Prints the error with the lines of env.py and of the revision that led to it. False: Python has to print
    it, because all is wanted (-v), the project has a hook of its own, or no line is the project's. Of an
    interruption, which headgate explains, nothing is printed."""
    import traceback

    if SPEC.get("verbose") or sys.excepthook is not sys.__excepthook__:
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    if not isinstance(error, Exception):
        return False
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    kept = [frame for frame in told.stack if of_the_project(frame)]
    if not kept:
        return False
    left_out = len(told.stack) - len(kept)
    lines = traceback.format_list(kept) + list(told.format_exception_only())
    if left_out:
        lines.append("(%d lines of libraries are left out: -v shows them)\n" % left_out)
    sys.stderr.write("".join(lines))
    return True
