"""Files with the ids of erased records, kept outside the backups: a restored database learns from them whom to erase.

A line is the JSON of `RecordErased`: ids without a meaning, a reason, a time. The last line is `{"erasures": number}`,
by which a file that was cut off is noticed.
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from shared.contracts.identity import RecordErased
from shared.errors import ConflictError

PATTERN = "erasures-*.jsonl"
LINES_AT_ONCE = 500


class ExportInvalidError(ConflictError):
    """The newest file of erased records is cut off or is no such file. Put a whole one in its place."""

    code = "erasure-export-invalid"
    french = (
        "Le fichier le plus récent des dossiers effacés est tronqué ou n'en est pas un. Remplacez-le par un entier."
    )


class ErasureExport:
    """Writes one file, which appears in the folder only when it is whole."""

    def __init__(self, folder: Path, at: datetime) -> None:
        self._target = folder / f"erasures-{at:%Y%m%dT%H%M%SZ}.jsonl"
        self._draft = folder / f".{self._target.name}.{os.getpid()}"
        self._count = 0
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file: IO[str] = os.fdopen(descriptor, "w", encoding="utf-8")

    def add(self, erasures: Sequence[RecordErased]) -> None:
        """Adds erasures."""
        self._file.writelines(f"{event.model_dump_json()}\n" for event in erasures)
        self._count += len(erasures)

    def finish(self) -> int:
        """Makes the file durable and visible. Returns the number of its erasures."""
        with self._file:
            self._file.write(json.dumps({"erasures": self._count}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self._draft.replace(self._target)
        descriptor = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return self._count

    def abandon(self) -> None:
        """Removes the unfinished file."""
        self._file.close()
        self._draft.unlink(missing_ok=True)


def delete_old_exports(folder: Path, kept: int) -> None:
    """Deletes all files but the newest `kept`."""
    for file in sorted(folder.glob(PATTERN))[:-kept]:
        file.unlink(missing_ok=True)


def newest_export(folder: Path) -> Path | None:
    """Returns the newest file; None if there is none."""
    return max(folder.glob(PATTERN), default=None)


def read_export(file: Path) -> Iterator[list[RecordErased]]:
    """Yields the erasures of a file page by page. Raises ExportInvalidError, before the first page if it is cut off."""
    with file.open(encoding="utf-8") as lines:
        count = sum(1 for _ in lines)
    with file.open(encoding="utf-8") as lines:
        if count == 0 or _last(file) != {"erasures": count - 1}:
            raise ExportInvalidError
        page: list[RecordErased] = []
        for number, line in enumerate(lines, start=1):
            if number < count:
                page.append(_erasure(line))
            if page and (len(page) == LINES_AT_ONCE or number == count):
                yield page
                page = []


def _erasure(line: str) -> RecordErased:
    try:
        return RecordErased.model_validate_json(line)
    except ValidationError:
        raise ExportInvalidError from None


def _last(file: Path) -> object:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - 100))
        try:
            return json.loads(content.read().splitlines()[-1])
        except (ValueError, IndexError):
            return None
