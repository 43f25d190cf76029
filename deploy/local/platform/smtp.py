"""A mail server that delivers nothing: it stores every message as an `.eml` file in a folder.

`python -m deploy.local.platform.smtp PORT FOLDER`. Its log never contains the content of a mail.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import REPOSITORY, Layout
from deploy.local.platform.ports import HOST
from deploy.local.platform.probes import listens

_LIMIT = 32 * 1024 * 1024


class MailCatcher:
    """Stores each message in a file; file names sort by arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Stores a message. Returns 250, or 452 if it could not be stored: the sender then keeps it."""
        name = f"{time.time_ns()}-{os.getpid()}-{next(self._numbers)}"
        draft = self._folder / f".{name}"
        try:
            draft.write_bytes(_content(envelope))
            draft.rename(self._folder / f"{name}.eml")
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()  # an incomplete file would only take up space
            return "452 the message could not be stored"
        return "250 OK"


def smtp_spec(layout: Layout, port: int) -> ChildSpec:
    """Returns how the supervisor runs the mail server."""

    async def healthy() -> bool:
        return await listens(port)

    return ChildSpec(
        name="smtp",
        command=(sys.executable, "-m", "deploy.local.platform.smtp", str(port), str(layout.mail)),
        log=layout.log("smtp"),
        healthy=healthy,
        directory=REPOSITORY,
        environment=dict(os.environ),
    )


def _content(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content.encode() if isinstance(content, str) else content


async def _serve(port: int, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    catcher = MailCatcher(folder)
    server = await loop.create_server(
        lambda: SMTP(catcher, data_size_limit=_LIMIT, enable_SMTPUTF8=True, hostname="localhost", loop=loop),
        HOST,
        port,
    )
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
