"""Moves a record from one state of its life to another: what closing, reopening and a death have in common.

One transaction: the record's row locked, the table asked, the move written, told to the other services and the ledger.
A refusal is told to the ledger too. What is already where it should be is left as it is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.announcing import record_changed
from services.identity.domain.contacts import MessageContent
from services.identity.domain.figures import counted_region
from services.identity.domain.lifecycle import (
    LifecycleAction,
    LifecycleParty,
    LifecycleRefusal,
    LifecycleState,
    RequestChannel,
    Retention,
    decide,
)
from services.identity.domain.opening import Person, RecordUnknownError
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import figures, lifecycle
from services.identity.store.lifecycle import LifecycleRecord
from services.identity.usecases.check_session import check_session
from services.identity.usecases.tell_holder import notify_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

LEDGER_ACTIONS: Final[dict[LifecycleAction, LedgerAction]] = {
    "open": "open-record",
    "object": "object-to-opening",
    "withdraw-objection": "withdraw-opening-objection",
    "close": "close-record",
    "reopen": "reopen-record",
    "record-death": "close-record",
    "erase": "erase-record",
    "link": "link-records",
    "unlink": "unlink-records",
}
"""How the ledger calls each action."""
_REASONS: Final[dict[LifecycleState, str]] = {"open": "reopened", "closed": "closed", "dead": "death-recorded"}

CLOSED_NOTICE: Final = MessageContent("record-closed")
"""Whoever did not ask for it learns of it."""


@dataclass(frozen=True, slots=True)
class LifecycleRequest:
    """What is asked: which action, by whom. `channel`: by which way it came, as the figures count it. `session_id`: of
    a holder who asks."""

    action: LifecycleAction
    party: LifecycleParty
    actor: Actor
    channel: RequestChannel = "online"
    session_id: UUID | None = None


async def move_record(
    pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, request: LifecycleRequest
) -> None:
    """Closes, reopens, or notes a death. Raises SessionOverError, RecordUnknownError, and what the table refuses."""
    async with transaction(pool) as connection:
        await check_session(connection, request.session_id)
        record = await lifecycle.load_lifecycle_record(connection, record_id)
        if record is None:
            raise RecordUnknownError
        refusal, announcements = await apply_transition(connection, keyrings, retention, record, request)
        await append(connection, announcements)
    if refusal is not None:
        raise count_refusal(request, refusal)


async def apply_transition(
    connection: Connection, keyrings: Keyrings, retention: Retention, record: LifecycleRecord, request: LifecycleRequest
) -> tuple[ClientError | None, list[Announcement]]:
    """The move of a locked record in the caller's transaction: what refuses it, and what is to be announced."""
    now = clock.now()
    decision = decide(record.state, request.action, request.party)
    if request.action == "reopen" and record.closed_at is not None and retention.is_over(record.closed_at, now):
        decision = LifecycleRefusal("retention-over")
    if isinstance(decision, LifecycleRefusal):
        return decision.error(), [announce(ledger_entry(record.id, request, reason=decision.code, refused=True))]
    if decision.state == record.state:
        return None, []
    person = open_holder(keyrings, record)
    version = await _write_transition(connection, record, decision.state, now)
    state, linked_to = decision.state, record.linked_to
    changed = record_changed(keyrings.ins, record.id, version, state, person, record.opened_at, linked_to=linked_to)
    announcements = [
        announce(changed),
        announce(ledger_entry(record.id, request, reason=_REASONS[decision.state], version=version)),
    ]
    if decision.state == "closed":
        await figures.count_life_event(connection, "closure", request.channel, counted_region(person.region), now)
        announcements += [
            announce(event) for event in await notify_holder(connection, keyrings, record.id, CLOSED_NOTICE)
        ]
    if decision.state == "open":
        await lifecycle.lift_suppression(connection, fingerprints_of(keyrings, person))
    return None, announcements


def open_holder(keyrings: Keyrings, record: LifecycleRecord) -> Person:
    """Whose record it is. Raises SealBrokenError."""
    return Person.from_json(open_row(keyrings.persons, record.person, "person", record.person_id))


def fingerprints_of(keyrings: Keyrings, person: Person) -> list[str]:
    """By which a person is found, under every key of the ring; the active one first."""
    return keyrings.ins.fingerprints(*ins_parts(person.ins))


def ledger_entry(
    record_id: UUID,
    request: LifecycleRequest,
    *,
    reason: str,
    refused: bool = False,
    version: int | None = None,
    subject: UUID | None = None,
) -> AccessRecorded:
    """The ledger's entry; `subject` is another record."""
    return AccessRecorded(
        record_id=record_id,
        actor=request.actor,
        action=LEDGER_ACTIONS[request.action],
        outcome="refused" if refused else "permitted",
        reason=reason,
        state_version=version,
        subject_id=None if subject is None else str(subject),
    )


def count_refusal(request: LifecycleRequest, refusal: ClientError) -> ClientError:
    """The same, counted."""
    REFUSED.labels(LEDGER_ACTIONS[request.action], refusal.code).inc()
    return refusal


async def _write_transition(
    connection: Connection, record: LifecycleRecord, state: LifecycleState, now: datetime
) -> int:
    version = record.version + 1
    if state == "open":
        await lifecycle.reopen(connection, record.id, version)
    else:
        await lifecycle.close(connection, record.id, version, "death" if state == "dead" else "asked", now)
    return version
