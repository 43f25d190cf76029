"""Reads what a message asks for: the documents, the verb, what to do with them, and for which structure.

Source: CI-SIS, volet "Transmission d'un document CDA-R2 en HL7v2", versions 1.2, 2.0 and 2.1: the segments OBX, PRT,
ORC and TXA. What goes to secure mail (DESTMSSANTEPS, DESTMSSANTEPAT, CORPSMAIL, recipients) is not acted on.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pybase64

from services.records.hl7v2.domain.faults import MessageRefusedError, refused, wrong
from services.records.hl7v2.domain.form import MessageKind
from services.records.quarantine.domain.causes import VERB_MISMATCH
from shared.fhir.contents import span_of
from shared.fhir.submission import Span
from shared.hl7v2.acknowledgement import ApplicationCode, ErrorCode
from shared.hl7v2.message import Message, Segment
from shared.terminology.visibility import Visibility
from shared.values import RedactedRepr

_LABELS: Final = {
    "MASQUE_PS": Visibility.MASKED,
    "INVISIBLE_PATIENT": Visibility.INVISIBLE_TO_PATIENT,
    "INVISIBLE_REP_LEGAUX": Visibility.INVISIBLE_TO_REPRESENTATIVES,
    "INVISIBLE_REPRESENTANTS_LEGAUX": Visibility.INVISIBLE_TO_REPRESENTATIVES,
}
_ALIASES: Final = {"MODIF_CONFIDENTIALITYCODE": "MODIF_CONF_CODE"}
_STATEMENTS: Final = frozenset(
    {*_LABELS, "CONNEXION_SECRETE", "MODIF_CONF_CODE", "DESTDMP", "ACK_RECEPTION", "DESTMSSANTEPS", "DESTMSSANTEPAT"}
)
_YES_OR_NO: Final = {"Y": True, "N": False}
_SENDER: Final = "SB"
_BLANKS: Final = " \t\u00a0\u202f"


class Verb(StrEnum):
    """What a message asks for."""

    NEW = "new"
    REPLACE = "replace"
    DELETE = "delete"


_BY_EVENT: Final = {"T02": Verb.NEW, "T10": Verb.REPLACE, "T04": Verb.DELETE}
_BY_RESULT: Final = {"F": Verb.NEW, "C": Verb.REPLACE, "D": Verb.DELETE}
_BY_ORDER: Final = {"NW": Verb.NEW, "RO": Verb.REPLACE, "CA": Verb.DELETE}
_NO_STATEMENT: Final = "SC"


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the metadata OBX say. `labels`: those set to Y. `may_change_labels`: MODIF_CONF_CODE.

    `in_secret`: CONNEXION_SECRETE. `is_for_dmp`: DESTDMP, true where it is absent. `wants_reception`: ACK_RECEPTION.
    """

    labels: tuple[str, ...] = ()
    in_secret: bool = False
    may_change_labels: bool = False
    is_for_dmp: bool = True
    wants_reception: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class SentDocument(RedactedRepr):
    """A document of a message. `place`: its ERR-2. `type_code`: OBX-3. `span`: see SubmittedDocument."""

    content: bytes
    type_code: str
    place: str
    span: Span | None


def instructions_of(message: Message) -> Instructions:
    """Returns the instructions. A value other than Y and N counts as absent here: see check_tables."""
    stated = {name: _YES_OR_NO.get(segment.value(5)) for name, segment in _statements(message)}
    return Instructions(
        labels=tuple(sorted({_LABELS[name].value for name, value in stated.items() if name in _LABELS and value})),
        in_secret=bool(stated.get("CONNEXION_SECRETE")),
        may_change_labels=bool(stated.get("MODIF_CONF_CODE")),
        is_for_dmp=stated.get("DESTDMP") is not False,
        wants_reception=bool(stated.get("ACK_RECEPTION")),
    )


def documents_of(message: Message, raw: bytes) -> tuple[SentDocument, ...]:
    """Returns the contents of the documents, at least one. Raises MessageRefusedError (AE 102)."""
    documents, position = [], 0
    for number, segment in enumerate(message.all("OBX"), 1):
        if not _is_document(segment):
            continue
        place = f"OBX^{number}^5"
        text = segment.raw(5, 5)
        content = _decoded(text)
        if not content:
            raise wrong(ErrorCode.DATA_TYPE, place, "OBX-5.5 must be a CDA in base64.")
        span = span_of(raw, position, text, content, quote=b"")
        position = span.end if span is not None else position
        documents.append(SentDocument(content, segment.value(3), place, span))
    if not documents:
        raise wrong(ErrorCode.DATA_TYPE, "OBX^1^5", "One OBX must have the type ED and a CDA: ^TEXT^XML^Base64^...")
    return tuple(documents)


