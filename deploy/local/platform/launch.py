"""Executes another program: `launch.py PARENT SIGNAL UID GID PROGRAM ARGUMENT...`, standard library only.

The system sends SIGNAL to the program when the supervisor dies for any reason (prctl(2), PR_SET_PDEATHSIG). The program
runs as UID and GID (-1: unchanged). Run it with `-I -S`. It is a program because code between fork and exec is not safe
in a threaded parent.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drops privileges, requests the signal at the parent's death, and executes the program."""
    parent, death_signal, uid, gid = (int(word) for word in sys.argv[1:5])
    if gid != -1:
        os.setgroups([])
        os.setgid(gid)
    if uid != -1:
        os.setuid(uid)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    program = sys.argv[5]
    try:
        os.execv(program, sys.argv[5:])  # noqa: S606  # the purpose of this program
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}")


if __name__ == "__main__":
    main()
