"""Connections of senders: who proves to be whom, what a slow, large or silent one costs the others, how they end."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.platform.pki import Issued, make_pki
from services.records.app import make_mllp
from services.records.deposits.usecases import deposit_documents
from services.records.hl7v2 import listener as listener_module
from services.records.settings import MllpSettings
from shared.errors import CodedError
from shared.hl7v2 import mllp as framing
from shared.http import bulk_lane
from shared.http.admission import LIMITS, QUIET, Urgency
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import APPLICATION, FACILITY, MessageParts, MllpClient
from tests.infra.records.mllp import MllpTarget, run_mllp
from tests.infra.records.records_api import DOCTOR, HOSPITAL, RecordsApi, settings_of

SOMEBODY = Person(71)


def a_message(control_id: str = "M-1", application: str = APPLICATION) -> bytes:
    content = a_cda(SOMEBODY, uuid4())
    return MessageParts(SOMEBODY, (content,), control_id=control_id, msh={3: application}).encoded()


class Certificates:
    """A test PKI of the shape of the IGC-Santé, and the TLS contexts of its holders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = make_pki(folder, DOCTOR, HOSPITAL)
        (folder / "organisation-authorities.pem").write_bytes(self.pki.organisations.pem + self.pki.root.pem)

    @property
    def rules(self) -> dict[str, Any]:
        return {
            "certificate": str(self.folder / "edge.pem"),
            "key": str(self.folder / "edge.pem"),
            "client_authorities": str(self.folder / "organisation-authorities.pem"),
        }

    def client(self, issued: Issued | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "organisation-authorities.pem"))
        if issued is not None:
            file = self.folder / "client.pem"
            file.write_bytes(issued.key_pem + issued.pem)
            context.load_cert_chain(file)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def tls(no_messages: RecordsApi, certificates: Certificates) -> AsyncIterator[MllpTarget]:
    async with run_mllp(no_messages, **certificates.rules) as target:
        await target.be_fresh()
        yield target


async def test_the_certificate_says_whose_software_sends(
    record: UUID, tls: MllpTarget, certificates: Certificates
) -> None:
    own, other = certificates.pki.organisation(HOSPITAL), certificates.pki.organisation(HOSPITAL)
    await tls.register(certificates=(hashlib.sha256(own.der).hexdigest(),))
    async with tls.connect(ssl=certificates.client(own)) as client:
        assert (await client.send(a_message())).answer == "AA"
    async with tls.connect(ssl=certificates.client(other)) as client:
        assert (await client.send(a_message("M-2"))).answer == "AR 207 901"


async def test_without_a_certificate_of_the_authorities_nothing_is_read(
    record: UUID, tls: MllpTarget, certificates: Certificates
) -> None:
    await tls.register()
    card = certificates.pki.card(DOCTOR)
    for issued in (None, card):
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            async with tls.connect(ssl=certificates.client(issued)) as client:
                await client.send(a_message())
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        async with tls.connect() as client:
            await client.send(a_message())


async def test_a_renewed_certificate_of_the_listener_is_shown_without_a_restart(
    tls: MllpTarget, certificates: Certificates
) -> None:
    async def shown() -> bytes:
        async with tls.connect(ssl=certificates.client(certificates.pki.organisation(HOSPITAL))) as client:
            return bytes(client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))

    former = await shown()
    assert await shown() == former
    renewed = make_pki(certificates.folder / "renewed", DOCTOR, HOSPITAL)
    (certificates.folder / "renewed" / "edge.pem").replace(certificates.folder / "edge.pem")
    both = certificates.pki.organisations.pem + certificates.pki.root.pem
    both += renewed.organisations.pem + renewed.root.pem
    (certificates.folder / "organisation-authorities.pem").write_bytes(both)
    assert await shown() != former


