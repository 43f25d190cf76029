"""Procedures and devices."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.contradictions import differs
from services.records.clinical_facts.domain.facts import FactBuilder
from services.records.clinical_facts.domain.model import CODE_TEXT_DISAGREE, ClinicalFact, FactDetail, FactKind
from services.records.clinical_facts.domain.names import CODE, tag
from services.records.clinical_facts.domain.statements import ID, OBSERVATION, Statement, identifiers
from services.records.clinical_facts.domain.templates import IMPLANTED, entry
from services.records.clinical_facts.domain.values import CodedValue, Concept, TextValue, TimeValue
from shared.terminology.clinical import is_implant

_PARTICIPANT: Final = tag("participant")
_ROLE, _DEVICE = tag("participantRole"), tag("playingDevice")
_PART: Final = entry("1")
_DEVICE_KIND, _IMPLANTED_ON = "L0056", "L0055"
"""TA_PRC: the kind of the device, and the day on which it was implanted."""


def read_procedure(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields an act that was done or is planned; one without a code is none."""
    code, status = statement.code(), builder.status(statement, kind)
    if code is None or status is None:
        return
    fact = builder.build(
        statement,
        kind,
        code,
        about=statement.subordinates(),
        status=status,
        words=(statement.words(),),
        marks=(CODE_TEXT_DISAGREE,) if differs(code) else (),
    )
    yield from builder.by_side(fact, statement.concepts("targetSiteCode"))


def read_device(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a device: used, implanted, prescribed or planned."""
    if IMPLANTED in statement.templates:
        yield from _read_implant(statement, builder, kind)
        return
    status = builder.status(statement, kind)
    for role in _roles(statement):
        device = role.find(_DEVICE)
        code = statement.reader.concept(device.find(CODE)) if device is not None else None
        if code is not None and status is not None:
            yield builder.build(
                statement,
                kind,
                code,
                about=statement.subordinates(),
                status=status,
                is_implant=_is_implant(code),
                details=_identity(code, role),
                marks=(CODE_TEXT_DISAGREE,) if differs(code) else (),
            )
            return


def _read_implant(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields an implant of a carried card (F-PRC): an organizer whose parts say what it is and since when."""
    status = builder.status(statement, kind)
    parts = [part for part in _parts(statement) if part.value is not None]
    code, time = statement.code(), statement.time()
    kinds = [part.value.concepts[0] for part in _with_code(parts, _DEVICE_KIND) if isinstance(part.value, CodedValue)]
    days = [part.value.time for part in _with_code(parts, _IMPLANTED_ON) if isinstance(part.value, TimeValue)]
    code = kinds[0] if kinds else code
    if code is None or status is None:
        return
    organizer = statement.code()
    yield builder.build(
        statement,
        kind,
        code,
        status=status,
        time=days[0] if days else time,
        category=organizer if organizer != code else None,
        is_implant=_is_implant(code) or (organizer is not None and _is_implant(organizer)),
        details=tuple(parts),
    )


def _parts(statement: Statement) -> Iterator[FactDetail]:
    for link in statement.linked():
        for element in link.findall(OBSERVATION):
            part = Statement(element, statement.context, statement.reader)
            code, values = part.code(), part.values()
            if _PART in part.templates and code is not None and values:
                yield FactDetail(code, values[0], part.negated)


def _with_code(parts: list[FactDetail], code: str) -> list[FactDetail]:
    return [part for part in parts if any(coding.code == code for coding in part.code.codings)]


def _roles(statement: Statement) -> Iterator[Element]:
    for child in statement.all(_PARTICIPANT):
        if child.get("typeCode") in ("DEV", "PRD"):
            role = child.find(_ROLE)
            if role is not None:
                yield role


def _identity(code: Concept, role: Element) -> tuple[FactDetail, ...]:
    """Returns the identifiers of the device itself, such as its unique device identifier."""
    return tuple([FactDetail(Concept(text="Identifiant"), TextValue(id)) for id in identifiers(role.findall(ID))])


def _is_implant(code: Concept) -> bool:
    return any(is_implant(coding.code, coding.system) for coding in code.codings)
