"""The entries of problems, allergies, procedures, implants, pregnancy, directives and blood groups."""

from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import BooleanValue, Coding, Concept, FactTime
from services.records.kit.xml import tag, templates, text
from services.records.summary.domain.cda.coded import (
    COMPLETED,
    UNKNOWN,
    Anchors,
    coded,
    moment_element,
    period_element,
    value_element,
    value_elements,
)
from services.records.summary.domain.cda.entry_parts import (
    OBSERVATION,
    PROBLEM,
    SNOMED,
    certainty,
    cited_id,
    criticality,
    in_set,
    loinc,
    negation,
    own_id,
    reactions,
    severity,
    status,
)
from services.records.summary.domain.sheet import SummaryLine

_CONCERN: Final = ("2.16.840.1.113883.10.20.1.27", "1.3.6.1.4.1.19376.1.5.3.1.4.5.1")
_ALLERGY: Final = ("2.16.840.1.113883.10.20.1.18", *PROBLEM, "1.3.6.1.4.1.19376.1.5.3.1.4.6")
_ANY_PROBLEM: Final = Concept(Coding("55607006", SNOMED, "problème"))
_ANY_ALLERGY: Final = Concept(Coding("420134006", SNOMED, "propension aux effets indésirables"))
_SIMPLE: Final = "1.3.6.1.4.1.19376.1.5.3.1.4.13"
_SAYS_EXISTENCE: Final = frozenset({"42348-3", "75793-0"})
_PROCEDURE: Final = "1.3.6.1.4.1.19376.1.5.3.1.4.19"


