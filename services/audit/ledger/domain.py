"""The ledger entry of each event, and which entries and documents a patient is shown. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import orjson

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.label_versions import LabelVersion
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import (
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.errors import InvalidError
from shared.messaging.envelope import Message
from shared.terminology.visibility import KNOWN_LABELS, Visibility

PATIENT_LIST_TYPES = (
    AccessRecorded.ce_type,
    DocumentReceived.ce_type,
    DocumentPublished.ce_type,
    DocumentRefused.ce_type,
    DocumentRelabelled.ce_type,
    DocumentReplaced.ce_type,
    DocumentWithdrawn.ce_type,
)
"""Types of entries in a patient's list. The checks of deposits and the patient's own alerts are left out: they add
nothing."""
STRUCTURE_ACTIONS = frozenset(
    {
        *("object-to-feeding", "withdraw-feeding-objection"),
        *("attest-care-team", "end-attestation", "withdraw-attestation-objection"),
    }
)
"""Actions whose subject is a structure."""
RECORD_ACTIONS = frozenset({"link-records", "unlink-records"})
"""Actions whose subject is a record."""
NON_PROFESSIONAL_ACTIONS = STRUCTURE_ACTIONS | RECORD_ACTIONS
"""Actions whose subject is no professional; that of every other action is one."""
ARCHIVE_CHANGES = frozenset({"archive", "unarchive"})

LedgerEvent: TypeAlias = (
    AccessRecorded
    | DepositDecided
    | DocumentReceived
    | DocumentPublished
    | DocumentRefused
    | DocumentRelabelled
    | DocumentReplaced
    | DocumentWithdrawn
    | AlertSent
    | AlertFailed
    | AlertWithheld
    | AlertUnwanted
)
LabelledEvent: TypeAlias = DocumentReceived | DocumentPublished | DocumentRelabelled
"""Events that state the labels of a document."""


class CursorInvalidError(InvalidError):
    """`before` must be the `next` of an earlier answer, or a time such as 2026-11-22T09:30:00Z."""

    code = "cursor-invalid"
    french = "`before` est le `next` d’une réponse précédente, ou une date telle que 2026-11-22T09:30:00Z."


class LedgerEntry(NamedTuple):
    """One entry, its fields in the order of the ledger's columns. `details`: JSON of the event's other fields."""

    occurred_at: datetime
    event_id: UUID
    event_type: str
    record_id: UUID | None
    action: str
    outcome: str
    reason: str | None
    actor_kind: str
    actor_id: str
    profession: str | None = None
    organisation_id: str | None = None
    client_id: str | None = None
    document_id: UUID | None = None
    deposit_id: UUID | None = None
    subject_id: str | None = None
    mode: str = "normal"
    rules_version: str | None = None
    details: str = "{}"


_COLUMNS = {"actor", "motive", *LedgerEntry._fields}


def entry_of(message: Message[LedgerEvent], motive: str | None = None) -> LedgerEntry:
    """Returns the entry of an event. `motive`: the encrypted motive of an emergency, as the ledger stores it."""
    event = message.event
    summary = _summary_of(event)
    actor = summary.actor
    fields: dict[str, Any] = event.__dict__
    return LedgerEntry(
        occurred_at=message.time,
        event_id=message.id,
        event_type=event.ce_type,
        record_id=event.record_id,
        action=summary.action,
        outcome=summary.outcome,
        reason=summary.reason,
        actor_kind=actor.kind,
        actor_id=actor.id,
        profession=actor.profession,
        organisation_id=actor.organisation_id or _structure(fields.get("organisation_id")),
        client_id=actor.client_id,
        document_id=fields.get("document_id"),
        deposit_id=fields.get("deposit_id"),
        subject_id=fields.get("subject_id"),
        mode=fields.get("mode", "normal"),
        rules_version=fields.get("rules_version"),
        details=_details(event, motive),
    )


def _structure(owner: str | None) -> str | None:
    """Returns the national id of a structure; None for the patient side, whose deposits carry a record id instead."""
    return None if owner is None or uuid_of(owner.encode()) is not None else owner


def _details(event: LedgerEvent, motive: str | None) -> str:
    if motive is None:
        return event.model_dump_json(exclude=_COLUMNS, exclude_none=True)
    fields = event.model_dump(mode="json", exclude=_COLUMNS, exclude_none=True)
    return orjson.dumps({**fields, "motive": motive}).decode()


class EventSummary(NamedTuple):
    """The columns of an entry that differ by the type of its event."""

    action: str
    outcome: str
    reason: str | None
    actor: Actor


def _summary_of(event: LedgerEvent) -> EventSummary:
    match event:
        case AccessRecorded():
            return EventSummary(event.action, event.outcome, event.reason, event.actor)
        case DocumentReceived():
            sender, structure = event.client_id, event.organisation_id
            software = Actor(kind="software", id=sender, organisation_id=structure, client_id=sender)
            return EventSummary("deposit-document", "permitted", "received", event.actor or software)
        case DepositDecided():
            return EventSummary("check-deposit", event.outcome, event.reason, _service_actor("consent"))
        case DocumentPublished():
            return EventSummary("publish-document", "permitted", "published", _service_actor("records"))
        case DocumentRefused():
            # The depositor is the actor: the patient wants to see whose deposit was refused, and why.
            software = Actor(kind="software", id=event.organisation_id)
            return EventSummary("deposit-document", "refused", event.reason, event.actor or software)
        case DocumentReplaced():
            return EventSummary("replace-document", "permitted", "replaced", event.actor)
        case DocumentRelabelled():
            action = "archive-document" if event.change in ARCHIVE_CHANGES else "label-document"
            return EventSummary(action, "permitted", event.change, event.actor)
        case DocumentWithdrawn():
            return EventSummary("delete-document", "permitted", "deleted", event.actor)
        case AlertEvent():
            return EventSummary("send-alert", *_alert_outcome(event), _service_actor("notify"))


def _alert_outcome(event: AlertEvent) -> tuple[str, str | None]:
    match event:
        case AlertSent():
            return "sent", event.channel
        case AlertFailed():
            return "failed", event.reason
        case AlertWithheld():
            return "withheld", event.reason
        case AlertUnwanted():
            return "unwanted", event.reason
    return "unknown", None


def _service_actor(name: str) -> Actor:
    return Actor(kind="system", id=name)


@dataclass(frozen=True, slots=True)
class DocumentVisibility:
    """Whether the patient and representatives may know of a document, and the version of its labels that says so."""

    to_patient: bool
    to_representatives: bool
    version: LabelVersion


def visibility_of(message: Message[LabelledEvent]) -> DocumentVisibility:
    """Returns the visibility that the event's labels give a document. A label unknown to this release may hide it, so
    it does."""
    labels = message.event.labels
    are_known = KNOWN_LABELS.issuperset(labels)
    return DocumentVisibility(
        are_known and Visibility.INVISIBLE_TO_PATIENT not in labels,
        are_known and Visibility.INVISIBLE_TO_REPRESENTATIVES not in labels,
        LabelVersion.of(message),
    )


def uuid_of(text: bytes | None) -> UUID | None:
    """Parses an id from bytes; returns None if they hold none."""
    try:
        return UUID((text or b"").decode())
    except (ValueError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class LedgerCursor:
    """A place in a list of entries; a page holds the entries before it."""

    occurred_at: datetime
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}_{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> "LedgerCursor":
        """Parses the text of a cursor, or a time. Raises CursorInvalidError."""
        time, _, event_id = text.partition("_")
        try:
            # An unescaped plus sign in a URL arrives as a blank.
            parsed = datetime.fromisoformat(time.strip().replace(" ", "+")).astimezone(UTC)
            return cls(parsed, UUID(event_id) if event_id else UUID(int=0))
        except (ValueError, OverflowError) as error:
            raise CursorInvalidError from error


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry that may be shown, without the names of its codes."""

    event_id: UUID
    occurred_at: datetime
    action: str
    outcome: str
    reason: str | None
    actor_kind: str
    actor_id: str
    profession: str | None
    organisation_id: str | None
    document_id: UUID | None
    subject_id: str | None
    mode: str

    @property
    def professional_ids(self) -> set[str]:
        """The national ids of professionals in the entry."""
        actors = {self.actor_id} if self.actor_kind == "professional" else set()
        return actors | (
            {self.subject_id} if self.subject_id and self.action not in NON_PROFESSIONAL_ACTIONS else set()
        )

    @property
    def structure_ids(self) -> set[str]:
        """The national ids of structures in the entry."""
        structures = {self.organisation_id} if self.organisation_id else set()
        return structures | ({self.subject_id} if self.subject_id and self.action in STRUCTURE_ACTIONS else set())


