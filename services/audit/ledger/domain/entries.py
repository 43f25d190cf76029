"""Makes the ledger entry of each event."""

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import orjson

from shared.contracts.audit import AccessRecorded, OperatorActed
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import ClientAdministered
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import (
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.messaging.envelope import Message

ARCHIVE_CHANGES = frozenset({"archive", "unarchive"})
LedgerEvent: TypeAlias = (
    AccessRecorded
    | ClientAdministered
    | OperatorActed
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
        record_id=fields.get("record_id"),
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
        case OperatorActed():
            return EventSummary(event.action, event.outcome, event.reason, event.actor)
        case ClientAdministered():
            return EventSummary(event.action, "permitted", event.status, event.actor)
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
        case DocumentReplaced() | DocumentRelabelled() | DocumentWithdrawn():
            return _change_summary(event)
        case AlertEvent():
            return EventSummary("send-alert", *_alert_outcome(event), _service_actor("notify"))


def _change_summary(event: DocumentReplaced | DocumentRelabelled | DocumentWithdrawn) -> EventSummary:
    match event:
        case DocumentReplaced():
            return EventSummary("replace-document", "permitted", "replaced", event.actor)
        case DocumentRelabelled():
            action = "archive-document" if event.change in ARCHIVE_CHANGES else "label-document"
            return EventSummary(action, "permitted", event.change, event.actor)
        case DocumentWithdrawn():
            return EventSummary("delete-document", "permitted", "deleted", event.actor)


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


def uuid_of(text: bytes | None) -> UUID | None:
    """Parses an id from bytes; returns None if they hold none."""
    try:
        return UUID((text or b"").decode())
    except (ValueError, AttributeError):
        return None
