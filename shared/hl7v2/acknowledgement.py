"""Writes acknowledgements: MSH, MSA and ERR of the original acknowledgement mode.

Sources: HL7 v2.5.1 sections 2.9.2 (original mode), 2.15.5 (ERR) and 2.15.8 (MSA), tables 0008, 0155 and 0357; CI-SIS,
volet "Transmission d'un document CDA-R2 en HL7v2" 2.1, table 0533 (codes 900 to 906).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final
from uuid import UUID

from shared.hl7v2 import charset
from shared.hl7v2.message import Message
from shared.moments import FRANCE

_CONTROL_ID_LENGTH: Final = 20
_SPECIAL: Final = {
    "|": "\\F\\",
    "^": "\\S\\",
    "~": "\\R\\",
    "\\": "\\E\\",
    "&": "\\T\\",
    "\r": "\\.br\\",
    "\n": "\\.br\\",
}


class Outcome(StrEnum):
    """MSA-1 (table 0008): accepted, refused for its content, refused for its form or until later."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REJECTED = "AR"


class ErrorCode(IntEnum):
    """ERR-3 (table 0357)."""

    SEGMENT_SEQUENCE = 100
    FIELD_MISSING = 101
    DATA_TYPE = 102
    TABLE_VALUE = 103
    MESSAGE_TYPE = 200
    EVENT = 201
    PROCESSING = 202
    VERSION = 203
    APPLICATION = 207


class ApplicationCode(IntEnum):
    """ERR-5 (table 0533 of the CI-SIS)."""

    TARGET = 900
    AUTHOR = 901
    PATIENT_UNKNOWN = 902
    INS_ABSENT = 903
    INS_DIFFERS = 904
    INS_INCOMPLETE = 905
    OTHER = 906


_TEXTS: Final = {
    ErrorCode.SEGMENT_SEQUENCE: "Segment sequence error",
    ErrorCode.FIELD_MISSING: "Required field missing",
    ErrorCode.DATA_TYPE: "Data type error",
    ErrorCode.TABLE_VALUE: "Table value not found",
    ErrorCode.MESSAGE_TYPE: "Unsupported message type",
    ErrorCode.EVENT: "Unsupported event code",
    ErrorCode.PROCESSING: "Unsupported processing id",
    ErrorCode.VERSION: "Unsupported version id",
    ErrorCode.APPLICATION: "Application internal error",
}
_APPLICATION_TEXTS: Final = {
    ApplicationCode.TARGET: "Version du document incorrecte lors d’une demande de remplacement/suppression",
    ApplicationCode.AUTHOR: "Auteur non autorisé à remplacer ou supprimer un document",
    ApplicationCode.PATIENT_UNKNOWN: "Identifiant patient inconnu",
    ApplicationCode.INS_ABSENT: "INS non présent dans le document",
    ApplicationCode.INS_DIFFERS: "INS transmis différent de celui stocké",
    ApplicationCode.INS_INCOMPLETE: "INS transmis incomplet (traits manquants)",
    ApplicationCode.OTHER: "Erreur Autre",
}


@dataclass(frozen=True, slots=True)
class MessageFault:
    """Why a message is not accepted. `location`: ERR-2, such as PID^1^3; `diagnostic`: ERR-7, what to do, in English,
    without anything that was sent."""

    outcome: Outcome
    code: ErrorCode
    application: ApplicationCode | None = None
    location: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What an acknowledgement says. `control_id`: its own MSH-10."""

    outcome: Outcome
    control_id: str
    at: datetime
    fault: MessageFault | None = None


def is_wanted(message: Message, outcome: Outcome) -> bool:
    """Returns whether MSH-16 asks for an acknowledgement of this outcome (table 0155): a value that is not in the
    table means always."""
    match message.header.value(16):
        case "NE":
            return False
        case "ER":
            return outcome is not Outcome.ACCEPTED
        case "SU":
            return outcome is Outcome.ACCEPTED
        case _:
            return True


def acknowledge(message: Message, acknowledgement: Acknowledgement) -> str:
    """Returns the acknowledgement of a message, segments ended by CR; it is sent in the codec of the message."""
    header = message.header
    event = header.value(9, 2)
    fields = [
        *("MSH", "^~\\&", *(party(header.field(number), message) for number in (5, 6, 3, 4))),
        *(moment_text(acknowledgement.at), "", f"ACK^{escape(event)}^ACK" if event else "ACK"),
        *(escape(acknowledgement.control_id), escape(header.value(11)) or "P", escape(header.value(12)) or "2.5"),
        *("", "", "", "", "FRA", charset.name_of(message.codec)),
    ]
    accepted = f"MSA|{acknowledgement.outcome}|{escape(header.value(10))}"
    return _joined(fields, accepted, acknowledgement.fault)


def reject_unreadable(acknowledgement: Acknowledgement) -> str:
    """Returns the acknowledgement of bytes that are no message."""
    fields = [
        "MSH",
        "^~\\&",
        "",
        "",
        "",
        "",
        moment_text(acknowledgement.at),
        "",
        "ACK",
        acknowledgement.control_id,
        "P",
        "2.5",
    ]
    return _joined(
        [*fields, "", "", "", "", "FRA", "UNICODE UTF-8"], f"MSA|{acknowledgement.outcome}|", acknowledgement.fault
    )


def control_id_of(id: UUID) -> str:
    """Returns a control id (MSH-10, of at most 20 characters in HL7 v2.5) that is made of an id."""
    return id.hex[:_CONTROL_ID_LENGTH]


def escape(text: str) -> str:
    """Returns the text with its delimiters escaped."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def error_segment(fault: MessageFault) -> str:
    """Returns the segment ERR of a fault."""
    application = ""
    if fault.application is not None:
        application = f"{fault.application.value}^{escape(_APPLICATION_TEXTS[fault.application])}^HL70533"
    code = f"{fault.code.value}^{_TEXTS[fault.code]}^HL70357"
    return f"ERR||{fault.location}|{code}|E|{application}||{escape(fault.diagnostic)}"


def _joined(fields: list[str], accepted: str, fault: MessageFault | None) -> str:
    segments = ["|".join(fields), accepted]
    if fault is not None:
        segments.append(error_segment(fault))
    return "".join(f"{segment}\r" for segment in segments)


def party(field: str, message: Message) -> str:
    """Returns an HD field with the standard delimiters."""
    parts = field.split(message.repetition, maxsplit=1)[0].split(message.component)
    return "^".join(escape(message.unescape(part)) for part in parts)


def moment_text(at: datetime) -> str:
    """Returns a moment as HL7 v2 writes it, in French time with its offset."""
    return f"{at.astimezone(FRANCE):%Y%m%d%H%M%S%z}"
