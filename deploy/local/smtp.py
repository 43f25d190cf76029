"""A mail server that delivers nothing: every message becomes one `.eml` file in a folder.

`python -m deploy.local.smtp PORT FOLDER`. It never writes what a mail says to its log.
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

from deploy.local.child import ChildSpec
from deploy.local.paths import REPOSITORY, Layout
from deploy.local.ports import HOST
from deploy.local.probes import listens

_LIMIT = 32 * 1024 * 1024


class Catcher:
    """Keeps each message: file names sort by arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Called for each message; 250 once the file is in its place, 452 when it cannot be: the sender keeps it."""
        name = f"{time.time_ns()}-{os.getpid()}-{next(self._numbers)}"
        draft = self._folder / f".{name}"
        try:
            draft.write_bytes(_content(envelope))
            draft.rename(self._folder / f"{name}.eml")
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()  # half a mail, which holds space that others need
            return "452 the message could not be stored"
        return "250 OK"


def smtp_spec(layout: Layout, port: int) -> ChildSpec:
    """How the supervisor runs it."""

    async def healthy() -> bool:
        return await listens(port)

    return ChildSpec(
        name="smtp",
        command=(sys.executable, "-m", "deploy.local.smtp", str(port), str(layout.mail)),
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
    catcher = Catcher(folder)
    server = await loop.create_server(
        lambda: SMTP(catcher, data_size_limit=_LIMIT, enable_SMTPUTF8=True, hostname="localhost", loop=loop),
        HOST,
        port,
    )
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
