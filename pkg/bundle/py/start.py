# SPDX-License-Identifier: Apache-2.0
"""The end of the program: render.py renders; with online.py behind it, that runs instead."""
try:
    globals().get("online", main)()
except TimeUp:
    answer(fatal="rendering took longer than %g seconds" % SPEC["seconds"])
except ImportError as error:
    answer(fatal=one_line(error))
