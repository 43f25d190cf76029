"""Erases a record from identity and announces it, in the transaction of a decision or of a recovery."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final
from uuid import UUID

from services.identity.accounts.domain.throttling import RECORD_KINDS
from services.identity.accounts.steps.end_sessions import end_all_sessions
from services.identity.accounts.store import accounts, challenges, paper_codes, sessions, throttles
from services.identity.browser_sessions.store import delete_browser_sessions_of
from services.identity.erasure import store as erasures
from services.identity.erasure.domain import ErasureReason
from services.identity.erasure.store import Erasure
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.steps import (
    LifecycleRequest,
    fingerprints_of,
    ledger_entry,
    open_holder,
    set_linked_record,
)
from services.identity.lifecycle.store import LifecycleRecord
from services.identity.openings.store import activation, proposals
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.store import records
from services.identity.professionals import store as professional_sessions
from services.identity.relations.steps.release_people import release_people
from services.identity.relations.store import care, emergency_contacts, minors, people, representations
from shared.contracts.base import Actor
from shared.contracts.identity import RecordErased
from shared.contracts.topics import IDENTITY_CONTACTS, IDENTITY_PEOPLE, IDENTITY_PEOPLE_TO_CALL, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.erasure import erased_records
from shared.errors import CodedError
from shared.messaging.outbox import Announcement, tombstone

Destroyer = Callable[[Connection, UUID], Awaitable[Mapping[str, int]]]
IDENTITY_ACTOR: Final = Actor(kind="system", id="identity")
STATE_TOPICS: Final = (IDENTITY_RECORDS, IDENTITY_CONTACTS, IDENTITY_PEOPLE, IDENTITY_PEOPLE_TO_CALL)
"""The compacted topics of identity whose key is a record's id."""


async def _codes(connection: Connection, record_id: UUID) -> dict[str, int]:
    return {"activation-codes": await activation.delete_codes(connection, record_id)}


async def _people(connection: Connection, record_id: UUID) -> dict[str, int]:
    await people.delete_people(connection, [record_id])
    return {}


async def _minors(connection: Connection, record_id: UUID) -> dict[str, int]:
    await minors.delete_minors(connection, [record_id])
    return {}


async def _representations(connection: Connection, record_id: UUID) -> dict[str, int]:
    return {"representations": await representations.delete_representations(connection, record_id)}


async def _people_to_call(connection: Connection, record_id: UUID) -> dict[str, int]:
    return {"people-to-call": await emergency_contacts.delete_people_to_call(connection, record_id)}


async def _attempts(connection: Connection, record_id: UUID) -> dict[str, int]:
    await throttles.delete_counts(connection, [f"{kind}:{record_id}" for kind in RECORD_KINDS])
    return {}


async def _emergencies(connection: Connection, record_id: UUID) -> dict[str, int]:
    await professional_sessions.delete_emergencies_in(connection, record_id)
    return {}


async def _contacts(connection: Connection, record_id: UUID) -> dict[str, int]:
    return {"contacts": await lifecycle.delete_contacts(connection, record_id)}


async def _closures(connection: Connection, record_id: UUID) -> dict[str, int]:
    await lifecycle.delete_closures(connection, record_id)
    return {}


DESTROYERS: Final[tuple[Destroyer, ...]] = (
    challenges.delete_challenges_of,
    delete_browser_sessions_of,
    sessions.delete_sessions_of,
    paper_codes.delete_paper_codes_of,
    accounts.delete_accounts_of,
    _codes,
    _people,
    _minors,
    _representations,
    _people_to_call,
    _attempts,
    _emergencies,
    _contacts,
    _closures,
)
"""The functions that delete a record's rows besides its own, its person's and its fingerprint's.

Add new tables here.
"""


class FingerprintUnknownError(CodedError):
    """The key of this record's fingerprint is no longer in the keyring of the INS. Restore the key, then erase."""

    code = "fingerprint-key-missing"


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """The decision to erase, its author and its reason. `now` is a parameter so that tests can be ten years later."""

    lifecycle_request: LifecycleRequest
    reason: ErasureReason
    now: datetime


