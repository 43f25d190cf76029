"""The envelope of an HL7 v2 message: whom PID and the CDAs state, and the correction of PID.

Everything but the corrected fields of PID stays byte for byte. Source: HL7 v2.5.1 PID, PAM FR (see `patient`).
"""

import re
from collections.abc import Callable
from typing import Final

from services.records.deposits.domain.bundle_envelopes import ins_of_content, stated_traits
from services.records.hl7v2.domain.faults import MessageRefusedError
from services.records.hl7v2.domain.patient import ins_of_message, traits_of_message
from services.records.hl7v2.domain.transmission import documents_of
from services.records.quarantine.domain.corrections import Corrections, NotCorrectableError
from services.records.quarantine.domain.requests import StatedPersons
from shared.hl7v2 import charset
from shared.hl7v2.message import Message, Segment, UnreadableMessageError
from shared.terminology import oids

HL7V2: Final = "hl7v2"
"""The name of this door in quarantine."""
_LINES: Final = re.compile(r"(\r\n?|\n)")


def persons_of_message(raw: bytes) -> StatedPersons:
    """Returns the INS of PID and those of the CDAs."""
    try:
        message = Message.of(raw)
    except UnreadableMessageError:
        return StatedPersons()
    ins = ins_of_message(message)
    try:
        contents = [document.content for document in documents_of(message, raw)]
    except MessageRefusedError:
        contents = []
    stated = frozenset(ins for content in contents for ins in ins_of_content(content))
    return StatedPersons(stated, frozenset() if ins is None else frozenset({ins}))


def fields_of_message(raw: bytes) -> dict[str, str]:
    """Returns INS and traits of PID, as far as they are well-formed."""
    try:
        message = Message.of(raw)
    except UnreadableMessageError:
        return {}
    ins = ins_of_message(message)
    stated = {} if ins is None else {"ins": f"{ins.system}|{ins.matricule}"}
    return stated | stated_traits(traits_of_message(message))


def corrected_message(raw: bytes, corrections: Corrections) -> bytes:
    """Returns the message with a corrected PID. Raises NotCorrectableError."""
    decoded = charset.decode(raw)
    try:
        message = Message(decoded.text, decoded.codec)
    except UnreadableMessageError as error:
        raise NotCorrectableError from error
    pieces = _LINES.split(decoded.text)
    start = f"PID{message.separator}"
    at = next((number for number, piece in enumerate(pieces) if piece.startswith(start)), None)
    if at is None:
        raise NotCorrectableError
    segment = _SegmentText(message, pieces[at])
    _correct(segment, message.first("PID"), corrections)
    pieces[at] = str(segment)
    try:
        return "".join(pieces).encode(decoded.codec)
    except UnicodeEncodeError as error:
        raise NotCorrectableError from error


class _SegmentText:
    """A segment as text, in which single components can be set. Numbers count from 1, as in the standard."""

    def __init__(self, message: Message, text: str) -> None:
        self._message = message
        self._fields = text.split(message.separator)

    def __str__(self) -> str:
        return self._message.separator.join(self._fields)

    def set(self, value: str, field: int, component: int, repetition: int = 1, subcomponent: int = 1) -> None:
        """Sets a subcomponent; a component that had several keeps the others."""
        message = self._message
        self._fields = _filled(self._fields, field + 1)
        repetitions = _filled(self._fields[field].split(message.repetition), repetition)
        components = _filled(repetitions[repetition - 1].split(message.component), component)
        parts = _filled(components[component - 1].split(message.subcomponent), subcomponent)
        parts[subcomponent - 1] = self._escaped(value)
        components[component - 1] = message.subcomponent.join(parts)
        repetitions[repetition - 1] = message.component.join(components)
        self._fields[field] = message.repetition.join(repetitions)

    def repetitions(self, field: int) -> int:
        """Returns the number of repetitions of a field."""
        text = self._fields[field] if field < len(self._fields) else ""
        return text.count(self._message.repetition) + 1 if text else 0

    def _escaped(self, value: str) -> str:
        message = self._message
        escapes = {
            message.escape: "E",
            message.separator: "F",
            message.component: "S",
            message.subcomponent: "T",
            message.repetition: "R",
        }
        return "".join(
            f"{message.escape}{escapes[letter]}{message.escape}" if letter in escapes else letter for letter in value
        )


def _correct(text: _SegmentText, pid: Segment, corrections: Corrections) -> None:
    if corrections.ins is not None:
        place = _repetition(pid, 3, lambda number: pid.value(3, 4, number, 2) in oids.INS_OIDS)
        place = place or text.repetitions(3) + 1
        text.set(corrections.ins.matricule, 3, 1, place)
        text.set(corrections.ins.oid, 3, 4, place, 2)
        text.set("ISO", 3, 4, place, 3)
        text.set("INS", 3, 5, place)
    name = _repetition(pid, 5, lambda number: pid.value(5, 7, number) == "L") or 1
    if corrections.birth_name is not None:
        text.set(corrections.birth_name, 5, 1, name)
    if corrections.given_name is not None:
        text.set(corrections.given_name, 5, 2, name)
    if corrections.birth_date is not None:
        text.set(corrections.birth_date.replace("-", ""), 7, 1)
    if corrections.sex_code is not None:
        text.set(corrections.sex_code, 8, 1)
    if corrections.birth_place is not None:
        place = _repetition(pid, 11, lambda number: pid.value(11, 7, number) == "BDL") or text.repetitions(11) + 1
        text.set("BDL", 11, 7, place)
        text.set(corrections.birth_place, 11, 9, place)


def _repetition(pid: Segment, field: int, is_it: Callable[[int], bool]) -> int | None:
    """Returns the number of the first repetition that is it."""
    return next((number for number in range(1, pid.repetitions(field) + 1) if is_it(number)), None)


def _filled(parts: list[str], number: int) -> list[str]:
    """Returns the parts, with empty ones behind them until there are as many as the number."""
    return parts + [""] * (number - len(parts))
