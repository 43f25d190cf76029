"""The taking of a sample (E.77): no fact, but the specimen and the moment of collection of the results beside it."""

from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.context import TEMPLATE_ID
from services.records.clinical_facts.domain.elements import Reader
from services.records.clinical_facts.domain.model import SpecimenDetail
from services.records.clinical_facts.domain.names import CODE, tag
from services.records.clinical_facts.domain.statements import EFFECTIVE_TIME, ID, PROCEDURE, Statement, identifiers
from services.records.clinical_facts.domain.templates import SAMPLING

_PARTICIPANT, _ROLE, _ENTITY = tag("participant"), tag("participantRole"), tag("playingEntity")
_SPECIMEN: Final = "SPEC"


def specimen_beside(group: Statement) -> SpecimenDetail | None:
    """Returns the specimen of the sampling within a group of results; None where there is not one."""
    for link in group.linked():
        procedure = link.find(PROCEDURE)
        if procedure is not None and any(child.get("root") == SAMPLING for child in procedure.findall(TEMPLATE_ID)):
            return _specimen(procedure, group.reader)
    return None


def _specimen(procedure: Element, reader: Reader) -> SpecimenDetail:
    collected = reader.time(procedure.find(EFFECTIVE_TIME))
    collected = collected if collected is not None and not collected.is_unknown else None
    for child in procedure:
        role = child.find(_ROLE) if child.tag == _PARTICIPANT else None
        if role is not None and role.get("classCode") == _SPECIMEN:
            entity = role.find(_ENTITY)
            kind = reader.concept(entity.find(CODE)) if entity is not None else None
            return SpecimenDetail(next(identifiers(role.findall(ID)), None), kind, collected)
    return SpecimenDetail(collected=collected)
