"""Switches kinds of alerts on and off."""

from uuid import UUID

from services.notify.announcements import announce
from services.notify.domain import Preferences
from services.notify.store import alerts as store
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def change_preferences(pool: Pool, caller: Caller, record_id: UUID, wanted: Preferences) -> Preferences:
    """Of one's own record. Raises SessionOverError, and NotFoundError for any other after the attempt was told to the
    ledger.

    An erased record is answered like one that never was.
    """
    own = caller.kind == "patient" and caller.record_id == record_id
    async with transaction(pool) as connection:
        await check_session(connection, caller.session_id)
        if await erased_among(connection, [record_id]):
            raise NotFoundError
        if own:
            changed = await store.keep_preferences(connection, record_id, wanted, clock.now())
        else:
            changed = bool(await store.find_contacted(connection, [record_id]))
        if changed:
            fact = AccessRecorded(
                record_id=record_id,
                actor=caller.actor(),
                action="change-preferences",
                outcome="permitted" if own else "refused",
                reason="own-record" if own else "not-own-record",
            )
            await append(connection, [announce(fact)])
    if not own:
        REFUSED.labels("change-preferences", "not-own-record").inc()
        raise NotFoundError
    return wanted