def check_tables(message: Message) -> None:
    """Raises MessageRefusedError (AE 103) for a value that its table does not have."""
    for name, segment in _statements(message):
        if segment.value(5) not in _YES_OR_NO:
            raise wrong(ErrorCode.TABLE_VALUE, f"OBX^{segment.value(1)}^5", f"{name} is Y or N.")
    for segment in _document_segments(message):
        if segment.value(11) not in {*_BY_RESULT, ""}:
            raise wrong(ErrorCode.TABLE_VALUE, "OBX^1^11", "OBX-11 of a document is F, C or D.")
    if message.first("ORC").value(1) not in {*_BY_ORDER, _NO_STATEMENT, ""}:
        raise wrong(ErrorCode.TABLE_VALUE, "ORC^1^1", "ORC-1 is NW, RO, CA or SC.")


def verb_of(message: Message, kind: MessageKind) -> Verb:
    """Returns the verb: that of the event of an MDM, else that of OBX-11. Raises MessageRefusedError (AE 906)."""
    results = [_BY_RESULT.get(segment.value(11)) for segment in _document_segments(message)]
    ordered = _BY_ORDER.get(message.first("ORC").value(1))
    verb = _BY_EVENT[message.header.value(9, 2)] if kind is MessageKind.MDM else results[0]
    if verb is None or any(stated not in (verb, None) for stated in (*results, ordered)):
        raise refused(
            ApplicationCode.OTHER,
            "MSH-9.2, OBX-11 and ORC-1 must agree: T02, F, NW (new), T10, C, RO (replace), or T04, D, CA (delete).",
            "OBX^1^11",
            VERB_MISMATCH,
        )
    return verb


def structure_of(message: Message) -> str | None:
    """Returns the structure of the sender (PRT-8.10 of the PRT with PRT-4 SB), without blanks; None where none is
    stated."""
    for segment in message.all("PRT"):
        if segment.value(4) == _SENDER:
            return segment.value(8, 10).strip(_BLANKS) or None
    return None


def is_structure(stated: str | None, organisation_id: str) -> bool:
    """Returns whether a stated structure is the organisation; the digit of its kind may be left out, and the whole."""
    return stated is None or stated in (organisation_id, organisation_id[1:])


def identifier_fault(message: Message, own: str, replaced: str | None, verb: Verb) -> MessageRefusedError | None:
    """Returns the fault of a TXA-12.1 that is not the CDA's own id, or a TXA-13.1 of a replacement that is not the one
    it replaces (AE 900); dots do not count."""
    transcription = message.first("TXA")
    pairs = [(12, own)] + ([(13, replaced or "")] if verb is Verb.REPLACE else [])
    for number, expected in pairs:
        stated = transcription.value(number, 1)
        if stated and _flat(stated) != _flat(expected):
            text = f"TXA-{number}.1 is not the identifier that the CDA states."
            return refused(ApplicationCode.TARGET, text, f"TXA^1^{number}")
    return None


def _statements(message: Message) -> list[tuple[str, Segment]]:
    """Returns the metadata OBX that mean something here, under their present names."""
    named = ((_ALIASES.get(name := segment.value(3), name), segment) for segment in message.all("OBX"))
    return [(name, segment) for name, segment in named if name in _STATEMENTS]


def _document_segments(message: Message) -> list[Segment]:
    return [segment for segment in message.all("OBX") if _is_document(segment)]


def _is_document(segment: Segment) -> bool:
    return segment.value(2) == "ED" and segment.value(5, 3).upper() == "XML"


def _decoded(text: str) -> bytes:
    """Returns the bytes of base64 with or without padding and line breaks; none where it is not base64."""
    plain = "".join(text.split())
    try:
        return pybase64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""


def _flat(identifier: str) -> str:
    """Returns root and extension of an identifier without what separates them."""
    plain = identifier.lower().removeprefix("urn:oid:").removeprefix("urn:uuid:")
    return plain.replace("^", "").replace(".", "")
