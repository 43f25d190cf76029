"""The sender's own listener learns whether the documents of an accepted message are published."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.records.business_acknowledgements.adapters import MllpSender, client_tls
from services.records.business_acknowledgements.store import list_failed
from services.records.business_acknowledgements.usecases import deliver_acknowledgements
from services.records.business_acknowledgements.usecases.deliver_acknowledgements import (
    DeliverAcknowledgements,
    observe_acknowledgements,
)
from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_deposits
from shared.contracts.identity import ClientListener
from shared.db.pool import transaction
from tests.infra.erasure.erasing import erased
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.certificates import Authority
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import MessageParts, MllpClient
from tests.infra.records.mllp import MllpTarget
from tests.infra.records.mllp_receiver import MllpReceiver, run_receiver
from tests.infra.records.records_api import RecordsApi

SOMEBODY = Person(71)
ASKING = {"ACK_RECEPTION": "Y"}


@pytest.fixture
async def receiver() -> AsyncIterator[MllpReceiver]:
    async with run_receiver() as listening:
        yield listening


@pytest.fixture
async def asked(api: RecordsApi, record: UUID, mllp: MllpTarget, receiver: MllpReceiver) -> RecordsApi:
    """The API, where the laboratory has a listener of its own."""
    await mllp.register(listener=ClientListener(host="127.0.0.1", port=receiver.port, tls=False))
    return api


def asking(*contents: bytes, **changed: Any) -> bytes:
    parts = MessageParts(SOMEBODY, contents or (a_cda(SOMEBODY, uuid4()),), metadata=ASKING)
    return replace(parts, **changed).encoded()


async def deliver(api: RecordsApi, tls: Any = None, timeout_s: float = 5.0) -> list[asyncpg.Record]:
    """Makes all that waits due, delivers once, and returns what is left in the queue."""
    await api.pool.execute("update business_acknowledgements set due_at = created_at")
    sender = MllpSender(tls or partial(client_tls, None, None, None), timeout_s)
    await DeliverAcknowledgements(sender).run_once(api.pool)
    return await api.pool.fetch(
        "select reason, attempts, due_at > created_at as is_later, failed_at from business_acknowledgements"
    )


async def decide(api: RecordsApi, *reasons: str) -> None:
    """Applies consent's decisions on what waits, in the order of receipt."""
    rows = await api.pool.fetch("select id from documents where status = 'received' order by id")
    for row, reason in zip(rows, reasons or ["feeding"] * len(rows), strict=True):
        await api.decide(row["id"], reason=reason)


async def test_a_published_document_is_acknowledged_once(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver
) -> None:
    sent = asking(control_id="M-7")
    assert (await hospital.send(sent)).answer == "AA"
    [waiting] = await deliver(asked)
    assert (receiver.received, waiting["is_later"]) == ([], True), "nothing is sent before it is decided"
    await decide(asked)
    assert await deliver(asked) == []
    [[header, observed]] = receiver.segments
    assert header[2:6] == ["PFI-X", "Organisation-X", "SIL-Y", "labo"]
    assert (header[8], header[10], header[11], header[16], header[17], header[20]) == (
        "ZAM^Z01^ZAM_Z01", "P", "2.6", "FRA", "UNICODE UTF-8", "2.1^CISIS_CDA_HL7_V2",
    )  # fmt: skip
    name = "ACK_RECEPTION_DMP^Accusé de réception DMP^AckMetierZAM"
    assert observed == ["OBX", "1", "CWE", name, "M-7", "Y^^expandedYes-NoIndicator", *[""] * 5, "F"]
    await hospital.send(sent)
    assert await deliver(asked) == [], "a repeated message is acknowledged once"


@pytest.mark.parametrize("reason", ["consent-opposed", "blocked"])
async def test_a_refused_document_is_acknowledged_with_the_code_that_the_tracking_shows(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver, reason: str
) -> None:
    """A block looks like any opposition: the hospital does not learn that the patient blocked it."""
    both = (a_cda(SOMEBODY, uuid4()), a_cda(SOMEBODY, uuid4()))
    assert (await hospital.send(asking(*both))).answer == "AA"
    await decide(asked, "feeding", reason)
    await deliver(asked)
    [[_, observed, error]] = receiver.segments
    assert observed[5] == "N^^expandedYes-NoIndicator", "one message has one acknowledgement: all documents, or not"
    assert error[3:6] == [
        "207^Application error^messageErrorCondition", "E", "consent-opposed^consent-opposed^DMP_ERROR_CODE",
    ]  # fmt: skip
    assert SOMEBODY.ins.encode() not in receiver.received[0]


async def test_a_deletion_is_acknowledged(asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver) -> None:
    content = a_cda(SOMEBODY, uuid4())
    await hospital.send(asking(content, metadata={}))
    await decide(asked)
    deletion = asking(content, event="T04", result="D", order="CA", control_id="M-2")
    assert (await hospital.send(deletion)).answer == "AA"
    await deliver(asked)
    [[_, observed]] = receiver.segments
    assert (observed[4], observed[5].partition("^")[0]) == ("M-2", "Y")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (asking(metadata={}), "AA"),
        (asking(metadata={"ACK_RECEPTION": "N"}), "AA"),
        (asking(metadata={**ASKING, "DESTDMP": "N"}), "AA"),
        (asking(b"no CDA"), "AE 102"),
        (asking(structure="1750000002"), "AE 207 901"),
    ],
)
async def test_what_was_not_asked_for_or_not_accepted_is_not_acknowledged(
    asked: RecordsApi, hospital: MllpClient, sent: bytes, answer: str
) -> None:
    assert (await hospital.send(sent)).answer == answer
    assert await asked.pool.fetchval("select count(*) from business_acknowledgements") == 0


