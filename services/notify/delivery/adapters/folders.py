"""A gateway that takes messages from a folder, an encrypted file each: SMS to be sent and letters to be printed."""

import asyncio
import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from services.notify.delivery.adapters.gateway_certificate import CertificateExpiredError, GatewayCertificate
from services.notify.delivery.domain import Deferred, Delivered, GatewayAnswer, OutgoingMessage, Skipped
from shared.runtime import clock
from shared.runtime.logs import log_limited

SUFFIX: Final = ".p7m"
"""The ending of encrypted messages (RFC 8551, section 3.2.1)."""
_FILE_ERRORS = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY, errno.EEXIST, errno.ETXTBSY})
"""The errors that concern this one file, while others can be written."""


class FolderGateway:
    """Writes files atomically and durably; a message that comes again overwrites its file. The folder must exist."""

    def __init__(self, folder: Path, certificate: GatewayCertificate) -> None:
        self._folder = folder
        self._certificate = certificate

    async def send(self, message: OutgoingMessage) -> GatewayAnswer:
        """Writes the file `<id>.p7m`.

        Skips the message while the folder is missing, full or not writable, or the gateway's certificate is not valid.
        """
        draft = self._folder / f".{message.id}.{os.getpid()}"
        try:
            await asyncio.to_thread(self._write, message, draft)
        except CertificateExpiredError as error:
            log_limited("certificates.expired", error)
            return Skipped(error.code)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()  # a partial file takes space that other messages need
            reason = "folder-unavailable"
            return Deferred(reason) if error.errno in _FILE_ERRORS else Skipped(reason)
        return Delivered(clock.now())

    def _write(self, message: OutgoingMessage, draft: Path) -> None:
        encrypted = self._certificate.encrypt(message.body)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encrypted)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{message.id}{SUFFIX}")
        folder_descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder_descriptor)
        finally:
            os.close(folder_descriptor)

    def close_if_idle(self, seconds: float) -> None:
        """Does nothing: no file stays open."""

    def close(self) -> None:
        """Does nothing: no file stays open."""
