"""A gateway that is a folder: one file a message, for those who print letters or send SMS from there."""

import asyncio
import contextlib
import errno
import os
from pathlib import Path

from services.notify.domain import Answer, Deferred, Delivered, NotTried, Parcel
from shared.runtime import clock

_OF_THIS_FILE = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY, errno.EEXIST, errno.ETXTBSY})
"""Something else stands in the place of this one file; the others can be written."""


class FolderGateway:
    """Files appear whole and for good; one that is written again overwrites itself. The folder must exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, parcel: Parcel) -> Answer:
        """Named by the parcel's id. A folder that is missing, full or closed to us is out of order for all messages."""
        draft = self._folder / f".{parcel.id}.{os.getpid()}"
        try:
            await asyncio.to_thread(self._write, parcel, draft)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()  # half a message, which holds space that others need
            reason = "folder-unavailable"
            return Deferred(reason) if error.errno in _OF_THIS_FILE else NotTried(reason)
        return Delivered(clock.now())

    def _write(self, parcel: Parcel, draft: Path) -> None:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(parcel.body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{parcel.id}.txt")
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close_if_idle(self, seconds: float) -> None:
        """Nothing is held open."""

    def close(self) -> None:
        """Nothing is held open."""
