"""Facts of a document that another version of the extractor replaces."""

from dataclasses import dataclass
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact


@dataclass(frozen=True, slots=True, repr=False)
class FactSwap:
    """The facts of the summary's group of a document, before and after."""

    record_id: UUID
    document_id: UUID
    before: tuple[ClinicalFact, ...]
    after: tuple[ClinicalFact, ...]
