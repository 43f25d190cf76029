"""How a version of the sheet says, in the ids of its entries, which fact of which document each of them cites.

An entry of the CDA has one id under CITED_FACT, whose extension is `<document version>.<fact>` in UUIDs, or one under
DOCTOR_STATEMENT or PATIENT_STATEMENT, whose extension is the id of the line. An entry that says that there is no
information has one under NO_INFORMATION, whose extension is the chapter. Reading such an entry gives a fact whose
`source.ids` hold it: a fact that cites anything proposes nothing of its own.

The OIDs are of the arc 2.25 (ITU-T X.667: a UUID as a decimal number), which needs no registration.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.summary.domain.sheet import SummaryLine

SHEET_TYPE: Final = "60591-5"
"""LOINC: medical summary."""
CITED_FACT: Final = "2.25.138604020532819786134060243933030663299"
DOCTOR_STATEMENT: Final = "2.25.191006383641511717235356138226474248719"
PATIENT_STATEMENT: Final = "2.25.227259326520096936382995295918022970023"
NO_INFORMATION: Final = "2.25.197935076891631380937847673726691046663"
_ROOTS: Final = (CITED_FACT, DOCTOR_STATEMENT, PATIENT_STATEMENT, NO_INFORMATION)


@dataclass(frozen=True, slots=True)
class LineId:
    """The id of an entry: its root, an OID, and its extension."""

    root: str
    extension: str


@dataclass(frozen=True, slots=True)
class Citation:
    """What an entry of a sheet restates. `document_id`: of a fact alone. `line_id`: None where it restates nothing."""

    kind: Literal["fact", "doctor", "patient-side", "no-information"]
    line_id: UUID | None = None
    document_id: UUID | None = None


def line_id(line: SummaryLine) -> LineId:
    """Returns the id of a line in a document."""
    cited = line.cited
    if cited is not None:
        return LineId(CITED_FACT, f"{cited.document_id}.{cited.fact_id}")
    return LineId(DOCTOR_STATEMENT if line.origin == "doctor" else PATIENT_STATEMENT, str(line.id))


def restates_sheet(document_type: str, facts: Sequence[ClinicalFact]) -> bool:
    """Returns whether a document is a sheet that this product composed: of that type, and every fact of it cites.

    What stands there in words alone stands in the documents that it cites.
    """
    return document_type == SHEET_TYPE and bool(facts) and all(citation_of(fact.source.ids) for fact in facts)


def citation_of(ids: Iterable[str]) -> Citation | None:
    """Returns what a fact cites by the ids of its entry (`OID^extension`); None where it is no entry of a sheet."""
    for id in ids:
        if not id.startswith(_ROOTS):
            continue
        root, _, extension = id.partition("^")
        try:
            if root == CITED_FACT:
                document, _, fact = extension.partition(".")
                return Citation("fact", UUID(fact), UUID(document))
            if root in (DOCTOR_STATEMENT, PATIENT_STATEMENT):
                return Citation("doctor" if root == DOCTOR_STATEMENT else "patient-side", UUID(extension))
            if root == NO_INFORMATION:
                return Citation("no-information")
        except ValueError:
            continue
    return None
