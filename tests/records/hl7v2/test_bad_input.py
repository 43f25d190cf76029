"""Whatever bytes come, the answer is an acknowledgement: never an error of ours, and nothing of what was sent."""

import base64
import random
import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from services.records.hl7v2.context import Peer
from services.records.hl7v2.domain import admission, faults, form, patient, transmission
from services.records.hl7v2.usecases import receive_message
from shared.errors import ClientError
from shared.hl7v2 import charset
from shared.hl7v2.message import Message, UnreadableMessageError
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_admissions import Admission, collected
from tests.infra.records.hl7v2_messages import Ack, MessageParts
from tests.infra.records.mllp import MllpTarget

SOMEBODY = Person(71)
SECRET = "SECRETSECRET"
EVENTS = ("A01", "A31", "A03")
PIECES = (
    *(b"|", b"^", b"~", b"&", b"\\", b"\r", b"\n", b"\x00", b"\x0b", b"\x1c", b"\xff", b"\xc3"),
    *(b"OBX|", b"PID|", b'""', b"MSH", b"="),
)


def messages() -> tuple[bytes, ...]:
    content = a_cda(SOMEBODY, UUID(int=71), text=SECRET)
    metadata = {"MASQUE_PS": "Y", "DESTDMP": "Y", "MODIF_CONF_CODE": "N"}
    parts = [
        MessageParts(SOMEBODY, (content,), metadata=metadata),
        MessageParts(SOMEBODY, (content,), event="T10", result="C", order="RO", metadata=metadata),
        MessageParts(SOMEBODY, (content,), event="T04", result="D", order="CA"),
    ]
    consents = collected("IO", "IC", "20261001101500")
    admissions = [
        Admission(SOMEBODY, event, consents, doctor=f"899900000018^{SECRET}", stay_until="20261009") for event in EVENTS
    ]
    return (*(part.encoded() for part in parts), *(admission.encoded() for admission in admissions))


def mutated(source: random.Random, raw: bytes) -> bytes:
    """Returns the message after a few changes: bytes replaced, cut out, repeated or put in."""
    changed = bytearray(raw)
    for _ in range(source.randint(1, 6)):
        at, length = source.randrange(len(changed) or 1), source.choice((1, 1, 3, 20, 200))
        match source.randrange(5):
            case 0:
                changed[at : at + 1] = source.randbytes(1)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at:at] = source.choice(PIECES)
            case _:
                first, *lines = bytes(changed).split(b"\r")
                source.shuffle(lines)
                changed = bytearray(b"\r".join([first, *lines]))
    return bytes(changed)


def mutants(count: int, seed: int = 18) -> Iterator[bytes]:
    source, originals = random.Random(seed), messages()
    for _ in range(count):
        yield mutated(source, source.choice(originals))


def read(raw: bytes) -> None:
    """Reads a message as the use case does, as far as it goes without a database."""
    decoded = charset.decode(raw)
    assert "\ufffd" not in decoded.text or b"\xef\xbf\xbd" in raw
    message = Message(decoded.text, decoded.codec)
    kind = form.kind_of(message, ("P",))
    if kind is form.MessageKind.ACK:
        return
    form.check_form(message, kind)
    if kind is form.MessageKind.ADT:
        admission.consents_of(message, clock.now())
        admission.professional_ids(message)
        return
    transmission.instructions_of(message)
    patient.required_ins(message)
    patient.traits_of_message(message)
    transmission.documents_of(message, raw)
    transmission.check_tables(message)
    verb = transmission.verb_of(message, kind)
    transmission.structure_of(message)
    transmission.identifier_fault(message, "urn:oid:1.2", None, verb)


def outcomes_of(count: int) -> dict[str, int]:
    outcomes: dict[str, int] = {}
    for raw in mutants(count):
        try:
            read(raw)
            outcome = "read"
        except UnreadableMessageError as error:
            outcome = error.code
        except ClientError as error:
            fault = faults.refusal_of(error).fault
            outcome = f"{fault.outcome} {int(fault.code)}"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def test_mutated_messages_are_read_or_refused_by_a_fault() -> None:
    outcomes = outcomes_of(2_000)
    assert outcomes["read"] > 20
    assert {"AE 102", "AE 100", "AR 200"} <= outcomes.keys()


@pytest.mark.long
def test_a_hundred_thousand_mutated_messages_are_read_or_refused_by_a_fault() -> None:
    assert sum(outcomes_of(100_000).values()) == 100_000


async def test_mutated_messages_get_an_acknowledgement_without_what_was_sent(
    record: UUID, mllp: MllpTarget, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = (SECRET, SOMEBODY.ins, SOMEBODY.birth_name, base64.b64encode(SECRET.encode())[4:-4].decode())
    for raw in mutants(300, seed=19):
        answer = await receive_message.receive_message(mllp.listener.context, Peer(None), raw)
        if answer.acknowledgement is None:
            continue
        acknowledged = Ack(answer.acknowledgement)
        assert acknowledged.code in {"AA", "AE", "AR"}
        err_fields = acknowledged.segments.get("ERR", [])
        assert not any(secret in "|".join(err_fields) for secret in secrets), err_fields
        assert re.search(r"Traceback|Error\b", "|".join(err_fields[7:])) is None
    written = capfd.readouterr()
    assert not any(secret in written.out + written.err for secret in secrets)


async def test_the_same_bytes_of_a_cda_are_one_document_whatever_else_changes(record: UUID, mllp: MllpTarget) -> None:
    content = a_cda(SOMEBODY, uuid4())
    async with mllp.connect() as client:
        for number in range(5):
            message = MessageParts(SOMEBODY, (content,), control_id=f"M-{number}", charset=("8859/15", "")[number % 2])
            assert (await client.send(message.encoded())).answer == "AA"
    assert await mllp.api.pool.fetchval("select count(*) from documents") == 1
