"""Links two records of one person, or ends that: what both have in common.

One transaction: both rows locked, the rule asked, both written a version higher, both told to the other services and to
the ledger. A refusal is told to the ledger of each that exists. What is already as asked is left as it is.
"""

from typing import Literal
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.announcing import record_changed
from services.identity.domain.lifecycle import Refusal, decide
from services.identity.domain.links import SameRecordError, are_linked, refusal_of
from services.identity.domain.sealing import Keyrings
from services.identity.store import links
from services.identity.store.lifecycle import KeptRecord
from services.identity.usecases.move_record import Moving, access, counted, holder
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append

Reason = Literal["linked", "unlinked", "erased"]


async def change_link(pool: Pool, keyrings: Keyrings, first_id: UUID, second_id: UUID, moving: Moving) -> None:
    """`moving.action`: link or unlink. Raises SameRecordError, RecordUnknownError, ForbiddenError, HolderDeceasedError,
    RecordLinkedError."""
    if first_id == second_id:
        raise counted(moving, SameRecordError())
    async with transaction(pool) as connection:
        found = await links.lock_pair(connection, first_id, second_id)
        refused = _refused(found, moving)
        if refused is None:
            told = await _change(connection, keyrings, found[0], found[1], moving)
        else:
            told = [announce(access(one.id, moving, reason=refused.code, refused=True)) for one in found]
        await append(connection, told)
    if refused is not None:
        raise counted(moving, refused)


def _refused(found: list[KeptRecord], moving: Moving) -> ClientError | None:
    if len(found) == 2:
        return refusal_of("link" if moving.action == "link" else "unlink", found[0], found[1], moving.party)
    decided = decide("none", moving.action, moving.party)
    assert isinstance(decided, Refusal), "what is not there cannot be linked"
    return decided.error()


async def _change(
    connection: Connection, keyrings: Keyrings, first: KeptRecord, second: KeptRecord, moving: Moving
) -> list[Announcement]:
    wanted = moving.action == "link"
    if are_linked(first, second) == wanted:
        return []
    reason: Reason = "linked" if wanted else "unlinked"
    return [
        *await name_other(connection, keyrings, first, second.id if wanted else None, moving, reason, second.id),
        *await name_other(connection, keyrings, second, first.id if wanted else None, moving, reason, first.id),
    ]


async def name_other(  # a side of the link, and why it changes
    connection: Connection,
    keyrings: Keyrings,
    kept: KeptRecord,
    linked_to: UUID | None,
    moving: Moving,
    reason: Reason,
    other: UUID,
) -> list[Announcement]:
    """A locked record names that one from its next version on; None: `other` no longer. What is to be announced."""
    version = kept.version + 1
    await links.set_link(connection, kept.id, linked_to, version)
    person = holder(keyrings, kept)
    changed = record_changed(keyrings.ins, kept.id, version, kept.state, person, kept.opened_at, linked_to=linked_to)
    return [announce(changed), announce(access(kept.id, moving, reason=reason, version=version, subject=other))]