async def lock_record(work: UnitOfWork, record_id: UUID) -> list[LifecycleRecord]:
    """Locks the number first, then the record, in the order of openings. Returns the record and the linked one."""
    unlocked = await lifecycle.load_lifecycle_record(work.connection, record_id, lock=False)
    if unlocked is None:
        raise RecordUnknownError
    await records.lock_ins(work.connection, fingerprints_of(work.keyrings, open_holder(work.keyrings, unlocked)))
    locked = await lifecycle.lock_linked(work.connection, record_id)
    if not locked:
        raise RecordUnknownError
    return locked


async def erase_again(work: UnitOfWork, event: RecordErased) -> list[Announcement]:
    """Repeats an erasure that was announced and then lost with the database: the restored record is erased again.

    Returns the announcements; none for an erasure that is known here.
    """
    record_id = event.record_id
    await erased_records.hold(work.connection, [record_id])
    if await erasures.find_erasure(work.connection, record_id) is not None:
        return []
    erasure = Erasure(event.erasure_id, record_id, event.reason, event.decided_at)
    if await lifecycle.load_lifecycle_record(work.connection, record_id, lock=False) is None:
        await erased_records.begin(work.connection, record_id, erasure.id, erasure.decided_at)
        await erasures.insert_erasure(work.connection, erasure)
        return [tombstone(topic, event.key) for topic in STATE_TOPICS]
    record, *other = await lock_record(work, record_id)
    request = ErasureRequest(LifecycleRequest("erase", "operator", IDENTITY_ACTOR), event.reason, event.decided_at)
    return await apply_erasure(work, record, other, erasure, request)


async def apply_erasure(  # the erased record, the linked one, and the decision
    work: UnitOfWork, erased: LifecycleRecord, linked: list[LifecycleRecord], erasure: Erasure, request: ErasureRequest
) -> list[Announcement]:
    """Destroys what identity holds of the locked record, and unlinks the other one. Returns the announcements."""
    await erased_records.begin(work.connection, erased.id, erasure.id, request.now)
    await erasures.insert_erasure(work.connection, erasure)
    ended = await end_all_sessions(work.connection, erased.id, "record-erased", request.now)
    released = await release_people(work, erased.id, request.now, request.lifecycle_request.actor)
    await erased_records.count_destroyed(
        work.connection, erased.id, await destroy_record_data(work, erased, request.now)
    )
    unlinking = LifecycleRequest("unlink", request.lifecycle_request.party, request.lifecycle_request.actor)
    unlinked = [await set_linked_record(work, other, None, unlinking, "erased", erased.id) for other in linked]
    return [*_announcements(erasure, request), *(announce(event) for event in (*ended, *released)), *chain(*unlinked)]


async def destroy_record_data(work: UnitOfWork, record: LifecycleRecord, now: datetime) -> dict[str, int]:
    """Deletes everything that identity holds about a record. Returns the numbers of deleted items by plural noun."""
    fingerprints = fingerprints_of(work.keyrings, open_holder(work.keyrings, record))
    destroyed: dict[str, int] = {}
    for destroyer in DESTROYERS:
        destroyed |= await destroyer(work.connection, record.id)
    destroyed["care-relations"] = await care.delete_care(work.connection, record.id, fingerprints)
    destroyed["contact-proposals"] = await proposals.delete_proposals(work.connection, fingerprints)
    destroyed["fingerprints"] = await lifecycle.delete_fingerprints(work.connection, record.id, fingerprints)
    if not destroyed["fingerprints"]:
        raise FingerprintUnknownError
    destroyed["records"] = await lifecycle.delete_record(work.connection, record.id)
    destroyed["persons"] = await lifecycle.delete_person(work.connection, record.id, record.person_id)
    await lifecycle.suppress(work.connection, fingerprints[0], "erased", None, now)
    return destroyed


def _announcements(erasure: Erasure, request: ErasureRequest) -> list[Announcement]:
    erased = RecordErased(
        record_id=erasure.record_id, erasure_id=erasure.id, reason=erasure.reason, decided_at=erasure.decided_at
    )
    key = str(erasure.record_id)
    return [
        *(tombstone(topic, key) for topic in STATE_TOPICS),
        announce(ledger_entry(erasure.record_id, request.lifecycle_request, reason=erasure.reason)),
        announce(erased),
    ]
