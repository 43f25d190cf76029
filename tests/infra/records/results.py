"""Invented results of invented laboratories, as facts of documents."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime, FactValue, Quantity
from services.records.results.domain.points import ReadableResult, ResultSource
from shared.runtime import clock
from shared.terminology.oids import LOINC

HAEMOGLOBIN: Final = "718-7"
GLUCOSE: Final = "2345-7"


def a_document(number: int, organisation: str = "1990000001") -> ResultSource:
    """Returns a document; a higher number is a later one."""
    id = clock.uuid8(1_700_000_000_000 + number, bytes([number]) * clock.RANDOM_BYTES, 7)
    return ResultSource(id, f"Compte rendu {number}", organisation, f"Laboratoire {organisation}", date(2026, 1, 1))


def a_result(
    value: str | FactValue,
    unit: str | None = "g/dL",
    at: str | None = "2026-03-12T09:30+01:00",
    source: ResultSource | None = None,
    code: str = HAEMOGLOBIN,
    **parts: Any,
) -> ReadableResult:
    """Returns a result of the analysis; `value` in words is a number."""
    source = source or a_document(1)
    entry = f"1/{code}/{value}/{unit}/{at}/{sorted(parts)}"
    fact = ClinicalFact(
        id=fact_id(source.document_id, entry, FactKind.RESULT),
        kind=FactKind.RESULT,
        source=FactSource(entry),
        status=parts.pop("status", "performed"),
        code=Concept(Coding(code, LOINC, "Analyse")),
        value=Quantity(value, unit) if isinstance(value, str) else value,
        time=FactTime(at) if at is not None else None,
        **parts,
    )
    return ReadableResult(fact, source)


def document_ids(results: tuple[ReadableResult, ...]) -> list[UUID]:
    """Returns the documents of these results."""
    return [result.source.document_id for result in results]
