"""Remembers what a client's files of earlier runs were accepted, by their SHA-256 alone, so that a run goes on."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self


class AcceptedFiles:
    """The digests of what was accepted, in a file with a line for each. A line that was cut by a crash is no digest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests: set[str] = set()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "r+", encoding="ascii", errors="replace")
        self._digests.update(self._file.read().split())
        self._file.write("\n")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        """Remembers a digest; it outlives the death of this process."""
        self._digests.add(digest)
        self._file.write(f"{digest}\n")
        self._file.flush()