def problem(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns a problem within its list. What is answered by no is negated."""
    fact = line.fact
    is_denied = fact.negated or (isinstance(fact.value, BooleanValue) and not fact.value.value)
    observation = tag(
        "observation",
        *(templates(*PROBLEM, "1.2.250.1.213.1.1.3.37"), cited_id(line)),
        *(coded("code", in_set("problem-kind", fact.category, _ANY_PROBLEM), anchors), anchors.text_of(concept)),
        *(COMPLETED, period_element(fact.time), coded("value", concept, anchors, type_="CD"), _sites(fact, anchors)),
        *(severity(fact.severity, anchors), status("problem-status", fact, anchors), certainty(line, anchors)),
        negationInd="true" if is_denied else "false",
        **OBSERVATION,
    )
    return _concern(line, ("1.3.6.1.4.1.19376.1.5.3.1.4.5.2", "1.2.250.1.213.1.1.3.39"), observation)


def allergy(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns an allergy: its allergen as the participant, its reactions as problems of their own."""
    fact = line.fact
    entity = tag(
        "playingEntity", coded("code", concept, anchors), tag("name", text(concept.label or "")), classCode="MMAT"
    )
    observation = tag(
        "observation",
        *(templates(*_ALLERGY, "1.2.250.1.213.1.1.3.41"), cited_id(line)),
        *(coded("code", in_set("allergy-kind", fact.category, _ANY_ALLERGY), anchors), anchors.text_of(concept)),
        *(COMPLETED, period_element(fact.time), tag("value", tag("originalText", nullFlavor="NI"), type_="CD")),
        tag("participant", tag("participantRole", entity, classCode="MANU"), typeCode="CSM"),
        *(severity(fact.severity, anchors), status("allergy-status", fact, anchors), criticality(line, anchors)),
        *(certainty(line, anchors), *reactions(line, anchors)),
        negationInd=negation(fact),
        **OBSERVATION,
    )
    return _concern(line, ("1.3.6.1.4.1.19376.1.5.3.1.4.5.3", "1.2.250.1.213.1.1.3.40"), observation)


def procedure(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns an act that was done or is planned."""
    fact = line.fact
    mood, model = (
        ("INT", "2.16.840.1.113883.10.20.1.25") if fact.is_planned else ("EVN", "2.16.840.1.113883.10.20.1.29")
    )
    return tag(
        "procedure",
        *(templates(_PROCEDURE, model, "1.2.250.1.213.1.1.3.62"), cited_id(line)),
        *(coded("code", concept, anchors), anchors.text_of(concept)),
        *(tag("statusCode", code="active" if fact.is_planned else "completed"), moment_element(fact.time)),
        _sites(fact, anchors),
        classCode="PROC",
        moodCode=mood,
        negationInd=negation(fact),
    )


def device(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns an implant."""
    playing = tag("playingDevice", coded("code", concept, anchors), classCode="DEV", determinerCode="INSTANCE")
    role = tag("participantRole", tag("id", **UNKNOWN), playing, classCode="MANU")
    return tag(
        "supply",
        *(templates("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20"), cited_id(line)),
        *(anchors.text_of(concept), period_element(line.fact.time, type_="IVL_TS")),
        tag("participant", role, typeCode="DEV"),
        classCode="SPLY",
        moodCode="INT" if line.fact.is_planned else "EVN",
    )


def pregnancy(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns an answer about pregnancy."""
    models = (_SIMPLE, "1.3.6.1.4.1.19376.1.5.3.1.4.13.5", "1.2.250.1.213.1.1.3.53")
    value = line.fact.value
    answer = value_element(value, anchors) if value is not None else tag("value", type_="CD", nullFlavor="NI")
    return _observation(line, concept, models, answer, anchors)


def directive(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns that a directive exists, without what it says."""
    models = (
        *("2.16.840.1.113883.10.20.1.17", _SIMPLE, "1.3.6.1.4.1.19376.1.5.3.1.4.13.7"),
        "1.2.250.1.213.1.1.3.54",
    )
    says_existence = concept.coding is not None and concept.coding.code in _SAYS_EXISTENCE
    value = "" if says_existence else tag("value", type_="BL", nullFlavor="NI")
    return _observation(line, concept, models, value, anchors)


def blood_group(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns a blood group as a result of a laboratory."""
    models = (_SIMPLE, "1.2.250.1.213.1.1.3.48", "1.2.250.1.213.1.1.3.209")
    value = line.fact.value
    answer = value_elements(value, anchors) if value is not None else tag("value", type_="CD", nullFlavor="NI")
    observation = _observation(line, concept, models, answer + _laboratory(line.fact), anchors)
    return tag(
        "organizer",
        *(templates("1.2.250.1.213.1.1.3.208"), own_id(line, "organizer"), loinc("26436-6", "Biologie polyvalente")),
        *(COMPLETED, moment_element(line.fact.time), tag("component", observation)),
        classCode="CLUSTER",
        moodCode="EVN",
    )


def _observation(line: SummaryLine, concept: Concept, models: tuple[str, ...], value: str, anchors: Anchors) -> str:
    return tag(
        "observation",
        *(templates(*models), cited_id(line), coded("code", concept, anchors), anchors.text_of(concept), COMPLETED),
        *(moment_element(line.fact.time, null="NA"), value),
        **OBSERVATION,
        **({"negationInd": "true"} if line.fact.negated else {}),
    )


def _laboratory(fact: ClinicalFact) -> str:
    for party in fact.parties:
        name = party.organisation or party.name
        if party.role == "laboratory" and name:
            organisation = tag("representedOrganization", tag("name", text(name)))
            return tag("performer", tag("assignedEntity", tag("id", **UNKNOWN), organisation), typeCode="PRF")
    return ""


def _concern(line: SummaryLine, models: tuple[str, ...], observation: str) -> str:
    """Returns the act that holds a problem or an allergy; what is over is completed."""
    time = line.fact.time
    end = time.end if time is not None else None
    begins = FactTime(start=time.first if time is not None else None, end=end)
    return tag(
        "act",
        *(templates(*_CONCERN, *models), own_id(line, "concern"), tag("code", nullFlavor="NA")),
        *(tag("statusCode", code="completed" if end else "active"), _lifetime(begins)),
        tag("entryRelationship", observation, typeCode="SUBJ", inversionInd="false"),
        classCode="ACT",
        moodCode="EVN",
    )


def _lifetime(time: FactTime) -> str:
    is_only_end = time.end is not None and time.start == time.end
    return period_element(FactTime(end=time.end) if is_only_end else time)


def _sites(fact: ClinicalFact, anchors: Anchors) -> str:
    return "".join(coded("targetSiteCode", site, anchors) for site in fact.site)
