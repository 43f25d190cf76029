"""SMS and letters in folders, and mails at the catcher: what cannot be stored is kept by its sender."""

import errno
import os
from pathlib import Path
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.platform.smtp import MailCatcher
from services.notify.delivery.adapters.folders import FolderGateway
from services.notify.delivery.adapters.gateway_certificate import GatewayCertificate
from services.notify.delivery.domain import Deferred, Delivered, OutgoingMessage, Skipped
from tests.infra.notify.gateways import gateways_settings


def message() -> OutgoingMessage:
    return OutgoingMessage(uuid4(), "0699990001", b"text")


def certificate() -> GatewayCertificate:
    return GatewayCertificate("sms", gateways_settings().sms_certificate_file)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "fsync", refuse)


async def test_a_full_disk_is_waited_for_and_keeps_no_half_of_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = FolderGateway(tmp_path, certificate())
    fill_the_disk(monkeypatch)
    assert await gateway.send(message()) == Skipped("folder-unavailable")
    assert names_in(tmp_path) == set()
    monkeypatch.undo()
    assert isinstance(await gateway.send(message()), Delivered)


async def test_a_message_whose_own_place_is_taken_holds_up_no_other(tmp_path: Path) -> None:
    gateway, stuck, other = FolderGateway(tmp_path, certificate()), message(), message()
    (tmp_path / f"{stuck.id}.p7m").mkdir()
    assert await gateway.send(stuck) == Deferred("folder-unavailable")
    assert isinstance(await gateway.send(other), Delivered)
    assert names_in(tmp_path) == {f"{stuck.id}.p7m", f"{other.id}.p7m"}


async def test_a_mail_that_cannot_be_stored_is_refused_for_now_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catcher = MailCatcher(tmp_path)
    session, envelope = Session(None), Envelope()  # type: ignore[arg-type]  # the catcher asks the session for nothing
    envelope.content = b"Subject: x\r\n\r\ntext"
    server = SMTP(catcher)

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(Path, "rename", refuse)
    assert (await catcher.handle_DATA(server, session, envelope)).startswith("452")
    assert names_in(tmp_path) == set()
    monkeypatch.undo()
    assert (await catcher.handle_DATA(server, session, envelope)).startswith("250")
    [name] = names_in(tmp_path)
    assert name.endswith(".eml")
