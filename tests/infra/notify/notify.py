"""A worker of notify with a mail server whose answers a test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from uuid import UUID, uuid4

import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notify.app import make_plan
from services.notify.kit.sender import SenderDetails
from services.notify.settings import (
    AlertSettings,
    FoldersSettings,
    KeysSettings,
    PublicServiceSettings,
    Settings,
    SmtpSettings,
)
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, sealed_place
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.contracts.records import DocumentPublished
from shared.crypto.keyring import Keyring
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.runtime.settings import FreshnessSettings, PostgresSettings
from shared.service.worker import WorkerRuntime, at_work
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.notify.gateways import gateways_settings
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

KEYRING_TEXT = "contacts-1:" + "A" * 43
KEYRING = Keyring.parse(KEYRING_TEXT)
NEXT_KEYRING_TEXT = "contacts-2:" + "B" * 43
NEXT_KEYRING = Keyring.parse(NEXT_KEYRING_TEXT)
PUBLIC_SERVICE = PublicServiceSettings(
    name="DMP de test", sender_name="DMP", site="dmp.example", telephone="01 99 00 00 00"
)
SENDER = SenderDetails("DMP <no-reply@dmp.example>", "DMP de test", "DMP", "dmp.example", "01 99 00 00 00")


@dataclass
class MailServer:
    """Accepts mails; `answer(recipient, n)` may return another reply than 250 to the n-th attempt for a recipient.

    `stalled`: recipients whose mails get no answer. `cut`: recipients for whom the connection is cut.
    """

    answer: Callable[[str, int], str] = lambda _recipient, _attempt: "250 OK"
    delay_s: float = 0
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    stalled: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    waiting: int = 0
    connections: int = 0
    _attempts: dict[str, int] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _transports: list[asyncio.BaseTransport] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        self._attempts[address] = self._attempts.get(address, 0) + 1
        return self.answer(address, self._attempts[address])

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        await asyncio.sleep(self.delay_s)
        if not self.stalled.isdisjoint(envelope.rcpt_tos):
            self.waiting += 1
            await asyncio.Event().wait()
        if not self.cut.isdisjoint(envelope.rcpt_tos):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 OK"
        assert isinstance(envelope.content, bytes)
        self.mails.append(BytesParser(policy=SMTP_POLICY).parsebytes(envelope.content))
        return "250 OK"

    async def start(self) -> None:
        """Starts to listen, after a stop on the port of the first start."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stops listening and ends all connections."""
        if self._server is not None:
            self._server.close()
            for transport in self._transports:
                transport.abort()  # type: ignore[attr-defined]
            self._server, self._transports = None, []

    def _protocol(self) -> SMTP:
        self.connections += 1
        transports = self._transports

        class TrackedSmtp(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.append(transport)
                super().connection_made(transport)

        return TrackedSmtp(self, hostname="localhost", loop=asyncio.get_running_loop())

    async def received(self, count: int) -> list[EmailMessage]:
        """Waits until `count` mails have arrived and returns them."""

        async def enough() -> list[EmailMessage] | None:
            return self.mails if len(self.mails) >= count else None

        return list(await eventually(enough))


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """Yields a running mail server."""
    server = MailServer()
    await server.start()
    try:
        yield server
    finally:
        server.stop()


def settings(
    database: Database,
    topics: Topics | None,
    port: int = 1,
    folders: FoldersSettings | None = None,
    *,
    keyring: str = KEYRING_TEXT,
    window_s: int = 0,
    **smtp: object,
) -> Settings:
    """Returns the settings of notify. Each alert is sent at once unless there is a window."""
    kafka = topics.settings("notify") if topics else {"bootstrap": "127.0.0.1:1"}
    return Settings(
        postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
        kafka=kafka,  # type: ignore[arg-type]
        tokens=SETTINGS,
        freshness=FreshnessSettings(heartbeat_s=0.2),
        keys=KeysSettings.model_validate({"contacts": keyring}),
        service=PUBLIC_SERVICE,
        alerts=AlertSettings(window_s=window_s),
        folders=folders or FoldersSettings(sms=Path("/nonexistent"), letters=Path("/nonexistent")),
        gateways=gateways_settings(),
        smtp=SmtpSettings.model_validate(
            {"host": "127.0.0.1", "port": port, "sender": "DMP <no-reply@dmp.example>", **smtp}
        ),
    )


@asynccontextmanager
async def worker(
    database: Database,
    topics: Topics,
    port: int,
    folders: FoldersSettings | None = None,
    *,
    keyring: str = KEYRING_TEXT,
    window_s: int = 0,
    **smtp: object,
) -> AsyncIterator[WorkerRuntime]:
    """Runs a worker of notify."""
    service_settings = settings(database, topics, port, folders, keyring=keyring, window_s=window_s, **smtp)
    async with at_work(make_plan(service_settings, TestKeys()), service_settings) as runtime:
        yield runtime


def requested(
    to: str | list[str],
    kind: str = "sign-in-code",
    channel: str = "mail",
    *,
    language: str = "fr",
    record_id: UUID | None = None,
    request_id: UUID | None = None,
    expires_at: datetime | None = None,
    **values: str,
) -> MessageRequested:
    """Returns a request for a message, encrypted as identity encrypts it."""
    address = {{"mail": "mail", "sms": "mobile", "letter": "address"}[channel]: to}
    plaintext = orjson.dumps({"to": address, "language": language, "values": values})
    id = request_id or uuid4()
    return MessageRequested.model_validate(
        {
            "request_id": id,
            "record_id": record_id,
            "channel": channel,
            "kind": kind,
            "sealed": KEYRING.encrypt_jwe(plaintext, sealed_place("request", id)),
            "expires_at": expires_at,
        }
    )


def contact(
    record_id: UUID,
    mail: str | None = "someone@mail.example",
    *,
    language: str = "fr",
    relation: str = "holder",
    version: int = 1,
    mobile: str | None = None,
    keyring: Keyring = KEYRING,
) -> ContactChanged:
    """Returns a contact, encrypted as identity encrypts it."""
    mobile_field = {} if mobile is None else {"mobile": mobile}
    plaintext = orjson.dumps({"mail": mail, "language": language, "relation": relation, **mobile_field})
    sealed = keyring.encrypt_jwe(plaintext, sealed_place("contact", record_id))
    return ContactChanged(record_id=record_id, version=version, sealed=sealed)


def published(record_id: UUID, *labels: str, document_id: UUID | None = None) -> DocumentPublished:
    """Returns the event of a document's publication."""
    return DocumentPublished(
        record_id=record_id,
        document_id=document_id or clock.new_id(bucket_of(record_id)),
        deposit_id=clock.new_id(bucket_of(record_id)),
        organisation_id="1750000001",
        labels=labels or ("N",),
        decision_id=uuid4(),
        received_at=clock.now(),
        published_at=clock.now(),
    )


def consulted(
    record_id: UUID,
    professional_id: str = "899700000001",
    *,
    document_id: UUID | None = None,
    outcome: str = "permitted",
    kind: str = "professional",
    action: str = "read-document",
    mode: str = "normal",
    session_id: UUID | None = None,
) -> AccessRecorded:
    """Returns the event of an attempt to read a document."""
    return AccessRecorded.model_validate(
        {
            "record_id": record_id,
            "actor": Actor(kind=kind, id=professional_id),  # type: ignore[arg-type]
            "action": action,
            "outcome": outcome,
            "reason": "authorised",
            "document_id": document_id or uuid4(),
            "mode": mode,
            "session_id": session_id,
        }
    )
