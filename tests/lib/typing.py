#!/usr/bin/env python3
"""Runs a command on a terminal of its own and types into it.

    typing.py SCRIPT COMMAND…    SCRIPT: a line "expect TEXT", "type TEXT" (with \\n, \\x03…) each

Prints what the terminal showed; exit 1 when something expected does not come within 20 s.
"""
import os, pty, select, signal, sys, time

steps = [line.split(" ", 1) for line in sys.argv[1].splitlines() if line.strip()]
pid, master = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execvp(sys.argv[2], sys.argv[2:])
seen, position, good = "", 0, True
for verb, text in steps:
    text = text.encode().decode("unicode_escape")
    if verb == "type":
        os.write(master, text.encode())
        continue
    deadline = time.monotonic() + 20
    while text not in seen[position:] and time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                data = os.read(master, 4096)
            except OSError:
                data = b""
            if not data:
                break
            seen += data.decode(errors="replace")
    if text not in seen[position:]:
        good = False
        print(f"--- did not see: {text!r}")
        break
    position = seen.index(text, position) + len(text)
print(seen.replace("\r", ""))
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
sys.exit(not good)
