"""A gateway that writes each message into a folder as one file, from where SMS are sent and letters printed."""

import asyncio
import contextlib
import errno
import os
from pathlib import Path

from services.notify.delivery.domain import Deferred, Delivered, GatewayAnswer, OutgoingMessage, Skipped
from shared.runtime import clock

_FILE_ERRORS = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY, errno.EEXIST, errno.ETXTBSY})
"""Errors that concern this one file, while others can be written."""


class FolderGateway:
    """Writes files atomically and durably; a message that comes again overwrites its file. The folder must exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: OutgoingMessage) -> GatewayAnswer:
        """Writes the file `<id>.txt`. Skips the message while the folder is missing, full or not writable."""
        draft = self._folder / f".{message.id}.{os.getpid()}"
        try:
            await asyncio.to_thread(self._write, message, draft)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()  # a partial file takes space that other messages need
            reason = "folder-unavailable"
            return Deferred(reason) if error.errno in _FILE_ERRORS else Skipped(reason)
        return Delivered(clock.now())

    def _write(self, message: OutgoingMessage, draft: Path) -> None:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{message.id}.txt")
        folder_descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder_descriptor)
        finally:
            os.close(folder_descriptor)

    def close_if_idle(self, seconds: float) -> None:
        """Does nothing: no file stays open."""

    def close(self) -> None:
        """Does nothing: no file stays open."""
