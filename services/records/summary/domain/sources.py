"""The documents of which a sheet is made: those that its reader may see, with the facts read out of them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.facts.domain.documents import DepositorKind
from services.records.summary.domain.citations import restates_sheet
from services.records.summary.domain.sheet import SheetCounts
from shared.values import RedactedRepr

SourceState = Literal["pending", "none", "unstructured", "read", "in-part", "unreadable"]
"""What became of reading the document. `none`: no coded fact stands in it. `unstructured`: all of it is text."""

_UNREAD: Final = frozenset({"in-part", "unreadable"})


class SheetSource(RedactedRepr, Struct, frozen=True, gc=False):
    """A current document version that the reader may see.

    `day`: of care, else of its receipt. `facts`: of the groups that a sheet needs. `text_only`: statements in it
    without a code; `has_unread`: some of its facts are of a newer release. `is_offered`: the rules offer its lines to
    this reader for confirmation. `where`: of advance directives, where they are kept, as the patient side states it.
    """

    id: UUID
    record_id: UUID
    type: str
    day: date
    received_at: datetime
    deposited_by: DepositorKind
    state: SourceState
    facts: tuple[ClinicalFact, ...] = ()
    text_only: int = 0
    has_unread: bool = False
    is_offered: bool = False
    where: str | None = None

    @property
    def uncoded(self) -> int:
        """How many statements stand in it alone and in words; none in a sheet that restates other documents."""
        return 0 if restates_sheet(self.type, self.facts) else self.text_only

    @property
    def is_of_patient_side(self) -> bool:
        """Whether the patient side deposited it."""
        return self.deposited_by != "organisation"


def counts_of(documents: Sequence[SheetSource]) -> SheetCounts:
    """Returns what stands in these documents and in no line."""
    unstructured = sum(document.state == "unstructured" for document in documents)
    return SheetCounts(
        text_only=unstructured + sum(document.uncoded for document in documents),
        unread=sum(document.state in _UNREAD or document.has_unread for document in documents),
        pending=sum(document.state == "pending" for document in documents),
    )