async def test_an_old_connection_is_closed_between_two_messages(record: UUID, no_messages: RecordsApi) -> None:
    async with run_mllp(no_messages, max_age_s=1e-9) as target:
        await target.be_fresh()
        await target.register()
        async with target.connect() as client:
            assert (await client.send(a_message())).answer == "AA"
            assert await client.reader.read() == b""
        async with target.connect() as client:
            assert (await client.send(a_message("M-2"))).answer == "AA"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"host": "0.0.0.0", "plaintext": True}, "loopback only"),
        ({"certificate": "a.pem"}, "come together"),
    ],
)
def test_a_listener_without_tls_is_for_a_demonstration_on_loopback(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MllpSettings.model_validate(settings)


async def test_the_process_does_not_start_without_tls_unless_it_is_said(database: Database) -> None:
    settings = settings_of(database)
    with pytest.raises(CodedError, match="RECORDS_MLLP__CERTIFICATE"):
        make_mllp(settings)
    make_mllp(settings.model_copy(update={"mllp": MllpSettings(plaintext=True)}))


async def test_messages_of_one_connection_are_answered_in_their_order(record: UUID, hospital: MllpClient) -> None:
    frames = [framing.frame(a_message(f"M-{number}")) for number in range(20)]
    hospital.writer.write(b"".join(frames))
    answers = [await hospital.receive() for _ in frames]
    assert [answer.segments["MSA"][2] for answer in answers] == [f"M-{number}" for number in range(20)]


async def test_fifty_connections_some_of_them_silent_or_broken_do_not_hold_back_another(
    record: UUID, mllp: MllpTarget
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(mllp.connect()) for _ in range(50)]
        for client in clients[:20]:
            client.writer.write(b"\x0bMSH|^~\\&|half a message")
        for client in clients[20:25]:
            client.writer.transport.abort()
        answers = await asyncio.gather(*(client.send(a_message(str(n))) for n, client in enumerate(clients[25:])))
        assert {answer.answer for answer in answers} == {"AA"}


async def test_beyond_the_limit_the_connection_that_is_idle_longest_makes_room(
    no_messages: RecordsApi, record: UUID
) -> None:
    async with run_mllp(no_messages, max_connections=2) as target:
        await target.register()
        await target.be_fresh()
        async with target.connect() as first, target.connect() as second:
            assert (await first.send(a_message("1"))).answer == "AA"
            assert (await second.send(a_message("2"))).answer == "AA"
            async with target.connect() as third:
                assert (await third.send(a_message("3"))).answer == "AA"
                assert await first.reader.read() == b""
                assert (await second.send(a_message("4"))).answer == "AA"


async def test_a_message_beyond_the_limit_is_rejected_and_the_connection_ends(
    no_messages: RecordsApi, record: UUID
) -> None:
    async with run_mllp(no_messages, body_limit=100_000) as target, target.connect() as client:
        await target.register()
        client.writer.write(b"\x0b" + b"x" * 2_000_000)
        assert (await client.receive()).answer == "AR 207"
        with contextlib.suppress(ConnectionError):
            assert await client.reader.read() == b""


async def test_a_message_that_comes_too_slowly_is_rejected(
    record: UUID, mllp: MllpTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "GRACE_S", 0.2)
    async with mllp.connect() as client:
        client.writer.write(b"\x0bMSH|^~\\&|never ends")
        assert (await client.receive()).answer == "AR 207"
        assert await client.reader.read() == b""


async def test_in_a_full_lane_a_message_waits_and_is_then_to_be_sent_again(
    record: UUID, mllp: MllpTarget, hospital: MllpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "LONGEST_WAIT_S", 0.3)
    mllp.listener.load.change(LIMITS[Urgency.DEPOSIT].burst)
    answer = await hospital.send(a_message())
    assert (answer.answer, answer.segments["MSA"][2]) == ("AR 207", "M-1")
    mllp.listener.load.change(-LIMITS[Urgency.DEPOSIT].burst)
    assert (await hospital.send(a_message())).answer == "AA"


async def test_messages_of_bulk_software_take_their_turn_while_those_of_others_go_on(
    record: UUID, mllp: MllpTarget, hospital: MllpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class holds from the second message on: the first says whose connection it is."""
    monkeypatch.setattr(bulk_lane, "LONGEST_WAIT_S", 0.3)
    monkeypatch.setattr(deposit_documents, "LONGEST_BULK_WAIT_S", 0.0)
    await mllp.register("reprise", applications=(f"REPRISE|{FACILITY}",), client_class="bulk")
    async with mllp.connect() as backlog:
        assert (await backlog.send(a_message("B-1", "REPRISE"))).answer == "AA"
        assert (await backlog.send(a_message("B-2", "REPRISE"))).answer == "AA"
        mllp.listener.load.change(QUIET)
        assert (await backlog.send(a_message("B-3", "REPRISE"))).answer == "AR 207"
        assert (await hospital.send(a_message())).answer == "AA"
        mllp.listener.load.change(-QUIET)
        assert (await backlog.send(a_message("B-3", "REPRISE"))).answer == "AA"


async def test_an_error_of_ours_asks_for_the_message_again(
    record: UUID, mllp: MllpTarget, hospital: MllpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(listener_module, "receive_message", fail)
        assert (await hospital.send(a_message())).answer == "AR 207"
    assert (await hospital.send(a_message())).answer == "AA"


async def test_the_end_of_the_process_finishes_the_message_in_work(no_messages: RecordsApi, record: UUID) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with run_mllp(no_messages) as target:
            await target.register()
            await target.be_fresh()
            client = await stack.enter_async_context(target.connect())
            idle = await stack.enter_async_context(target.connect())
            assert (await idle.send(a_message("idle"))).answer == "AA"
            framed = framing.frame(a_message())
            client.writer.write(framed[:1000])

            async def is_at_work() -> bool:
                return any(not open_.is_idle for open_ in target.listener.connections)

            await eventually(is_at_work)
            client.writer.write(framed[1000:])
            sending = asyncio.create_task(client.receive())
        assert (await sending).answer == "AA"
        assert await idle.reader.read() == b""
