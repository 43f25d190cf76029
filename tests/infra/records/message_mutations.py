"""Spoils HL7 v2 messages at random, and again the same way from the same seed; reads them as the listener does."""

import random
from functools import cache
from uuid import UUID

from services.records.hl7v2.domain import admission, faults, form, patient, transmission
from shared.errors import ClientError
from shared.hl7v2 import charset
from shared.hl7v2.message import Message, UnreadableMessageError
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_admissions import Admission, collected
from tests.infra.records.hl7v2_messages import MessageParts

PERSON = Person(71)
SECRET = "SECRETSECRET"
_EVENTS = ("A01", "A31", "A03")
_PIECES = (
    *(b"|", b"^", b"~", b"&", b"\\", b"\r", b"\n", b"\x00", b"\x0b", b"\x1c", b"\xff", b"\xc3"),
    *(b"OBX|", b"PID|", b'""', b"MSH", b"="),
)


@cache
def _messages() -> tuple[bytes, ...]:
    content = a_cda(PERSON, UUID(int=71), text=SECRET)
    metadata = {"MASQUE_PS": "Y", "DESTDMP": "Y", "MODIF_CONF_CODE": "N"}
    parts = [
        MessageParts(PERSON, (content,), metadata=metadata),
        MessageParts(PERSON, (content,), event="T10", result="C", order="RO", metadata=metadata),
        MessageParts(PERSON, (content,), event="T04", result="D", order="CA"),
    ]
    consents = collected("IO", "IC", "20261001101500")
    admissions = [
        Admission(PERSON, event, consents, doctor=f"899900000018^{SECRET}", stay_until="20261009") for event in _EVENTS
    ]
    return (*(part.encoded() for part in parts), *(admission.encoded() for admission in admissions))


def _spoiled(source: random.Random, raw: bytes) -> bytes:
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
                changed[at:at] = source.choice(_PIECES)
            case _:
                first, *lines = bytes(changed).split(b"\r")
                source.shuffle(lines)
                changed = bytearray(b"\r".join([first, *lines]))
    return bytes(changed)


def spoiled_message(source: random.Random) -> bytes:
    """Returns a message with one to six faults."""
    return _spoiled(source, source.choice(_messages()))


def outcome_of(raw: bytes) -> str:
    """Returns the acknowledgement that a message gets before anything is asked of a database; `read`: none yet."""
    try:
        _read(raw)
    except UnreadableMessageError as error:
        return error.code
    except ClientError as error:
        fault = faults.refusal_of(error).fault
        return f"{fault.outcome} {int(fault.code)}"
    return "read"


def _read(raw: bytes) -> None:
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