@pytest.mark.parametrize(
    ("said", "reason", "is_final"),
    [
        ("AR", "rejected-by-listener", False),
        ("AE", "refused-by-listener", True),
        ("", "no-answer", False),
        ("??", "answer-unreadable", False),
    ],
)
async def test_what_a_listener_does_not_take_is_tried_again_or_kept_with_the_reason(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver, said: str, reason: str, is_final: bool
) -> None:
    await hospital.send(asking())
    await decide(asked)
    receiver.answers = [said]
    [left] = await deliver(asked)
    assert (left["reason"], left["attempts"], left["failed_at"] is not None) == (reason, 1, is_final)
    left_after_another_round = await deliver(asked)
    assert len(left_after_another_round) == is_final
    first, *again = receiver.received
    assert again == ([] if is_final else [first]), "it is the same message, under the same MSH-10"


async def test_a_silent_listener_costs_its_time_out_and_is_tried_again(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver
) -> None:
    await hospital.send(asking())
    await decide(asked)
    receiver.answers = [None]
    [left] = await deliver(asked, timeout_s=0.2)
    assert (left["reason"], left["failed_at"]) == ("listener-timeout", None)


async def test_it_is_given_up_after_two_days_and_operators_see_it(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.send(asking(control_id="M-9"))
    await decide(asked)
    receiver.answers = ["AR"] * 4
    for hours, is_failed in ((47, False), (49, True)):
        await deliver(asked)
        age = "update business_acknowledgements set tried_since = clock_timestamp() - make_interval(hours => $1)"
        await asked.pool.execute(age, hours)
        [left] = await deliver(asked)
        assert (left["failed_at"] is not None) is is_failed
    async with asked.pool.acquire() as connection:
        [failed] = await list_failed(connection, 10)
    assert (failed.client_id, failed.control_id, failed.reason) == ("laboratoire", "M-9", "rejected-by-listener")
    monkeypatch.setattr(deliver_acknowledgements, "RETENTION", timedelta())
    monkeypatch.setattr(deliver_acknowledgements, "OBSERVE_EVERY_S", 0)
    await observe_acknowledgements(asked.pool)
    assert await asked.pool.fetchval("select count(*) from business_acknowledgements") == 0


@pytest.mark.parametrize(
    ("client", "reason", "is_final"),
    [
        ({"listener": None}, "listener-missing", False),
        ({"listener": ClientListener(host="127.0.0.1", port=1, tls=False)}, "listener-unreachable", False),
        ({"listener": ClientListener(host="192.0.2.1", port=2575, tls=False)}, "listener-without-tls", False),
        ({"status": "inactive"}, "client-inactive", True),
    ],
)
async def test_a_sender_without_a_listener_that_can_be_reached_is_seen_by_operators(
    asked: RecordsApi, mllp: MllpTarget, hospital: MllpClient, client: dict[str, Any], reason: str, is_final: bool
) -> None:
    await hospital.send(asking())
    await decide(asked)
    await mllp.register(**client)
    [left] = await deliver(asked)
    assert (left["reason"], left["failed_at"] is not None) == (reason, is_final)


@pytest.mark.parametrize(
    ("hosts", "is_known", "reason"),
    [
        (("127.0.0.1",), True, None),
        (("dpi.example",), True, "listener-not-verified"),
        (("127.0.0.1",), False, "listener-not-verified"),
    ],
)
async def test_the_listener_proves_who_it_is(
    asked: RecordsApi,
    mllp: MllpTarget,
    hospital: MllpClient,
    tmp_path: Path,
    hosts: tuple[str, ...],
    is_known: bool,
    reason: str | None,
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    files = authority.issue("dpi", hosts)
    own = other.issue("records")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(other.file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    await hospital.send(asking())
    await decide(asked)
    async with run_receiver(context) as secured:
        await mllp.register(listener=ClientListener(host="127.0.0.1", port=secured.port))
        known = authority if is_known else other
        left = await deliver(asked, partial(client_tls, str(known.file), str(own.certificate), str(own.key)))
    assert [row["reason"] for row in left] == ([] if reason is None else [reason])
    assert len(secured.received) == (reason is None)


async def test_own_files_that_cannot_be_read_are_named(
    asked: RecordsApi, mllp: MllpTarget, hospital: MllpClient, tmp_path: Path
) -> None:
    await hospital.send(asking())
    await decide(asked)
    await mllp.register(listener=ClientListener(host="127.0.0.1", port=1))
    [left] = await deliver(asked, partial(client_tls, str(tmp_path / "absent.pem"), None, None))
    assert left["reason"] == "certificate-unreadable"


async def test_a_listener_that_hangs_is_not_tried_for_all_that_waits_at_once(
    asked: RecordsApi, hospital: MllpClient, receiver: MllpReceiver
) -> None:
    for number in range(6):
        await hospital.send(asking(control_id=f"M-{number}"))
    await decide(asked)
    receiver.answers = [None] * 6
    left = await deliver(asked, timeout_s=0.2)
    assert sorted(row["attempts"] for row in left) == [0, 0, 1, 1, 1, 1]


async def test_the_erasure_of_the_record_takes_what_waits(
    asked: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    await hospital.send(asking())
    async with transaction(asked.pool) as connection:
        await erase_record(connection, [message(erased(record))])
    async with transaction(asked.pool) as connection:
        assert (await remove_deposits(connection, record))["business_acknowledgements"] == 1
    assert await asked.pool.fetchval("select count(*) from business_acknowledgements") == 0
