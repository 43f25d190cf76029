"""One connection to the mail server, kept for many messages. What the server says of each becomes an outcome."""

import time
from email.utils import parseaddr

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused

from services.notify.domain import Answer, Deferred, Delivered, NotTried, Parcel, Refused
from services.notify.settings import SmtpSettings
from shared.runtime import clock

FAILURES = (SMTPException, OSError, TimeoutError)
_SERVER_LEAVES = 421


class MailGateway:
    """Opens itself when needed, again when it was lost."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._sender = sender = parseaddr(settings.sender)[1]
        self._client = SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_s,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            local_hostname=sender.rpartition("@")[2],
        )
        self._used_at = time.monotonic()

    async def send(self, parcel: Parcel) -> Answer:
        """Hands one message over. Whatever happens is an outcome, never an exception.

        Once the server has taken MAIL FROM, what goes wrong is this message's trouble: because of one recipient a
        server may answer 421, or cut the connection, and serve all others. One that is away shows at the next message.
        """
        self._used_at = time.monotonic()
        if not await self._begin():
            return NotTried("server-unavailable")
        try:
            await self._client.rcpt(parcel.to)
            await self._client.data(parcel.body)
        except (SMTPRecipientRefused, SMTPDataError) as answer:
            return await self._answered(answer.code)
        except FAILURES:
            # The server may have the message already: it is sent again with the same Message-ID.
            self.close()
            return Deferred("connection-lost")
        return Delivered(clock.now())

    async def _begin(self) -> bool:
        """MAIL FROM on an open connection; one that the server closed while it was idle is opened again."""
        was_open = self._client.is_connected
        try:
            if not was_open:
                await self._client.connect()
            await self._client.mail(self._sender)
        except FAILURES:
            self.close()
            return was_open and await self._begin()
        return True

    async def _answered(self, code: int) -> Answer:
        try:
            if code == _SERVER_LEAVES:
                self.close()
            else:
                await self._client.rset()
        except FAILURES:
            self.close()
        return Refused(f"smtp-{code}") if 500 <= code < 600 else Deferred(f"smtp-{code}")

    def close_if_idle(self, seconds: float) -> None:
        """Servers do not like idle connections."""
        if self._client.is_connected and time.monotonic() - self._used_at > seconds:
            self.close()

    def close(self) -> None:
        """At once, without a word."""
        self._client.close()
