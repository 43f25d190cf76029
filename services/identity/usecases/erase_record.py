"""Erases a record: it was closed long enough ago, or a decision under the GDPR (article 17) asks for it.

One transaction destroys everything that identity holds of it, puts the person on the suppression list as a keyed hash,
and tells the other services. A record that is erased already answers with the same erasure.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.lifecycle import Reason, Refusal, Retention, decide
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.sealing import Keyrings
from services.identity.domain.throttling import RECORD_KINDS
from services.identity.store import (
    accounts,
    activation,
    calling,
    care,
    challenges,
    erasures,
    lifecycle,
    links,
    minors,
    people,
    proposals,
    records,
    representations,
    sessions,
    throttles,
)
from services.identity.store.erasures import Erasure
from services.identity.store.lifecycle import KeptRecord
from services.identity.usecases.change_link import name_other
from services.identity.usecases.end_sessions import end_all_sessions
from services.identity.usecases.move_record import Moving, access, counted, fingerprints_of, holder
from services.identity.usecases.release_people import release_people
from shared.contracts.base import Actor
from shared.contracts.identity import RecordErased
from shared.contracts.topics import IDENTITY_CONTACTS, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection, Pool, transaction
from shared.erasure import erased_records
from shared.errors import ClientError, CodedError
from shared.messaging.outbox import Announcement, append, tombstone
from shared.runtime import clock
from shared.runtime.clock import bucket_of

Destroy = Callable[[Connection, UUID], Awaitable[Mapping[str, int]]]
OURSELVES: Final = Actor(kind="system", id="identity")
STATE_TOPICS: Final = (IDENTITY_RECORDS, IDENTITY_CONTACTS, IDENTITY_PEOPLE)
"""Compacted topics of identity that have a record's id as their key."""


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
    return {"people-to-call": await calling.delete_people_to_call(connection, record_id)}


async def _tries(connection: Connection, record_id: UUID) -> dict[str, int]:
    await throttles.delete_counts(connection, [f"{kind}:{record_id}" for kind in RECORD_KINDS])
    return {}


async def _contacts(connection: Connection, record_id: UUID) -> dict[str, int]:
    return {"contacts": await lifecycle.delete_contacts(connection, record_id)}


async def _closures(connection: Connection, record_id: UUID) -> dict[str, int]:
    await lifecycle.delete_closures(connection, record_id)
    return {}


DESTROY: Final[tuple[Destroy, ...]] = (
    challenges.delete_challenges_of,
    sessions.delete_sessions_of,
    accounts.delete_accounts_of,
    _codes,
    _people,
    _minors,
    _representations,
    _people_to_call,
    _tries,
    _contacts,
    _closures,
)
"""What there is about a record beside its own row, its person and its fingerprint; a new table is added here."""


class FingerprintUnknownError(CodedError):
    """The key under which this record is found is no longer in the keyring of the INS: put it back, then erase."""

    code = "fingerprint-key-missing"


@dataclass(frozen=True, slots=True)
class Erasing:
    """What was decided, by whom, why. `now` is given so that a test can be ten years later."""

    moving: Moving
    reason: Reason
    now: datetime


async def erase_record(
    pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, asked: Erasing
) -> Erasure:
    """Raises RecordUnknownError, FingerprintUnknownError, and what the table refuses."""
    async with transaction(pool) as connection:
        await erased_records.hold(connection, [record_id])
        known = await erasures.find_erasure(connection, record_id)
        if known is not None:
            return known
        kept, *other = await _locked(connection, keyrings, record_id)
        refused = _refused(kept, retention, asked)
        if refused is None:
            erasure = Erasure(clock.new_id(bucket_of(record_id)), record_id, asked.reason, asked.now)
            await append(connection, await _erase(connection, keyrings, kept, other, erasure, asked))
        else:
            told = access(record_id, asked.moving, reason=refused.code, refused=True)
            await append(connection, [announce(told)])
    if refused is not None:
        raise counted(asked.moving, refused)
    return erasure


