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
from services.identity.domain.contacts import Note
from services.identity.domain.figures import region_of
from services.identity.domain.lifecycle import Action, Channel, Party, Refusal, Retention, State, decide
from services.identity.domain.opening import Person, RecordUnknownError
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import figures, lifecycle
from services.identity.store.lifecycle import KeptRecord
from services.identity.usecases.check_session import check_session
from services.identity.usecases.tell_holder import tell_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

LEDGER: Final[dict[Action, LedgerAction]] = {
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
_REASONS: Final[dict[State, str]] = {"open": "reopened", "closed": "closed", "dead": "death-recorded"}

CLOSED: Final = Note("record-closed")
"""Whoever did not ask for it learns of it."""


@dataclass(frozen=True, slots=True)
class Moving:
    """What is asked: which action, by whom. `channel`: by which way it came, as the figures count it. `session_id`: of
    a holder who asks."""

    action: Action
    party: Party
    actor: Actor
    channel: Channel = "online"
    session_id: UUID | None = None


async def move_record(pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, moving: Moving) -> None:
    """Closes, reopens, or notes a death. Raises SessionOverError, RecordUnknownError, and what the table refuses."""
    async with transaction(pool) as connection:
        await check_session(connection, moving.session_id)
        kept = await lifecycle.load_kept(connection, record_id)
        if kept is None:
            raise RecordUnknownError
        refused, announcements = await move_within(connection, keyrings, retention, kept, moving)
        await append(connection, announcements)
    if refused is not None:
        raise counted(moving, refused)


async def move_within(
    connection: Connection, keyrings: Keyrings, retention: Retention, kept: KeptRecord, moving: Moving
) -> tuple[ClientError | None, list[Announcement]]:
    """The move of a locked record in the caller's transaction: what refuses it, and what is to be announced."""
    now = clock.now()
    decided = decide(kept.state, moving.action, moving.party)
    if moving.action == "reopen" and kept.closed_at is not None and retention.is_over(kept.closed_at, now):
        decided = Refusal("retention-over")
    if isinstance(decided, Refusal):
        return decided.error(), [announce(access(kept.id, moving, reason=decided.code, refused=True))]
    if decided.state == kept.state:
        return None, []
    person = holder(keyrings, kept)
    version = await _write(connection, kept, decided.state, now)
    state, linked_to = decided.state, kept.linked_to
    changed = record_changed(keyrings.ins, kept.id, version, state, person, kept.opened_at, linked_to=linked_to)
    told = [announce(changed), announce(access(kept.id, moving, reason=_REASONS[decided.state], version=version))]
    if decided.state == "closed":
        await figures.count_life_event(connection, "closure", moving.channel, region_of(person.region), now)
        told += [announce(one) for one in await tell_holder(connection, keyrings, kept.id, CLOSED)]
    if decided.state == "open":
        await lifecycle.lift_suppression(connection, fingerprints_of(keyrings, person))
    return None, told


def holder(keyrings: Keyrings, kept: KeptRecord) -> Person:
    """Whose record it is. Raises SealBrokenError."""
    return Person.from_json(open_row(keyrings.persons, kept.person, "person", kept.person_id))


def fingerprints_of(keyrings: Keyrings, person: Person) -> list[str]:
    """By which a person is found, under every key of the ring; the active one first."""
    return keyrings.ins.fingerprints(*ins_parts(person.ins))


def access(
    record_id: UUID,
    moving: Moving,
    *,
    reason: str,
    refused: bool = False,
    version: int | None = None,
    subject: UUID | None = None,
) -> AccessRecorded:
    """The ledger's entry; `subject` is another record."""
    return AccessRecorded(
        record_id=record_id,
        actor=moving.actor,
        action=LEDGER[moving.action],
        outcome="refused" if refused else "permitted",
        reason=reason,
        state_version=version,
        subject_id=None if subject is None else str(subject),
    )


def counted(moving: Moving, refused: ClientError) -> ClientError:
    """The same, counted."""
    REFUSED.labels(LEDGER[moving.action], refused.code).inc()
    return refused


async def _write(connection: Connection, kept: KeptRecord, state: State, now: datetime) -> int:
    version = kept.version + 1
    if state == "open":
        await lifecycle.reopen(connection, kept.id, version)
    else:
        await lifecycle.close(connection, kept.id, version, "death" if state == "dead" else "asked", now)
    return version
