"""The document Bundle: Composition, person, author, custodian, the resources of the lines and their Provenance.

Its bytes depend on the sheet alone. References within it are `urn:uuid:` of the ids of its entries.
"""

from typing import Any, Final

import orjson

from services.records.clinical_facts.domain.resources.elements import Json, present
from services.records.summary.domain.citations import SHEET_TYPE
from services.records.summary.domain.fhir.composition import fhir_sections
from services.records.summary.domain.fhir.parties import author_id, custodian_id, parties, patient
from services.records.summary.domain.sheet import Language, SummarySheet
from services.records.summary.domain.sheet_in_words import SheetWords, sheet_in_words
from shared.runtime import clock
from shared.terminology.oids import LOINC_SYSTEM

_URI: Final = "urn:ietf:rfc:3986"
_LANGUAGES: Final[dict[Language, str]] = {"fr": "fr-FR", "en": "en"}


def write_fhir(sheet: SummarySheet, language: Language) -> bytes:
    """Returns the Bundle as JSON in UTF-8."""
    words = sheet_in_words(sheet, language)
    sections = list(fhir_sections(sheet, words))
    resources = [patient(sheet), *parties(sheet)]
    resources += [resource for section in sections for resource in section.resources]
    resources += [provenance for section in sections for provenance in section.provenances]
    composition = _composition(sheet, words, [section.section for section in sections])
    content = _absolute([composition, *resources], f"Patient/{sheet.record_id}", f"urn:uuid:{sheet.record_id}")
    id = clock.hashed_id(orjson.dumps(content))
    composition_id = str(clock.derived_id(id, "composition"))
    content[0]["id"] = composition_id
    bundle = {
        "resourceType": "Bundle",
        "id": str(id),
        "identifier": {"system": _URI, "value": f"urn:uuid:{id}"},
        "type": "document",
        "timestamp": sheet.written_at.isoformat(timespec="milliseconds"),
        "entry": [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in content],
    }
    return orjson.dumps(bundle)


def _composition(sheet: SummarySheet, words: SheetWords, sections: list[Json]) -> Json:
    at = sheet.written_at.isoformat(timespec="milliseconds")
    author = {"reference": f"urn:uuid:{author_id(sheet)}"}
    signed = sheet.signer is not None
    replaced = {"targetIdentifier": {"system": _URI, "value": f"urn:uuid:{sheet.replaces}"}}
    return present(
        {
            "resourceType": "Composition",
            "id": "",
            "language": _LANGUAGES[words.language],
            "status": "final" if signed else "preliminary",
            "type": {"coding": [{"system": LOINC_SYSTEM, "code": SHEET_TYPE, "display": "Patient summary Document"}]},
            "subject": {"reference": f"Patient/{sheet.record_id}"},
            "date": at,
            "author": [author],
            "title": words.title,
            "confidentiality": "N",
            "attester": [{"mode": "legal", "time": at, "party": author}] if signed else None,
            "custodian": {"reference": f"urn:uuid:{custodian_id(sheet)}"},
            "relatesTo": [{"code": "replaces", **replaced}] if sheet.replaces is not None else None,
            "section": sections,
        }
    )


def _absolute(node: Any, relative: str, absolute: str) -> Any:
    """Returns the resources with references to the person as those of the Bundle."""
    match node:
        case dict():
            return {name: _absolute(value, relative, absolute) for name, value in node.items()}
        case list() | tuple():
            return [_absolute(value, relative, absolute) for value in node]
        case str() if node == relative:
            return absolute
        case _:
            return node
