"""What an ADT message says that matters here: the consents that a structure collected (segment ZFA), and their period.

Source: IHE PAM France 2.11: ZFA-9 (IO opposed to deposits, INO informed and not opposed, NA), ZFA-10 its date, ZFA-11
(IC not opposed to being consulted, INC opposed, NA), ZFA-12 its date; PV2-9 the expected discharge.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from services.records.hl7v2.domain.faults import wrong
from shared.hl7v2.acknowledgement import ErrorCode
from shared.hl7v2.message import Message
from shared.hl7v2.timestamps import timestamp_of
from shared.national_ids import full_ids

IDENTITY_EVENTS: Final = frozenset({"A28", "A31", "A40", "A47"})
"""Events about an identity: its INS and traits are compared with the record's."""
_WITHOUT_CONSENTS: Final = frozenset({"A03", "A11"})
"""The end of a stay and its cancellation change no rights."""
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_NOTHING_SAID: Final = frozenset({"NA", ""})
Code = TypeVar("Code")
Feeding = Literal["IO", "INO"]
Consultation = Literal["IC", "INC"]
_FEEDING: Final[dict[str, Feeding]] = {"IO": "IO", "INO": "INO"}
_CONSULTATION: Final[dict[str, Consultation]] = {"IC": "IC", "INC": "INC"}


@dataclass(frozen=True, slots=True)
class CollectedConsents:
    """What the person said, with dates; None where nothing is said. `stay_until`: the end of the stay (PV2-9)."""

    feeding: Feeding | None
    feeding_at: datetime | None
    consultation: Consultation | None
    consultation_at: datetime | None
    stay_until: datetime | None


def event_of(message: Message) -> str:
    """Returns the event of a message (MSH-9.2)."""
    return message.header.value(9, 2)


def consents_of(message: Message, now: datetime) -> CollectedConsents | None:
    """Returns the consents of a message, None where it says nothing.

    Raises MessageRefusedError: AE 101 for a statement without its date, 102 for what is no date, 103 for an unknown
    code or a date in the future.
    """
    if event_of(message) in _WITHOUT_CONSENTS:
        return None
    feeding = _stated(message, 9, _FEEDING)
    consultation = _stated(message, 11, _CONSULTATION)
    if feeding is None and consultation is None:
        return None
    return CollectedConsents(
        feeding,
        None if feeding is None else _collected_at(message, 10, now),
        consultation,
        None if consultation is None else _collected_at(message, 12, now),
        None if consultation != "IC" else _stay_until(message),
    )


def professional_ids(message: Message) -> tuple[str, ...]:
    """Returns the full identifiers that the responsible professionals of PV1-7 may have."""
    visit = message.first("PV1")
    texts = (visit.value(7, 1, number) for number in range(1, visit.repetitions(7) + 1))
    return tuple(id for text in texts for id in full_ids(text, "professional"))


def _stated(message: Message, field: int, codes: dict[str, Code]) -> Code | None:
    code = message.first("ZFA").value(field)
    if code in _NOTHING_SAID:
        return None
    if code not in codes:
        raise wrong(ErrorCode.TABLE_VALUE, f"ZFA^1^{field}", f"ZFA-{field} is {', '.join(codes)} or NA.")
    return codes[code]


def _collected_at(message: Message, field: int, now: datetime) -> datetime:
    text = message.first("ZFA").value(field)
    place = f"ZFA^1^{field}"
    if not text:
        raise wrong(ErrorCode.FIELD_MISSING, place, f"ZFA-{field} is missing: when the person said so.")
    timestamp = timestamp_of(text)
    if timestamp is None:
        raise wrong(ErrorCode.DATA_TYPE, place, f"ZFA-{field} is no date: YYYYMMDDHHMMSS.")
    if timestamp.at > now + _CLOCKS_DIFFER:
        raise wrong(ErrorCode.TABLE_VALUE, place, f"ZFA-{field} is in the future.")
    return timestamp.at


def _stay_until(message: Message) -> datetime | None:
    text = message.first("PV2").value(9)
    if not text:
        return None
    timestamp = timestamp_of(text)
    if timestamp is None:
        raise wrong(ErrorCode.DATA_TYPE, "PV2^1^9", "PV2-9 is no date: YYYYMMDDHHMMSS.")
    return timestamp.end
