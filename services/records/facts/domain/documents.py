"""The codes of a document that are stored in clear, because the access rules and the lists need them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

DocumentStatus = Literal["received", "published", "refused"]
DocumentLife = Literal["current", "superseded", "deleted"]
"""The life of a document after its publication."""
StoredFactsState = Literal["none", "read", "in-part", "unreadable"]
FactsState = Literal["pending", "none", "read", "in-part", "unreadable"]
"""What became of reading the facts of a published document. `none`: no coded fact stands in it. `pending`: they are not
read yet, and nothing is stored."""
DepositorKind = Literal["organisation", "patient", "representative", "carer"]
"""The kind of party on whose behalf a document was deposited."""


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """The codes of a document that the access rules and the lists need.

    `version` and `changed_at` count changes of the labels and the life. `chain_id`: the first version of the document,
    None where this is the first. `depositor_id`: the person of the patient side who deposited it. `in_secret`:
    deposited in the secret connection of a minor.
    """

    id: UUID
    record_id: UUID
    status: DocumentStatus
    type: str
    class_code: str
    section: str
    labels: frozenset[str]
    organisation_id: str
    client_id: str
    author_ids: frozenset[str]
    received_at: datetime
    deposit_id: UUID
    life: DocumentLife = "current"
    archived: bool = False
    masked_by: str | None = None
    shown_to_representatives: bool = False
    version: int = 1
    changed_at: datetime | None = None
    deposited_by: DepositorKind = "organisation"
    depositor_id: str | None = None
    in_secret: bool = False
    chain_id: UUID | None = None
    cites: tuple[UUID, ...] | None = None
    """The document versions that a version of the summary sheet cites; None: it is no such version."""
    care_on: date | None = None
    """The day of care; None in a document of an older release until a loop of the worker has filled it."""
    refusal: str | None = None
    """The reason for which the deposit was refused, as consent states it."""
    stored_facts: StoredFactsState | None = None
    facts_reason: str | None = None
    """Why the facts are unreadable, were read in part, or why there are none."""

    @property
    def facts(self) -> FactsState | None:
        """What became of reading the facts; None of a document that is not published."""
        return (self.stored_facts or "pending") if self.status == "published" else None

    @property
    def first_version(self) -> UUID:
        """The id of the document's first version, which all its versions have in common."""
        return self.chain_id or self.id


def disclosed_reason(reason: str) -> str:
    """Returns the refusal's reason for the depositor: a block looks like any opposition (only TD0.2 discloses it)."""
    return "consent-opposed" if reason == "blocked" else reason
