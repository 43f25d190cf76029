"""Events of audit: accesses and changes that all services report, and confirmations that an entry is in the ledger."""

import base64
import zlib
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from shared.contracts.base import NOTHING_SEEN, OPEN, Actor, Code, Event, RecordEvent, Seen

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
    "replace-document",
    "label-document",
    "archive-document",
    "delete-document",
    "read-summary",
    "read-reimbursements",
    "choose-emergency-access",
    "hide-section",
    "show-section",
    "choose-default-label",
    "attest-care-team",
    "end-attestation",
    "object-to-care-team",
    "withdraw-care-team-objection",
    "withdraw-attestation-objection",
    "end-attending-doctor",
    "reference-application",
    "end-application",
    "change-rights",
    "ask-what-if",
    "explain-decision",
    "list-emergencies",
    "check-record",
    "see-choices",
    "fill-history",
    "discard-dead-letter",
    "report-consents",
    "handle-quarantined",
    "export-record",
    "confirm-summary",
    "acknowledge-warning",
    "issue-certificate",
    "read-measures",
    "add-measure",
    "correct-measure",
    "delete-measure",
]
READ_ACTIONS: Final[frozenset[str]] = frozenset(
    {
        "read-document",
        "find-documents",
        "read-summary",
        "read-reimbursements",
        "export-record",
        "read-measures",
        "issue-certificate",
    }
)
"""The actions that show somebody the content of a record."""
"""A new action is also added to audit's `ACTIONS_BY_SERVICE`; a change of rights to consent's `ChangeAction` too."""
Outcome = Literal["permitted", "refused"]

RecordedFacts = dict[str, str | bool | int | tuple[str, ...]]
"""Facts of a decision by name, as `shared.access.encode_facts` returns them. A fact left out has its default value."""
MOTIVE: Final = "motive"
"""The kind of content in the protected header (`cty`) of a sealed motive."""


class CombinationDecided(BaseModel):
    """The decision about all documents of a search that have these facts in common.

    `sources`: for a summary sheet, the document versions among them of which it was made; never what stands in them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    facts: RecordedFacts
    outcome: Annotated[Outcome, OPEN]
    reason: Code
    sources: tuple[UUID, ...] = ()


MOST_IN_CLEAR = 200
LARGEST_UNPACKED = 32 * 1024 * 1024
_COMBINATIONS: TypeAdapter[tuple[CombinationDecided, ...]] = TypeAdapter(tuple[CombinationDecided, ...])


class AccessRecorded(RecordEvent):
    """An access, a change or a refused attempt, reported by the service where it happened.

    The service writes it in the transaction of the act, on its own topic; the ledger enters only what that service may
    report. `facts`: the input of the decision; for a search the facts common to all its documents, with the others in
    `combinations`. Combinations too large for the broker travel in `combinations_packed` (base64 of zlib of their JSON)
    and are unpacked into `combinations` when the event is read. `motive`: the motive of an emergency, or the
    reason for which a warning was acknowledged, sealed for audit (JWE). `session_id`: the session in which it happened.
    """

    ce_type: ClassVar[str] = "audit.access-recorded.v1"
    actor: Actor
    action: Annotated[Action, OPEN]
    outcome: Annotated[Outcome, OPEN]
    reason: Code
    document_id: UUID | None = None
    subject_id: Code | None = None
    mode: Code = "normal"
    rules_version: Code | None = None
    state_version: int | None = None
    seen: Seen = NOTHING_SEEN
    facts: RecordedFacts | None = None
    combinations: tuple[CombinationDecided, ...] = ()
    combinations_packed: str | None = None
    matrix: Code | None = None
    motive: str | None = Field(default=None, max_length=4096)
    session_id: UUID | None = None

    @model_validator(mode="after")
    def _unpack(self) -> Self:
        if self.combinations_packed is not None:
            object.__setattr__(self, "combinations", _unpacked(self.combinations_packed))
            object.__setattr__(self, "combinations_packed", None)
        return self

    def packed(self) -> "AccessRecorded":
        """Returns this event for the broker: more than `MOST_IN_CLEAR` combinations and sources are packed."""
        if sum(1 + len(combination.sources) for combination in self.combinations) <= MOST_IN_CLEAR:
            return self
        body = _COMBINATIONS.dump_json(self.combinations)
        packed = base64.b64encode(zlib.compress(body)).decode()
        return self.model_copy(update={"combinations": (), "combinations_packed": packed})


def _unpacked(packed: str) -> tuple[CombinationDecided, ...]:
    """Returns the combinations of a packed text. Raises ValueError when `packed` cannot have made it."""
    try:
        body = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), LARGEST_UNPACKED)
    except zlib.error as error:
        raise ValueError("the combinations cannot be unpacked") from error
    return _COMBINATIONS.validate_json(body)


OperatorAction = Literal[
    "redrive-dead-letter",
    "discard-dead-letter",
    "recover-database",
    "repeat-erasure",
    "announce-anew",
    "withhold-states",
    "reset-offsets",
    "send-refused-announcement",
    "discard-refused-announcement",
    "scale-process",
    "restart-process",
]


class OperatorActed(Event):
    """An operator acted on the messages or the processes of a service; the transaction of the act writes it.

    `subject_id`: the dead letter, group, announcement, service, process, or record that is erased again. `count`: of
    recovered records, of withheld states, of reset partitions, or of the replicas that a process gets. A redrive that
    failed for good is `refused`, with the code. The discard of a dead letter about a record is an AccessRecorded
    instead, which its holder sees.
    """

    ce_type: ClassVar[str] = "audit.operator-acted.v1"
    actor: Actor
    action: Annotated[OperatorAction, OPEN]
    subject_id: Code
    outcome: Annotated[Outcome, OPEN] = "permitted"
    reason: Code | None = None
    count: int | None = Field(default=None, ge=0)

    @property
    def key(self) -> str:
        """The operator's id: the acts of one operator stay in their order."""
        return self.actor.id


class EntryRecorded(RecordEvent):
    """The ledger holds the entry of event `event_id` for good. Sent for published and refused documents."""

    ce_type: ClassVar[str] = "audit.entry-recorded.v1"
    event_id: UUID
    event_type: str
    document_id: UUID | None = None
    deposit_id: UUID | None = None
    recorded_at: datetime
