"""Objects to the opening of a person's record, before there is one or after (then it is closed), or withdraws that.

The person is kept on the suppression list as a keyed hash of the INS, with nothing else: a campaign asks that list.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.figures import region_of
from services.identity.domain.lifecycle import Move, Refusal, Retention, State, decide
from services.identity.domain.opening import Person, TraitsDifferError, are_same, check_traits
from services.identity.domain.sealing import Keyrings
from services.identity.store import figures, insured, lifecycle, records
from services.identity.store.lifecycle import KeptRecord
from services.identity.usecases.move_record import Moving, access, counted, fingerprints_of, holder, move_within
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.values import check_key

OBJECTED: Final = "objected"
WITHDRAWN: Final = "objection-withdrawn"


@dataclass(frozen=True, slots=True)
class Objection:
    """Where a person stands afterwards; `record_id` where they have a record."""

    state: State
    record_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    state: State
    kept: KeptRecord | None


async def object_to_opening(  # whose, by which way, by whom, and two parameters of the installation
    pool: Pool,
    keyrings: Keyrings,
    retention: Retention,
    person: Person,
    moving: Moving,
    *,
    test_keys: bool,
) -> Objection:
    """`moving.action` is "object" or "withdraw-objection". Said again, it changes nothing.

    Raises WrongInsKeyError, InvalidTraitsError, TraitsDifferError, and what the table refuses.
    """
    check_key(person.ins, lenient_test_oids=test_keys)
    check_traits(person.traits, clock.now().date())
    async with transaction(pool) as connection:
        found = await _find(connection, keyrings, person)
        refused = _refused(keyrings, found, person, moving)
        announcements: list[Announcement] = []
        if refused is None:
            work = _object if moving.action == "object" else _withdraw
            announcements = await work(connection, keyrings, retention, person, found, moving)
        elif found.kept is not None:
            announcements = [announce(access(found.kept.id, moving, reason=refused.code, refused=True))]
        await append(connection, announcements)
    if refused is not None:
        raise counted(moving, refused)
    decided = decide(found.state, moving.action, moving.party)
    assert isinstance(decided, Move)
    return Objection(decided.state, found.kept.id if found.kept else None)


async def _find(connection: Connection, keyrings: Keyrings, person: Person) -> _Found:
    fingerprints = fingerprints_of(keyrings, person)
    await records.lock_ins(connection, fingerprints)
    known = await records.find_record(connection, fingerprints)
    kept = await lifecycle.load_kept(connection, known) if known else None
    if kept is not None:
        return _Found(kept.state, kept)
    return _Found(await state_without_record(connection, fingerprints), None)


async def state_without_record(connection: Connection, fingerprints: list[str]) -> State:
    """Whether a person who has no record is on the suppression list, and why."""
    listed = await lifecycle.suppressed_among(connection, fingerprints)
    return next(iter(listed.values()), "none")


def _refused(keyrings: Keyrings, found: _Found, person: Person, moving: Moving) -> ClientError | None:
    decided = decide(found.state, moving.action, moving.party)
    if isinstance(decided, Refusal):
        return decided.error()
    if found.kept is not None:
        known = holder(keyrings, found.kept).traits.normalised()
        return None if are_same(known, person.traits.normalised()) else TraitsDifferError()
    return None


async def _object(  # as the use case
    connection: Connection, keyrings: Keyrings, retention: Retention, person: Person, found: _Found, moving: Moving
) -> list[Announcement]:
    now, fingerprints = clock.now(), fingerprints_of(keyrings, person)
    announcements: list[Announcement] = []
    if found.kept is not None:
        _, announcements = await move_within(connection, keyrings, retention, found.kept, moving)
    listed = await lifecycle.suppress(connection, fingerprints[0], "objected", moving.channel, now)
    if listed:
        region = await _region(connection, person, fingerprints)
        await figures.count_life_event(connection, "objection", moving.channel, region, now)
    if listed and found.kept is not None and not announcements:
        announcements = [announce(access(found.kept.id, moving, reason=OBJECTED))]
    return announcements


async def _withdraw(  # as the use case
    connection: Connection, keyrings: Keyrings, _: Retention, person: Person, found: _Found, moving: Moving
) -> list[Announcement]:
    lifted = await lifecycle.lift_suppression(connection, fingerprints_of(keyrings, person))
    if not lifted or found.kept is None:
        return []
    return [announce(access(found.kept.id, moving, reason=WITHDRAWN))]


async def _region(connection: Connection, person: Person, fingerprints: list[str]) -> str:
    known = person.region
    if known is None:
        one = await insured.find_insured(connection, fingerprints)
        known = one.region if one else None
    return region_of(known)
