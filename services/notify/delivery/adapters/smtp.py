"""A gateway to the mail server, which sends many messages over one connection."""

import ssl
import time
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused

from services.notify.delivery.domain import Deferred, Delivered, GatewayAnswer, OutgoingMessage, Refused, Skipped
from shared.runtime import clock
from shared.runtime.tls import client_context

FAILURES = (SMTPException, OSError, TimeoutError)
_SERVICE_NOT_AVAILABLE = 421


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server to which mails are delivered.

    `sender`: the sender's address, `Name <address>` or the address alone; `timeout_s`: of one command, in seconds;
    `ca_file`: authorities that certify the server, by default the system's. `max_age_s`: a connection that is older is
    replaced before the next mail, in seconds.
    """

    host: str
    port: int
    sender: str
    timeout_s: float
    security: Literal["none", "starttls", "tls"] = "none"
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    max_age_s: float = 3600


def tls_context(server: MailServer) -> ssl.SSLContext | None:
    """Returns what verifies the mail server; None without TLS. It reads all authorities: gateways share one."""
    return None if server.security == "none" else client_context(server.ca_file)


class MailGateway:
    """A gateway that connects when needed and reconnects when the connection was lost."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        self._sender = sender = parseaddr(server.sender)[1]
        self._client = SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout_s,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=context,
            username=server.username,
            password=server.password,
            local_hostname=sender.rpartition("@")[2],
        )
        self._max_age_s = server.max_age_s
        self._used_at = self._opened_at = time.monotonic()

    async def send(self, message: OutgoingMessage) -> GatewayAnswer:
        """Delivers one message. Returns every failure as an answer and raises nothing.

        A failure after the server has accepted MAIL FROM concerns this message alone: because of one recipient a
        server may answer 421 or cut the connection while it serves all others. A server that is unavailable is
        noticed at the next message.
        """
        self._used_at = time.monotonic()
        if (hindrance := await self._begin()) is not None:
            return hindrance
        try:
            await self._client.rcpt(message.to)
            await self._client.data(message.body)
        except (SMTPRecipientRefused, SMTPDataError) as refusal:
            return await self._answer_to(refusal.code)
        except FAILURES:
            # The server may have accepted the message already: the next attempt carries the same Message-ID.
            self.close()
            return Deferred("connection-lost")
        return Delivered(clock.now())

    async def _begin(self) -> Skipped | None:
        """Sends MAIL FROM, on a new connection if the present one is old or was closed by the server while it was idle.

        Returns why it failed, if so.
        """
        if self._client.is_connected and time.monotonic() - self._opened_at > self._max_age_s:
            self.close()
        was_open = self._client.is_connected
        try:
            if not was_open:
                await self._client.connect()
                self._opened_at = time.monotonic()
            await self._client.mail(self._sender)
        except FAILURES as error:
            self.close()
            if was_open:
                return await self._begin()
            is_unverified = ssl.SSLCertVerificationError in (type(error), type(error.__cause__))
            return Skipped("server-not-verified" if is_unverified else "server-unavailable")
        return None

    async def _answer_to(self, code: int) -> GatewayAnswer:
        try:
            if code == _SERVICE_NOT_AVAILABLE:
                self.close()
            else:
                await self._client.rset()
        except FAILURES:
            self.close()
        return Refused(f"smtp-{code}") if 500 <= code < 600 else Deferred(f"smtp-{code}")

    def close_if_idle(self, seconds: float) -> None:
        """Closes the connection if it was idle for so many seconds, because servers limit idle connections."""
        if self._client.is_connected and time.monotonic() - self._used_at > seconds:
            self.close()

    def close(self) -> None:
        """Closes the connection at once, without QUIT."""
        self._client.close()
