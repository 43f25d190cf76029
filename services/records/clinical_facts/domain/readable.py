"""The facts of a record that a reader may see, with the documents in which they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.facts.domain.documents import DepositorKind, FactsState
from shared.values import RedactedRepr


class ReadableDocument(Struct, frozen=True, gc=False):
    """A document version that its reader may see, by its codes.

    `state`: what became of reading its facts, with its `reason`. `care_on`: the day of care, None where it is not
    filled yet. `is_sheet`: it is a version of the summary sheet, whose facts cite others.
    """

    id: UUID
    record_id: UUID
    type: str
    section: str
    class_code: str
    organisation_id: str
    author_ids: Sequence[str]
    deposited_by: DepositorKind
    depositor_id: str | None
    received_at: datetime
    care_on: date | None
    is_sheet: bool
    state: FactsState
    reason: str | None

    @property
    def has_block(self) -> bool:
        """Whether something was read out of it: facts, or the number of statements that are none."""
        return self.state in ("read", "in-part") or (self.state == "none" and self.reason is None)


class SourcedFact(RedactedRepr, Struct, frozen=True, gc=False):
    """A fact and the document version in which it stands."""

    fact: ClinicalFact
    source: ReadableDocument


@dataclass(frozen=True, slots=True, repr=False)
class ReadableFacts(RedactedRepr):
    """The facts of a record for one reader: of documents newest first, each in the order of the document.

    `record_id` is None where the existence of the record must not be disclosed; then there is nothing. `sources`: all
    documents that were looked at, also those without facts. `text_only`: by document, the number of its statements
    that are no facts, where the group `summary` was asked for. `unread`: facts that this release cannot read.
    """

    record_id: UUID | None
    sources: tuple[ReadableDocument, ...] = ()
    facts: tuple[SourcedFact, ...] = ()
    text_only: Mapping[UUID, int] = field(default_factory=dict)
    unread: int = 0
