"""A mail goes only to the server whose certificate proves it, encrypted wherever the settings say so."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import ValidationError

from services.notify.delivery.adapters.smtp import MailGateway, MailServer, tls_context
from services.notify.delivery.domain import Delivered, GatewayAnswer, OutgoingMessage, Skipped
from services.notify.settings import SmtpSettings
from tests.infra.notify.notify import MailServer as CaughtMails
from tests.infra.notify.notify import mail_server
from tests.infra.platform.certificates import Authority

MESSAGE = OutgoingMessage(id=uuid4(), to="patient@mail.example", body=b"Subject: x\r\n\r\nx\r\n")


@asynccontextmanager
async def serving(security: Literal["none", "starttls", "tls"], files: Any) -> AsyncIterator[tuple[int, CaughtMails]]:
    """Yields the port of a mail server with this certificate, and the mails that it took."""
    caught = CaughtMails()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    loop = asyncio.get_running_loop()
    upgrade: dict[str, Any] = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}

    def protocol() -> SMTP:
        return SMTP(caught, hostname="localhost", loop=loop, **upgrade)

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    try:
        yield server.sockets[0].getsockname()[1], caught
    finally:
        server.close()


async def deliver(port: int, security: Literal["starttls", "tls"], ca_file: Path) -> GatewayAnswer:
    server = MailServer("127.0.0.1", port, "no-reply@dmp.example", 5, security, ca_file)
    gateway = MailGateway(server, tls_context(server))
    try:
        return await gateway.send(MESSAGE)
    finally:
        gateway.close()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_is_handed_over_to_a_server_with_a_certificate_of_the_known_authority(
    security: Literal["starttls", "tls"], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    async with serving(security, authority.issue("mail")) as (port, caught):
        assert isinstance(await deliver(port, security, authority.file), Delivered)
        assert len(caught.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_is_not_handed_over_to_a_server_that_another_authority_certified(
    security: Literal["starttls", "tls"], tmp_path: Path
) -> None:
    authority, another = Authority(tmp_path), Authority(tmp_path, "another")
    async with serving(security, another.issue("mail")) as (port, caught):
        assert await deliver(port, security, authority.file) == Skipped("server-not-verified")
        assert caught.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_is_not_handed_over_to_a_server_with_the_certificate_of_another_host(
    security: Literal["starttls", "tls"], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    async with serving(security, authority.issue("mail", ["mail.example"])) as (port, caught):
        assert await deliver(port, security, authority.file) == Skipped("server-not-verified")
        assert caught.mails == []


async def test_a_mail_is_not_handed_over_unencrypted_to_a_server_that_offers_no_encryption(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving("none", authority.issue("mail")) as (port, caught):
        assert await deliver(port, "starttls", authority.file) == Skipped("server-unavailable")
        assert caught.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_gateway_follows_the_authorities_of_its_server(
    security: Literal["starttls", "tls"], tmp_path: Path
) -> None:
    authority, used = Authority(tmp_path), Authority(tmp_path, "used")
    async with serving(security, authority.issue("mail")) as (port, _):
        server = MailServer("127.0.0.1", port, "no-reply@dmp.example", 5, security, used.file)
        gateway = MailGateway(server, tls_context(server))
        assert await gateway.send(MESSAGE) == Skipped("server-not-verified")
        shutil.copy(authority.file, used.file)
        assert isinstance(await gateway.send(MESSAGE), Delivered)
        gateway.close()


@pytest.mark.parametrize(("max_age_s", "connections"), [(3600, 1), (1e-9, 2)])
async def test_a_gateway_replaces_a_connection_that_is_old(max_age_s: float, connections: int) -> None:
    async with mail_server() as caught:
        gateway = MailGateway(
            MailServer("127.0.0.1", caught.port, "no-reply@dmp.example", 5, max_age_s=max_age_s), None
        )
        for _ in range(2):
            assert isinstance(await gateway.send(MESSAGE), Delivered)
        gateway.close()
        assert (len(caught.mails), caught.connections) == (2, connections)


def settings(host: str, **values: Any) -> SmtpSettings:
    return SmtpSettings.model_validate({"host": host, "port": 587, "sender": "no-reply@dmp.example", **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "SECURITY is needed"),
        ({"security": "none", "username": "dmp", "password": "invented"}, "PASSWORD is not sent unencrypted"),
        ({"security": "none", "ca_file": "/nowhere"}, "CA_FILE has no effect"),
        ({"security": "tls", "ca_file": "/nowhere"}, "CA_FILE cannot be read"),
    ],
)
def test_settings_that_leave_the_encryption_of_mails_open_are_refused_in_words(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        settings("mail.example", **values)


def test_mails_go_unencrypted_on_this_machine_or_when_the_settings_say_so() -> None:
    assert not settings("127.0.0.1").uses_tls
    assert not settings("mail.example", security="none").uses_tls
    assert settings("mail.example", security="starttls").uses_tls
