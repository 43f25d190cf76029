"""Who did what with a record: the patient asks, of the other one of the same person too, or whoever represents them."""

from uuid import UUID

from services.audit import store
from services.audit.domain import Cursor, Names, Shown
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasing import erased_among
from shared.errors import ForbiddenError, NotFoundError
from shared.http.tokens import Caller
from shared.outbox import announce, append


async def list_accesses(
    pool: Pool, record_id: UUID, caller: Caller, before: Cursor, limit: int
) -> tuple[list[Shown], Names, bool, frozenset[str]]:
    """Newest first, the names in it, whether there are more, and the ids under which whoever asks has acted. Nothing is
    given before the asking is announced, in each record.

    A representative sees that one record, without what is invisible to representatives and what was done in a secret
    connection. Raises ForbiddenError for others; NotFoundError for another record, or where it was erased.
    """
    representing = own_side(caller, record_id)
    async with transaction(pool) as connection:
        own = await records_of_one(connection, record_id)
        records = [record_id] if representing else own
        found = [
            one
            for id in records
            for one in await store.find_shown(connection, id, before, limit + 1, to_representatives=representing)
        ]
        shown = sorted(found, key=lambda one: (one.occurred_at, one.event_id), reverse=True)
        page = shown[:limit]
        names = await store.find_names(
            connection,
            {id for one in page for id in one.professional_ids},
            {id for one in page for id in one.structure_ids},
        )
        reason = "representative" if representing else "own-record"
        asked = {"actor": caller.actor(), "action": "list-accesses", "outcome": "permitted", "mode": caller.mode}
        accesses = [AccessRecorded.model_validate({"record_id": id, "reason": reason, **asked}) for id in records]
        await append(connection, [announce(one) for one in accesses])
    mine = [caller.id] if representing else [str(id) for id in records]
    return page, names, len(shown) > limit, frozenset(mine)


def own_side(caller: Caller, record_id: UUID) -> bool:
    """Whether a representative asks, and not the patient. Raises ForbiddenError for anybody else, NotFoundError of
    another record."""
    if caller.kind not in ("patient", "representative"):
        raise ForbiddenError("Only the patient, or whoever represents the patient, can see who did what with a record.")
    if caller.record_id != record_id:
        raise NotFoundError
    return caller.kind == "representative"


async def records_of_one(connection: Connection, record_id: UUID) -> list[UUID]:
    """The record and the one that is linked with it, if that is not erased. Raises NotFoundError."""
    other = await store.find_linked(connection, record_id)
    erased = await erased_among(connection, [record_id] if other is None else [record_id, other])
    if record_id in erased:
        raise NotFoundError
    return [record_id] if other is None or other in erased else sorted([record_id, other])
