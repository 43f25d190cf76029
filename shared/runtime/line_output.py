"""Writes lines to a file descriptor such that neither a full disk nor a stopped reader blocks the writer."""

import os
import select
import stat
import threading
from collections.abc import Callable
from typing import IO


class LineOutput:
    """Writes lines; `write` never raises and never waits. A line that cannot be written is dropped and counted.

    Once lines can be written again, the line of `describe_loss(count)` precedes the first of them.
    """

    def __init__(self, stream: IO[str] | None, describe_loss: Callable[[int], bytes]) -> None:
        self._descriptor = _descriptor_of(stream)
        self._describe_loss = describe_loss
        self._lock = threading.Lock()
        self._is_torn = False
        self.dropped = 0
        """The number of lines lost since the last one that was written."""

    def write(self, line: bytes) -> None:
        """Writes the line and a line break, or counts it as dropped."""
        with self._lock:
            lines = [line] if self.dropped == 0 else [self._describe_loss(self.dropped), line]
            data = (b"\n" if self._is_torn else b"") + b"".join(text + b"\n" for text in lines)
            if self._write_whole(data):
                self.dropped = 0
            else:
                self.dropped += 1

    def _write_whole(self, data: bytes) -> bool:
        """Returns whether all bytes were written. A line cut in the middle is marked as torn."""
        if self._descriptor is None:
            return False
        left = data
        try:
            while left and _accepts_bytes(self._descriptor):
                # A ready pipe takes at least PIPE_BUF bytes without waiting, and perhaps no more.
                left = left[os.write(self._descriptor, left[: select.PIPE_BUF]) :]
        except OSError:
            pass
        if len(left) < len(data):
            self._is_torn = bool(left)
        return not left


def _descriptor_of(stream: IO[str] | None) -> int | None:
    """Returns the descriptor; None when the process has no such stream, or a test has replaced it."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


def _accepts_bytes(descriptor: int) -> bool:
    """Whether a write returns at once; for a regular file it always does."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
