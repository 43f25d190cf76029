"""What transitions of a record's life have in common, and what the death of a holder ends besides the record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from services.identity.accounts.steps.end_sessions import end_all_sessions
from services.identity.accounts.store import sessions
from services.identity.figures import store as figures
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings, open_row
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import (
    LifecycleAction,
    LifecycleParty,
    LifecycleRules,
    LifecycleState,
    RequestChannel,
    RetentionOverError,
    decide,
)
from services.identity.lifecycle.domain.record_event import record_changed
from services.identity.lifecycle.store import LifecycleRecord
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.new_person import Person
from services.identity.people.steps import notify_holder
from services.identity.relations.steps.release_people import release_people
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.messaging.outbox import Announcement
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

DECEASED = "deceased"
LinkReason = Literal["linked", "unlinked", "erased"]
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
"""The ledger's name of each action."""
_REASONS: Final[dict[LifecycleState, str]] = {"open": "reopened", "closed": "closed", "dead": "death-recorded"}
CLOSED_NOTICE: Final = MessageContent("record-closed")
"""Notifies a holder whose record was closed at another person's request too."""


@dataclass(frozen=True, slots=True)
class LifecycleRequest:
    """The requested action and its author. `channel`: how the request arrived, for the figures; `session_id`: of a
    holder."""

    action: LifecycleAction
    party: LifecycleParty
    actor: Actor
    channel: RequestChannel = "online"
    session_id: UUID | None = None


async def apply_transition(
    work: UnitOfWork, rules: LifecycleRules, record: LifecycleRecord, request: LifecycleRequest
) -> tuple[ClientError | None, list[Announcement]]:
    """Changes the state of a locked record in the caller's transaction. Returns the refusal, if any, and the
    announcements."""
    now = clock.now()
    decision = decide(record.state, request.action, request.party)
    if request.action == "reopen" and record.closed_at is not None and rules.is_over(record.closed_at, now):
        decision = TransitionRefusal(RetentionOverError)
    if isinstance(decision, TransitionRefusal):
        return decision.error(), [announce(ledger_entry(record.id, request, reason=decision.code, is_refused=True))]
    if decision.status == record.state:
        return None, []
    person = open_holder(work.keyrings, record)
    version = await _write_transition(work.connection, record, decision.status, now)
    state, linked_to = decision.status, record.linked_to
    changed = record_changed(
        work.keyrings.ins, record.id, version, state, person, record.opened_at, linked_to=linked_to
    )
    announcements = [
        announce(changed),
        announce(ledger_entry(record.id, request, reason=_REASONS[decision.status], version=version)),
    ]
    if decision.status == "closed":
        await figures.count_life_event(work.connection, "closure", request.channel, counted_region(person.region), now)
        announcements += [announce(event) for event in await notify_holder(work, record.id, CLOSED_NOTICE)]
    if decision.status == "open":
        await lifecycle.lift_suppression(work.connection, fingerprints_of(work.keyrings, person))
    return None, announcements


def open_holder(keyrings: Keyrings, record: LifecycleRecord) -> Person:
    """Returns the holder of a record. Raises SealBrokenError."""
    return Person.from_json(open_row(keyrings.persons, record.person, "person", record.person_id))


def fingerprints_of(keyrings: Keyrings, person: Person) -> list[str]:
    """Returns the fingerprints of a person under every key of the ring; the active key first."""
    return keyrings.ins.fingerprints(*ins_parts(person.ins))


def ledger_entry(
    record_id: UUID,
    request: LifecycleRequest,
    *,
    reason: str,
    is_refused: bool = False,
    version: int | None = None,
    subject: UUID | None = None,
) -> AccessRecorded:
    """Returns the ledger entry. `subject`: another record concerned."""
    return AccessRecorded(
        record_id=record_id,
        actor=request.actor,
        action=LEDGER_ACTIONS[request.action],
        outcome="refused" if is_refused else "permitted",
        reason=reason,
        state_version=version,
        subject_id=None if subject is None else str(subject),
    )


def count_refusal(request: LifecycleRequest, refusal: ClientError) -> ClientError:
    """Counts the refusal and returns it."""
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


async def set_linked_record(  # one side of the link, and the reason
    work: UnitOfWork,
    record: LifecycleRecord,
    linked_to: UUID | None,
    request: LifecycleRequest,
    reason: LinkReason,
    other: UUID,
) -> list[Announcement]:
    """Sets the link of a locked record from its next version on; None: it no longer links to `other`. Returns the
    announcements."""
    version = record.version + 1
    await lifecycle.set_link(work.connection, record.id, linked_to, version)
    person = open_holder(work.keyrings, record)
    changed = record_changed(
        work.keyrings.ins, record.id, version, record.state, person, record.opened_at, linked_to=linked_to
    )
    return [
        announce(changed),
        announce(ledger_entry(record.id, request, reason=reason, version=version, subject=other)),
    ]


async def end_life(work: UnitOfWork, record_id: UUID, now: datetime, actor: Actor) -> list[Event]:
    """Ends sessions, and relations to other holders. Returns the events to announce. The caller has locked the record
    in a transaction.

    Correcting a death restores none of it: the person signs in again, and is named again.
    """
    ended = await end_all_sessions(work.connection, record_id, DECEASED, now)
    await sessions.forget_devices(work.connection, record_id)
    return ended + await release_people(work, record_id, now, actor, DECEASED)
