"""Checks the form of a message: its type, version and processing id, then its segments and required fields."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from services.records.hl7v2.domain.faults import rejected, wrong
from shared.hl7v2.acknowledgement import ErrorCode
from shared.hl7v2.message import Message

VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"})
_EVENTS: Final = {
    "ORU": frozenset({"R01"}),
    "MDM": frozenset({"T02", "T10", "T04"}),
    "ADT": frozenset({"A01", "A03", "A04", "A05", "A08", "A11", "A28", "A31", "A40", "A47"}),
}
_SEGMENTS: Final = {
    "ORU": ("MSH", "PID", "OBR", "OBX"),
    "MDM": ("MSH", "EVN", "PID", "PV1", "TXA", "OBX"),
    "ADT": ("MSH", "EVN", "PID"),
}
"""The required segments in their order; others may stand between them."""
_FIELDS: Final = {
    "ORU": (("MSH", 10), ("PID", 3), ("PID", 5), ("OBX", 3), ("OBX", 5), ("OBX", 11)),
    "MDM": (("MSH", 10), ("PID", 3), ("PID", 5), ("OBX", 3), ("OBX", 5)),
    "ADT": (("MSH", 10), ("PID", 3), ("PID", 5)),
}


class MessageKind(StrEnum):
    """The kinds of messages (MSH-9.1) that are read; `ACK` is only counted."""

    ORU = "ORU"
    MDM = "MDM"
    ADT = "ADT"
    ACK = "ACK"


def kind_of(message: Message, processing_ids: Collection[str]) -> MessageKind:
    """Returns the kind of a message. `processing_ids`: the values of MSH-11 that this installation takes.

    Raises MessageRefusedError (AR 200 to 203).
    """
    header = message.header
    kind, event = header.value(9, 1), header.value(9, 2)
    if kind == MessageKind.ACK:
        return MessageKind.ACK
    if kind not in _EVENTS:
        raise rejected(ErrorCode.MESSAGE_TYPE, "Send ORU^R01, MDM^T02, T10 or T04, or ADT.", "MSH^1^9^1^1")
    if event not in _EVENTS[kind]:
        events = ", ".join(sorted(_EVENTS[kind]))
        raise rejected(ErrorCode.EVENT, f"Of {kind} these events are read: {events}.", "MSH^1^9^1^2")
    if header.value(11) not in processing_ids:
        ids = ", ".join(processing_ids)
        raise rejected(ErrorCode.PROCESSING, f"MSH-11 must be {ids} here.", "MSH^1^11")
    if header.value(12) not in VERSIONS:
        raise rejected(ErrorCode.VERSION, "Versions 2.3 to 2.8 are read.", "MSH^1^12")
    return MessageKind(kind)


def check_form(message: Message, kind: MessageKind) -> None:
    """Raises MessageRefusedError (AE 100, 101) where a segment or a field is missing or out of order."""
    position = 0
    names = [segment.name for segment in message.segments]
    for name in _SEGMENTS[kind]:
        if name not in names[position:]:
            raise wrong(ErrorCode.SEGMENT_SEQUENCE, f"{name}^1", f"The segment {name} is missing or out of order.")
        position = names.index(name, position) + 1
    for name, field in _FIELDS[kind]:
        if not message.first(name).field(field):
            raise wrong(ErrorCode.FIELD_MISSING, f"{name}^1^{field}", f"{name}-{field} is missing.")
