"""A hospital's own listener of business acknowledgements, which answers as a test sets it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class MllpReceiver:
    """What arrived. `answers`: MSA-1 of the next answers, then AA; None is silence, the empty text an end."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)

    @property
    def segments(self) -> list[list[list[str]]]:
        """The fields of the segments of each message."""
        texts = [message.decode() for message in self.received]
        return [[line.split("|") for line in text.split("\r") if line] for text in texts]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.received.append((await reader.readuntil(b"\x1c\r"))[1:-2])
            answer = self.answers.pop(0) if self.answers else "AA"
            if answer is None:
                await reader.read()
            elif answer:
                writer.write(f"\x0bMSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.6\rMSA|{answer}|1\r\x1c\r".encode())
        finally:
            writer.close()


@asynccontextmanager
async def run_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[MllpReceiver]:
    """Listens on a free port of the loopback for the block."""
    receiver = MllpReceiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
