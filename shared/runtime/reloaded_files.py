"""Values that are made from files, and made anew once a file has changed: a renewed certificate needs no restart."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from shared.runtime.logs import log, log_limited

Value = TypeVar("Value")
FileState = tuple[int, int, int]
"""Modification time (ns), size and inode."""


class ReloadedFiles(Generic[Value]):
    """A value that follows its files.

    Files that cannot be used, because they are written just now, leave the former value in force: that is logged, and
    they are tried again at the next use. `make` builds the value from the files; what it raises at the first time is
    raised by the constructor.
    """

    def __init__(self, make: Callable[[], Value], files: Iterable[Path | str | None]) -> None:
        self._make = make
        self._files = tuple(Path(file) for file in files if file is not None)
        self._states = self._read_states()
        self._value = make()

    def current(self) -> Value:
        """Returns the value of the files as they are now."""
        states = self._read_states()
        if states != self._states:
            try:
                self._value = self._make()
            except (OSError, ValueError) as error:  # an SSLError is an OSError
                log_limited("certificates.unreadable", error)
            else:
                self._states = states
                log("certificates.reloaded")
        return self._value

    def _read_states(self) -> tuple[FileState | None, ...]:
        return tuple(_state_of(file) for file in self._files)


def _state_of(file: Path) -> FileState | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
