"""The entries of sections that must have one where the record holds nothing: that no information is available.

Never that there is none: the codes `no-known-*` of the International Patient Summary are not written.
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.values import Coding, Concept
from services.records.kit.xml import tag, templates
from services.records.summary.domain.cda.coded import COMPLETED, UNKNOWN, Anchors, coded
from services.records.summary.domain.cda.entry_parts import (
    ABSENT,
    OBSERVATION,
    PROBLEM,
    SNOMED,
    derived,
)
from services.records.summary.domain.citations import NO_INFORMATION
from services.records.summary.domain.sheet import Chapter

_PERIOD: Final = tag("effectiveTime", tag("low", **UNKNOWN))
_CONCERN: Final = ("2.16.840.1.113883.10.20.1.27", "1.3.6.1.4.1.19376.1.5.3.1.4.5.1")


def _absent(code: str, display: str) -> Concept:
    return Concept(Coding(code, ABSENT, display))


def _id(chapter: Chapter) -> str:
    return tag("id", root=NO_INFORMATION, extension=chapter.value)


def _concern(record_id: UUID, chapter: Chapter, models: tuple[str, ...], observation: str) -> str:
    return tag(
        "act",
        *(templates(*_CONCERN, *models), tag("id", root=str(derived(record_id, f"no-{chapter}")).upper())),
        *(tag("code", nullFlavor="NA"), tag("statusCode", code="active"), _PERIOD),
        tag("entryRelationship", observation, typeCode="SUBJ", inversionInd="false"),
        classCode="ACT",
        moodCode="EVN",
    )


def _problem(record_id: UUID, anchors: Anchors) -> str:
    value = _absent("no-problem-info", "Pas d’information sur les problèmes")
    kind = Concept(Coding("55607006", SNOMED, "problème"))
    observation = tag(
        "observation",
        *(templates(*PROBLEM, "1.2.250.1.213.1.1.3.37"), _id(Chapter.PROBLEMS), coded("code", kind, anchors)),
        *(anchors.text_of(value), COMPLETED, _PERIOD, coded("value", value, anchors, type_="CD")),
        **OBSERVATION,
    )
    models = ("1.3.6.1.4.1.19376.1.5.3.1.4.5.2", "1.2.250.1.213.1.1.3.39")
    return _concern(record_id, Chapter.PROBLEMS, models, observation)


def _allergy(record_id: UUID, anchors: Anchors) -> str:
    value = _absent("no-allergy-info", "Pas d’information sur les allergies")
    kind = Concept(Coding("420134006", SNOMED, "propension aux effets indésirables"))
    models = templates(
        *("2.16.840.1.113883.10.20.1.18", *PROBLEM, "1.3.6.1.4.1.19376.1.5.3.1.4.6", "1.2.250.1.213.1.1.3.41")
    )
    observation = tag(
        "observation",
        *(models, _id(Chapter.ALLERGIES), coded("code", kind, anchors), anchors.text_of(value), COMPLETED, _PERIOD),
        coded("value", value, anchors, type_="CD"),
        **OBSERVATION,
    )
    concern = ("1.3.6.1.4.1.19376.1.5.3.1.4.5.3", "1.2.250.1.213.1.1.3.40")
    return _concern(record_id, Chapter.ALLERGIES, concern, observation)


def _product() -> str:
    models = templates("2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43")
    material = tag("manufacturedMaterial", tag("code", nullFlavor="NA"), tag("name", nullFlavor="NA"))
    return tag("consumable", tag("manufacturedProduct", models, material), typeCode="CSM")


def _treatment(_record_id: UUID, anchors: Anchors) -> str:
    code = _absent("no-medication-info", "Pas d’information sur les traitements")
    models = templates(
        *("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7", "1.2.250.1.213.1.1.3.42"),
        "1.3.6.1.4.1.19376.1.5.3.1.4.7.1",
    )
    times = tag("effectiveTime", tag("low", **UNKNOWN), tag("high", **UNKNOWN), type_="IVL_TS")
    return tag(
        "substanceAdministration",
        *(models, _id(Chapter.TREATMENTS), coded("code", code, anchors), anchors.text_of(code), COMPLETED, times),
        _product(),
        classCode="SBADM",
        moodCode="EVN",
    )


def _vaccination(_record_id: UUID, anchors: Anchors) -> str:
    code = _absent("no-immunization-info", "Pas d’information sur les vaccins")
    models = templates("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12", "1.2.250.1.213.1.1.3.45")
    return tag(
        "substanceAdministration",
        *(models, _id(Chapter.VACCINATIONS), coded("code", code, anchors), anchors.text_of(code), COMPLETED),
        *(tag("effectiveTime", **UNKNOWN), _product()),
        classCode="SBADM",
        moodCode="EVN",
        negationInd="false",
    )


def _procedure(_record_id: UUID, anchors: Anchors) -> str:
    code = _absent("no-procedure-info", "Pas d’information sur les actes")
    models = templates("1.3.6.1.4.1.19376.1.5.3.1.4.19", "2.16.840.1.113883.10.20.1.29", "1.2.250.1.213.1.1.3.62")
    return tag(
        "procedure",
        *(models, _id(Chapter.PROCEDURES), coded("code", code, anchors), anchors.text_of(code), COMPLETED),
        tag("effectiveTime", **UNKNOWN),
        classCode="PROC",
        moodCode="EVN",
    )


def _device(_record_id: UUID, anchors: Anchors) -> str:
    code = _absent("no-device-info", "Pas d’information sur les dispositifs médicaux")
    playing = tag("playingDevice", coded("code", code, anchors), classCode="DEV", determinerCode="INSTANCE")
    role = tag("participantRole", tag("id", **UNKNOWN), playing, classCode="MANU")
    return tag(
        "supply",
        *(templates("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20"), _id(Chapter.IMPLANTS)),
        *(anchors.text_of(code), tag("effectiveTime", tag("low", **UNKNOWN), type_="IVL_TS")),
        tag("participant", role, typeCode="DEV"),
        classCode="SPLY",
        moodCode="EVN",
    )


NO_ENTRIES: Final[dict[Chapter, Callable[[UUID, Anchors], str]]] = {
    Chapter.ALLERGIES: _allergy,
    Chapter.TREATMENTS: _treatment,
    Chapter.PROBLEMS: _problem,
    Chapter.PROCEDURES: _procedure,
    Chapter.IMPLANTS: _device,
    Chapter.VACCINATIONS: _vaccination,
}
"""By the chapter whose section must have an entry."""
