"""What an event says in the ledger, and what of the ledger a patient is shown. Pure."""

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

SHOWN_TO_PATIENTS = (
    AccessRecorded.ce_type,
    DocumentReceived.ce_type,
    DocumentPublished.ce_type,
    DocumentRefused.ce_type,
    DocumentRelabelled.ce_type,
    DocumentReplaced.ce_type,
    DocumentWithdrawn.ce_type,
)
"""Types of entries in a patient's list. The checks between them and the patient's own alerts tell nothing more."""
STRUCTURE_ACTIONS = frozenset(
    {
        *("object-to-feeding", "withdraw-feeding-objection"),
        *("attest-care-team", "end-attestation", "withdraw-attestation-objection"),
    }
)
"""Actions whose subject is a structure."""
RECORD_ACTIONS = frozenset({"link-records", "unlink-records"})
"""Actions whose subject is a record."""
NOT_PEOPLE = STRUCTURE_ACTIONS | RECORD_ACTIONS
"""Any other action's subject is a professional."""
ARCHIVING = frozenset({"archive", "unarchive"})

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
"""Events that say which labels a document has from then on."""


class CursorInvalidError(InvalidError):
    """`before` is the `next` of an earlier answer, or a time such as 2026-11-22T09:30:00Z."""

    code = "cursor-invalid"
    french = "`before` est le `next` d’une réponse précédente, ou une date telle que 2026-11-22T09:30:00Z."


class Entry(NamedTuple):
    """One entry, its fields in the order of the ledger's columns. `details` is what has no column, as JSON."""

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


_COLUMNS = {"actor", "motive", *Entry._fields}


def entry_of(message: Message[LedgerEvent], motive: str | None = None) -> Entry:
    """The entry of an event. `motive`: that of an emergency, as the ledger keeps it."""
    event = message.event
    action, outcome, reason, actor = _told(event)
    held: dict[str, Any] = event.__dict__
    return Entry(
        occurred_at=message.time,
        event_id=message.id,
        event_type=event.ce_type,
        record_id=event.record_id,
        action=action,
        outcome=outcome,
        reason=reason,
        actor_kind=actor.kind,
        actor_id=actor.id,
        profession=actor.profession,
        organisation_id=actor.organisation_id or _structure(held.get("organisation_id")),
        client_id=actor.client_id,
        document_id=held.get("document_id"),
        deposit_id=held.get("deposit_id"),
        subject_id=held.get("subject_id"),
        mode=held.get("mode", "normal"),
        rules_version=held.get("rules_version"),
        details=_details(event, motive),
    )


def _structure(owner: str | None) -> str | None:
    """The national id of a structure; the person's side owns a deposit by the id of a record."""
    return None if owner is None or uuid_of(owner.encode()) is not None else owner


def _details(event: LedgerEvent, motive: str | None) -> str:
    if motive is None:
        return event.model_dump_json(exclude=_COLUMNS, exclude_none=True)
    held = event.model_dump(mode="json", exclude=_COLUMNS, exclude_none=True)
    return orjson.dumps({**held, "motive": motive}).decode()


def _told(event: LedgerEvent) -> tuple[str, str, str | None, Actor]:
    """(action, outcome, reason, actor) of an event."""
    match event:
        case AccessRecorded():
            return event.action, event.outcome, event.reason, event.actor
        case DocumentReceived():
            sender, structure = event.client_id, event.organisation_id
            software = Actor(kind="software", id=sender, organisation_id=structure, client_id=sender)
            return "deposit-document", "permitted", "received", event.actor or software
        case DepositDecided():
            return "check-deposit", event.outcome, event.reason, _service("consent")
        case DocumentPublished():
            return "publish-document", "permitted", "published", _service("records")
        case DocumentRefused():
            # Told as the depositor's: the person wants to see whose deposit was refused, and why.
            software = Actor(kind="software", id=event.organisation_id)
            return "deposit-document", "refused", event.reason, event.actor or software
        case DocumentReplaced():
            return "replace-document", "permitted", "replaced", event.actor
        case DocumentRelabelled():
            action = "archive-document" if event.change in ARCHIVING else "label-document"
            return action, "permitted", event.change, event.actor
        case DocumentWithdrawn():
            return "delete-document", "permitted", "deleted", event.actor
        case AlertEvent():
            return "send-alert", *_alerted(event), _service("notify")


def _alerted(event: AlertEvent) -> tuple[str, str | None]:
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


def _service(name: str) -> Actor:
    return Actor(kind="system", id=name)


@dataclass(frozen=True, slots=True)
class Visible:
    """Who of the person's side may know of a document, by which version of its labels."""

    to_patient: bool
    to_representatives: bool
    version: LabelVersion


def visible_by(message: Message[LabelledEvent]) -> Visible:
    """What the labels of this document say from then on. A label that this release does not know may hide it."""
    labels = message.event.labels
    known = KNOWN_LABELS.issuperset(labels)
    return Visible(
        known and Visibility.INVISIBLE_TO_PATIENT not in labels,
        known and Visibility.INVISIBLE_TO_REPRESENTATIVES not in labels,
        LabelVersion.of(message),
    )


def uuid_of(text: bytes | None) -> UUID | None:
    """The id that these bytes spell; None where they spell none."""
    try:
        return UUID((text or b"").decode())
    except (ValueError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a patient's list: entries before it come next."""

    occurred_at: datetime
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}_{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """From its text, or from a time. Raises CursorInvalidError."""
        time, _, event_id = text.partition("_")
        try:
            # A plus sign that was not escaped arrives as a blank.
            parsed = datetime.fromisoformat(time.strip().replace(" ", "+")).astimezone(UTC)
            return cls(parsed, UUID(event_id) if event_id else UUID(int=0))
        except (ValueError, OverflowError) as error:
            raise CursorInvalidError from error


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it may be shown, before names are put to its codes."""

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
        """The professionals that it names."""
        actors = {self.actor_id} if self.actor_kind == "professional" else set()
        return actors | ({self.subject_id} if self.subject_id and self.action not in NOT_PEOPLE else set())

    @property
    def structure_ids(self) -> set[str]:
        """The structures that it names."""
        structures = {self.organisation_id} if self.organisation_id else set()
        return structures | ({self.subject_id} if self.subject_id and self.action in STRUCTURE_ACTIONS else set())


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: one entry, or refusals alike that followed one another. `newest` of them, how many, and when
    the first was."""

    newest: Shown
    times: int
    first_at: datetime


def fold_refusals(page: Sequence[Shown]) -> list[Line]:
    """Newest first. Whoever is refused again and again fills nobody's list: what differs among such refusals is at most
    the document, which is then not named."""
    lines: list[Line] = []
    for _, alike in groupby(page, key=_refusal_of):
        group = list(alike)
        same_document = len({entry.document_id for entry in group}) == 1
        newest = group[0] if same_document else replace(group[0], document_id=None)
        lines.append(Line(newest, len(group), group[-1].occurred_at))
    return lines


def _refusal_of(entry: Shown) -> object:
    """Equal for refusals alike; of everything else only with itself."""
    if entry.outcome != "refused":
        return entry.event_id
    who = (entry.actor_kind, entry.actor_id, entry.profession, entry.organisation_id)
    return (*who, entry.action, entry.reason, entry.mode, entry.subject_id)


@dataclass(frozen=True, slots=True)
class Names:
    """Public names by national id, from the own copy."""

    professionals: Mapping[str, str]
    structures: Mapping[str, str]
