"""Sends business acknowledgements to the listeners of senders (MLLP): one connection each, over verified TLS."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.records.business_acknowledgements.domain import Deferred, Refused, SendOutcome, Sent
from shared.contracts.identity import ClientListener
from shared.hl7v2.acknowledgement import Outcome
from shared.hl7v2.message import Message, UnreadableMessageError
from shared.hl7v2.mllp import FrameReader, FrameTooLargeError, FrameTooSlowError, frame
from shared.loopback import is_loopback

_LARGEST_ANSWER: Final = 64 * 1024
_FAILURES: Final = (OSError, EOFError, TimeoutError, FrameTooLargeError, FrameTooSlowError, UnicodeError)


def client_tls(authorities: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Returns the TLS context towards listeners, which verifies certificate and name. `authorities`: by default the
    system's. `certificate`, `key`: those by which a listener knows us. All are PEM files."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


@dataclass(frozen=True, slots=True)
class MllpSender:
    """Sends one message at a time on a connection of its own. `timeout_s`: of the whole exchange.

    `tls` makes the context anew for each connection, so that a renewed certificate counts at once.
    """

    tls: Callable[[], ssl.SSLContext]
    timeout_s: float = 10.0

    async def send(self, listener: ClientListener, message: bytes) -> SendOutcome:
        """Sends a message and reads its acknowledgement. Returns every failure as an outcome and raises nothing."""
        if not listener.tls and not is_loopback(listener.host):
            return Deferred("listener-without-tls")
        try:
            tls = self.tls() if listener.tls else None
        except OSError:
            return Deferred("certificate-unreadable")
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._exchange(listener, tls, message)
        except ssl.SSLCertVerificationError:
            return Deferred("listener-not-verified")
        except TimeoutError:
            return Deferred("listener-timeout")
        except _FAILURES:
            return Deferred("listener-unreachable")

    async def _exchange(self, listener: ClientListener, tls: ssl.SSLContext | None, message: bytes) -> SendOutcome:
        reader, writer = await asyncio.open_connection(listener.host, listener.port, ssl=tls)
        try:
            writer.write(frame(message))
            answer = await FrameReader(reader, _LARGEST_ANSWER).next(lambda _: None)
        finally:
            writer.close()
        return Deferred("no-answer") if answer is None else _outcome_of(answer)


def _outcome_of(answer: bytes) -> SendOutcome:
    """Returns what an acknowledgement says (MSA-1); AR asks to send it again."""
    try:
        code = Message.of(answer).first("MSA").value(1)
    except UnreadableMessageError:
        return Deferred("answer-unreadable")
    match code:
        case Outcome.ACCEPTED.value | "CA":
            return Sent()
        case Outcome.ERROR.value | "CE":
            return Refused("refused-by-listener")
        case Outcome.REJECTED.value | "CR":
            return Deferred("rejected-by-listener")
        case _:
            return Deferred("answer-unreadable")