@dataclass(frozen=True, slots=True)
class AccessLine:
    """A line of the list: one entry, or equal refusals that followed one another. `newest`: the latest of them;
    `times`: their number; `first_at`: the time of the earliest."""

    newest: ShownEntry
    times: int
    first_at: datetime


def fold_refusals(page: Sequence[ShownEntry]) -> list[AccessLine]:
    """Returns the lines of a page, newest first. Repeated refusals fill one line only. If they differ in the document,
    the line names none."""
    lines: list[AccessLine] = []
    for _, alike in groupby(page, key=_refusal_of):
        group = list(alike)
        same_document = len({entry.document_id for entry in group}) == 1
        newest = group[0] if same_document else replace(group[0], document_id=None)
        lines.append(AccessLine(newest, len(group), group[-1].occurred_at))
    return lines


def _refusal_of(entry: ShownEntry) -> object:
    """Returns a key that is equal for equal refusals; for other entries it is unique."""
    if entry.outcome != "refused":
        return entry.event_id
    actor = (entry.actor_kind, entry.actor_id, entry.profession, entry.organisation_id)
    return (*actor, entry.action, entry.reason, entry.mode, entry.subject_id)


@dataclass(frozen=True, slots=True)
class PublicNames:
    """Public names by national id, from audit's copy of the directory."""

    professionals: Mapping[str, str]
    structures: Mapping[str, str]
