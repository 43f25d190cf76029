"""Events of audit: accesses and changes told by all services, and the ledger's word that an entry stands."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import NOTHING_SEEN, Actor, Code, RecordEvent, Seen

Action = Literal[
    "open-record",
    "deposit-document",
    "find-documents",
    "read-document",
    "authorise-professional",
    "end-authorisation",
    "block-professional",
    "unblock-professional",
    "object-to-feeding",
    "withdraw-feeding-objection",
    "list-accesses",
    "change-preferences",
    "close-record",
    "reopen-record",
    "erase-record",
    "object-to-opening",
    "withdraw-opening-objection",
    "activate-account",
    "sign-in",
    "sign-out",
    "change-credentials",
    "change-contact",
    "name-attending-doctor",
    "represent",
    "end-representation",
    "invite-carer",
    "answer-invitation",
    "end-care",
    "link-records",
    "unlink-records",
]


class AccessRecorded(RecordEvent):
    """Somebody read, changed or was refused at the door. Written by every service, in the transaction of the act."""

    wire: ClassVar[str] = "audit.access-recorded.v1"
    actor: Actor
    action: Action
    outcome: Literal["permitted", "refused"]
    reason: Code
    document_id: UUID | None = None
    subject_id: Code | None = None
    mode: Code = "normal"
    rules_version: Code | None = None
    state_version: int | None = None
    seen: Seen = NOTHING_SEEN


class EntryRecorded(RecordEvent):
    """The ledger holds the entry of event `event_id`, for ever."""

    wire: ClassVar[str] = "audit.entry-recorded.v1"
    event_id: UUID
    event_type: str
    document_id: UUID | None = None
    deposit_id: UUID | None = None
    recorded_at: datetime