async def _locked(connection: Connection, keyrings: Keyrings, record_id: UUID) -> list[KeptRecord]:
    """The number first, then the record: the order of whoever opens. Behind it the one that it is linked to."""
    seen = await lifecycle.load_kept(connection, record_id, lock=False)
    if seen is None:
        raise RecordUnknownError
    await records.lock_ins(connection, fingerprints_of(keyrings, holder(keyrings, seen)))
    found = await links.lock_linked(connection, record_id)
    if not found:
        raise RecordUnknownError
    return found


def _refused(kept: KeptRecord, retention: Retention, asked: Erasing) -> ClientError | None:
    decided = decide(kept.state, "erase", asked.moving.party)
    if isinstance(decided, Refusal):
        return decided.error()
    over = kept.closed_at is not None and retention.is_over(kept.closed_at, asked.now)
    return Refusal("retention-running").error() if asked.reason == "retention-over" and not over else None


async def erase_again(connection: Connection, keyrings: Keyrings, event: RecordErased) -> list[Announcement]:
    """An erasure that was announced and then lost with the database: the record that came back is erased as before.

    Returns what is to be announced; nothing for an erasure that is known here.
    """
    record_id = event.record_id
    await erased_records.hold(connection, [record_id])
    if await erasures.find_erasure(connection, record_id) is not None:
        return []
    erasure = Erasure(event.erasure_id, record_id, event.reason, event.decided_at)
    if await lifecycle.load_kept(connection, record_id, lock=False) is None:
        await erased_records.begin(connection, record_id, erasure.id, erasure.decided_at)
        await erasures.insert_erasure(connection, erasure)
        return [tombstone(topic, event.key) for topic in STATE_TOPICS]
    kept, *other = await _locked(connection, keyrings, record_id)
    asked = Erasing(Moving("erase", "operator", OURSELVES), event.reason, event.decided_at)
    return await _erase(connection, keyrings, kept, other, erasure, asked)


async def _erase(  # what is erased, why, and beside which record
    connection: Connection,
    keyrings: Keyrings,
    kept: KeptRecord,
    linked: list[KeptRecord],
    erasure: Erasure,
    asked: Erasing,
) -> list[Announcement]:
    await erased_records.begin(connection, kept.id, erasure.id, asked.now)
    await erasures.insert_erasure(connection, erasure)
    ended = await end_all_sessions(connection, kept.id, "record-erased", asked.now)
    released = await release_people(connection, keyrings, kept.id, asked.now, asked.moving.actor)
    await erased_records.count_destroyed(connection, kept.id, await destroy(connection, keyrings, kept, asked.now))
    unlinking = Moving("unlink", asked.moving.party, asked.moving.actor)
    alone = [await name_other(connection, keyrings, one, None, unlinking, "erased", kept.id) for one in linked]
    return [*_told(erasure, asked), *(announce(one) for one in (*ended, *released)), *chain(*alone)]


async def destroy(connection: Connection, keyrings: Keyrings, kept: KeptRecord, now: datetime) -> dict[str, int]:
    """Everything that identity holds of a record. Returns how many of what."""
    fingerprints = fingerprints_of(keyrings, holder(keyrings, kept))
    gone: dict[str, int] = {}
    for one in DESTROY:
        gone |= await one(connection, kept.id)
    gone["care-relations"] = await care.delete_care(connection, kept.id, fingerprints)
    gone["contact-proposals"] = await proposals.delete_proposals(connection, fingerprints)
    gone["fingerprints"] = await lifecycle.delete_fingerprints(connection, kept.id, fingerprints)
    if not gone["fingerprints"]:
        raise FingerprintUnknownError
    gone["records"] = await lifecycle.delete_record(connection, kept.id)
    gone["persons"] = await lifecycle.delete_person(connection, kept.id, kept.person_id)
    await lifecycle.suppress(connection, fingerprints[0], "erased", None, now)
    return gone


def _told(erasure: Erasure, asked: Erasing) -> list[Announcement]:
    erased = RecordErased(
        record_id=erasure.record_id, erasure_id=erasure.id, reason=erasure.reason, decided_at=erasure.decided_at
    )
    key = str(erasure.record_id)
    return [
        *(tombstone(topic, key) for topic in STATE_TOPICS),
        announce(access(erasure.record_id, asked.moving, reason=erasure.reason)),
        announce(erased),
    ]
