"""Parts that entries of several kinds have in common: their ids, and statements about the fact itself."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact, Reaction
from services.records.clinical_facts.domain.values import Coding, Concept
from services.records.kit.xml import tag, templates
from services.records.summary.domain.cda.coded import COMPLETED, Anchors, coded
from services.records.summary.domain.citations import line_id
from services.records.summary.domain.sheet import SummaryLine
from shared.runtime import clock
from shared.terminology.oids import LOINC
from shared.terminology.value_sets import ValueSet, is_in

SNOMED: Final = "2.16.840.1.113883.6.96"
ACT_CODE: Final = "2.16.840.1.113883.5.4"
ABSENT: Final = "2.16.840.1.113883.5.1150.1"
"""Codes of the International Patient Summary for absent or unknown data; only those for no information are written."""
OBSERVATION: Final = {"classCode": "OBS", "moodCode": "EVN"}
PROBLEM: Final = ("2.16.840.1.113883.10.20.1.28", "1.3.6.1.4.1.19376.1.5.3.1.4.5")
_SIMPLE: Final = ("1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48")
SYMPTOM: Final = Concept(Coding("418799008", SNOMED, "symptôme rapporté par le patient ou le répondant"))


def cited_id(line: SummaryLine) -> str:
    """Returns the id of an entry: what the line cites."""
    id = line_id(line)
    return tag("id", root=id.root, extension=id.extension)


def own_id(line: SummaryLine, part: str) -> str:
    """Returns the id of a part of an entry."""
    return tag("id", root=str(derived(line.id, part)).upper())


def derived(id: UUID, part: str) -> UUID:
    """Returns an id that depends on nothing but a line and the part of it."""
    return clock.hashed_id(id.bytes + part.encode())


def negation(fact: ClinicalFact) -> str:
    """Returns the negationInd of a fact, which holds for its own element."""
    return "true" if fact.negated else "false"


def in_set(value_set: ValueSet, concept: Concept | None, default: Concept) -> Concept:
    """Returns the first code of a concept that belongs to a value set, else the default."""
    codings = concept.codings if concept is not None else ()
    return next((Concept(coding) for coding in codings if is_in(value_set, coding.code, coding.system)), default)


def severity(concept: Concept | None, anchors: Anchors) -> str:
    """Returns the severity of a fact or a reaction."""
    if concept is None:
        return ""
    models = templates("2.16.840.1.113883.10.20.1.55", "1.3.6.1.4.1.19376.1.5.3.1.4.1", "1.2.250.1.213.1.1.3.29")
    code = tag("code", code="SEV", displayName="Sévérité", codeSystem=ACT_CODE, codeSystemName="HL7:ActCode")
    value = _bare_value(concept, anchors)
    return _about(tag("observation", models, code, anchors.text_of(concept), COMPLETED, value, **OBSERVATION), "SUBJ")


def status(value_set: ValueSet, fact: ClinicalFact, anchors: Anchors) -> str:
    """Returns the clinical status of a problem or an allergy, where its code belongs to the value set."""
    none = Concept()
    concept = in_set(value_set, fact.clinical_status, none)
    if concept is none:
        return ""
    models = templates(
        *("2.16.840.1.113883.10.20.1.50", "2.16.840.1.113883.10.20.1.57", "1.3.6.1.4.1.19376.1.5.3.1.4.1.1"),
        "1.2.250.1.213.1.1.3.30",
    )
    code = loinc("33999-4", "Statut")
    value = coded("value", concept, anchors, type_="CE")
    observation = tag("observation", models, code, anchors.text_of(concept), COMPLETED, value, **OBSERVATION)
    return tag("entryRelationship", observation, typeCode="REFR", inversionInd="false")


def certainty(line: SummaryLine, anchors: Anchors) -> str:
    """Returns the certainty of a fact."""
    return _simple(line, "certainty", line.fact.certainty, ("1.2.250.1.213.1.1.3.171", "66455-7", "Certitude"), anchors)


def criticality(line: SummaryLine, anchors: Anchors) -> str:
    """Returns the criticality of an allergy."""
    model = ("1.2.250.1.213.1.1.3.172", "82606-5", "Criticité")
    return _simple(line, "criticality", line.fact.criticality, model, anchors)


def reactions(line: SummaryLine, anchors: Anchors) -> Iterator[str]:
    """Yields what an allergen caused, each as a problem of its own."""
    for number, reaction in enumerate(line.fact.reactions):
        yield tag(
            "entryRelationship", _reaction(line, number, reaction, anchors), typeCode="MFST", inversionInd="false"
        )


def loinc(code: str, display: str) -> str:
    """Returns a `code` of LOINC."""
    return tag("code", code=code, displayName=display, codeSystem=LOINC, codeSystemName="LOINC")


def _reaction(line: SummaryLine, number: int, reaction: Reaction, anchors: Anchors) -> str:
    models = templates(*PROBLEM, "2.16.840.1.113883.10.20.1.54", "1.2.250.1.213.1.1.3.37")
    return tag(
        "observation",
        *(models, own_id(line, f"reaction-{number}"), coded("code", SYMPTOM, anchors)),
        *(anchors.text_of(reaction.manifestation), COMPLETED, tag("effectiveTime", tag("low", nullFlavor="UNK"))),
        *(coded("value", reaction.manifestation, anchors, type_="CD"), severity(reaction.severity, anchors)),
        negationInd="true" if reaction.negated else "false",
        **OBSERVATION,
    )


def _simple(
    line: SummaryLine, part: str, concept: Concept | None, model: tuple[str, str, str], anchors: Anchors
) -> str:
    if concept is None:
        return ""
    template, code, display = model
    observation = tag(
        "observation",
        *(templates(*_SIMPLE, template), own_id(line, part), loinc(code, display), anchors.text_of(concept), COMPLETED),
        *(tag("effectiveTime", nullFlavor="NA"), coded("value", concept, anchors, type_="CE")),
        **OBSERVATION,
    )
    return _about(observation, "SUBJ")


def _bare_value(concept: Concept, anchors: Anchors) -> str:
    """Returns a value that is a code or nothing but words."""
    if concept.coding is not None and concept.coding.system is not None:
        return coded("value", concept, anchors, type_="CD")
    return tag("value", tag("originalText", tag("reference", value=anchors.add(concept.label or "?"))), type_="CD")


def _about(statement: str, kind: str) -> str:
    return tag("entryRelationship", statement, typeCode=kind, inversionInd="true")
