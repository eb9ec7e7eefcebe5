#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run a program at a pseudo terminal and talk to it.

    pty_run.py SCRIPT PROGRAM [ARGUMENT...]

SCRIPT is a file; each line is a step: `send TEXT` (with escapes like \\t \\n
\\x03) types it, `want TEXT` waits until it was printed after the step before,
at most 120 s. Everything the program prints goes to stdout. Exits with the
program's status, 124 when something wanted did not come, and with -9 when it
did not end.
"""
import os
import pty
import select
import signal
import sys
import termios
import time

LIMIT_S = 120
SETTLE_S = 0.2


def read_some(fd, seconds):
    if not select.select([fd], [], [], seconds)[0]:
        return b""
    try:
        data = os.read(fd, 4096)
    except OSError:  # the other side is closed
        return None
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return data or None


def typed(fd, data):
    """Type it at a prompt. One may come before the terminal was set up for it,
    which drops what was typed until then: so not before lines are edited."""
    until = time.monotonic() + LIMIT_S
    while termios.tcgetattr(fd)[3] & termios.ICANON:
        if time.monotonic() > until:
            sys.exit(124)
        time.sleep(0.01)
    time.sleep(SETTLE_S)
    os.write(fd, data)


def want(fd, text, seen):
    until = time.monotonic() + LIMIT_S
    while text not in seen:
        left = until - time.monotonic()
        if left <= 0:
            sys.exit(124)
        data = read_some(fd, left)
        if data is None:
            sys.exit(124)
        seen += data
    return seen[seen.index(text) + len(text):]


def main():
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    seen = b""
    with open(sys.argv[1], encoding="utf-8") as steps:
        for line in steps:
            verb, _, text = line.rstrip("\n").partition(" ")
            data = text.encode().decode("unicode_escape").encode("latin-1")
            if verb == "send":
                typed(fd, data)
            else:
                seen = want(fd, data, seen)
    while data := read_some(fd, LIMIT_S):
        pass
    if data == b"":  # it neither says anything nor ends
        os.kill(pid, signal.SIGKILL)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
