"""Lines as resources: those of their facts, with what the International Patient Summary (HL7) asks for besides."""

from datetime import date
from typing import Final

import msgspec

from services.records.clinical_facts.domain.model import FactKind
from services.records.clinical_facts.domain.resources import ResourceFrame, resource_of
from services.records.clinical_facts.domain.resources.elements import Json, concept, present
from services.records.summary.domain.lines_in_words import label_of
from services.records.summary.domain.sheet import Chapter, CitedDocument, SummaryLine, SummarySheet
from services.records.summary.domain.words import Words
from shared.moments import FRANCE
from shared.runtime import clock

LINE_MARKS: Final = "https://dmp.example/fhir/CodeSystem/summary-line-marks"
"""Tags of a line: `proposed` or `confirmed`, `old`, `conflict-<number>`, and `declared` by the patient side."""
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_AGENT_TYPES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_TIMES: Final = {
    "MedicationStatement": "effective",
    "Procedure": "performed",
    "DeviceUseStatement": "timing",
    "Observation": "effective",
}
"""The time that the summary asks for, by type of resource."""


def absent(reason: str) -> Json:
    """Returns an element that says why it has no value."""
    return {"extension": [{"url": _ABSENT, "valueCode": reason}]}


def line_resource(line: SummaryLine, sheet: SummarySheet) -> Json:
    """Returns the resource of a line; of a directive, the reference to its document."""
    if line.chapter is Chapter.DIRECTIVES:
        return _marked(_directive(line, sheet), line)
    fact = msgspec.structs.replace(line.fact, id=line.id)
    resource = resource_of(fact, ResourceFrame(sheet.record_id, _today(sheet)))
    time = _TIMES.get(resource["resourceType"])
    if time is not None and f"{time}DateTime" not in resource and f"{time}Period" not in resource:
        resource[f"_{time}DateTime"] = absent("unknown")
    if fact.kind is FactKind.BLOOD_GROUP and "performer" not in resource:
        resource["performer"] = [_laboratory(line)]
    return _marked(resource, line)


def line_provenance(line: SummaryLine, sheet: SummarySheet) -> Json:
    """Returns where a line comes from: its documents and their authors, who declared it, and who confirmed it."""
    documents = [{"role": "source", "what": document_reference(source)} for source in line.sources]
    authors = [_agent("author", _author(source)) for source in line.sources if _author(source)]
    doctors = [_agent("verifier", d.doctor) for d in line.decisions if d.action == "confirmed" and d.until is None]
    declaration = line.declaration
    declared = [_agent("informant", declaration.name or declaration.role)] if declaration is not None else []
    return present(
        {
            "resourceType": "Provenance",
            "id": str(clock.derived_id(line.id, "summary-provenance")),
            "target": [{"reference": f"urn:uuid:{line.id}"}],
            "recorded": sheet.written_at.isoformat(timespec="milliseconds"),
            "agent": [_agent("assembler", "DMP"), *authors, *doctors, *declared],
            "entity": documents,
        }
    )


def document_reference(source: CitedDocument) -> Json:
    """Returns a logical reference to a document version of the record."""
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{source.document_id}"}
    return present({"type": "DocumentReference", "identifier": identifier, "display": source.title})


def _directive(line: SummaryLine, sheet: SummarySheet) -> Json:
    """Returns that a directive exists and where, without what it says."""
    words, cited = Words("fr"), line.cited
    where = cited.title if cited is not None else None
    attachment = {"title": where or line.where or words("source-untitled")}
    master = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{cited.document_id}"} if cited is not None else None
    return present(
        {
            "resourceType": "DocumentReference",
            "id": str(line.id),
            "masterIdentifier": master,
            "status": "current",
            "type": concept(line.fact.code) if line.fact.code is not None else None,
            "subject": {"reference": f"Patient/{sheet.record_id}"},
            "author": [{"display": cited.author}] if cited is not None and cited.author else None,
            "description": label_of(line.fact, words),
            "content": [{"attachment": attachment}],
        }
    )


def _laboratory(line: SummaryLine) -> Json:
    names = [party.organisation or party.name for party in line.fact.parties if party.role == "laboratory"]
    name = next((name for name in names if name), None)
    return {"display": name} if name is not None else absent("unknown")


def _marked(resource: Json, line: SummaryLine) -> Json:
    codes: list[str] = [line.state]
    codes += ["old"] if line.is_old else []
    codes += [f"conflict-{line.conflict}"] if line.conflict is not None else []
    codes += ["declared"] if line.origin == "patient-side" else []
    meta = resource.get("meta", {})
    tags = [*meta.get("tag", []), *({"system": LINE_MARKS, "code": code} for code in codes)]
    return {**resource, "meta": {**meta, "tag": tags}}


def _author(source: CitedDocument) -> str:
    return ", ".join(part for part in (source.author, source.organisation) if part)


def _agent(kind: str, name: str) -> Json:
    return {"type": {"coding": [{"system": _AGENT_TYPES, "code": kind}]}, "who": {"display": name}}


def _today(sheet: SummarySheet) -> date:
    return sheet.written_at.astimezone(FRANCE).date()
