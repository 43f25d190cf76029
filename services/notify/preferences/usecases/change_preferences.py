"""Changes the preferences of a person: which kinds of alerts are switched on."""

from uuid import UUID

from services.notify.contacts.store import find_records_with_contact
from services.notify.kit.announcements import announce
from services.notify.preferences import store
from services.notify.preferences.domain import Preferences
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def change_preferences(pool: Pool, caller: Caller, record_id: UUID, preferences: Preferences) -> Preferences:
    """Changes the preferences of the caller's own record. Returns them.

    Raises SessionOverError, and NotFoundError for a record that is not the caller's or was erased. An attempt on
    another person's record is reported to the ledger.
    """
    is_own = caller.kind == "patient" and caller.record_id == record_id
    async with transaction(pool) as connection:
        await check_session(connection, caller.session_id)
        if await erased_among(connection, [record_id]):
            raise NotFoundError
        if is_own:
            is_reported = await store.upsert_preferences(connection, record_id, preferences, clock.now())
        else:
            is_reported = bool(await find_records_with_contact(connection, [record_id]))
        if is_reported:
            event = AccessRecorded(
                record_id=record_id,
                actor=caller.actor(),
                action="change-preferences",
                outcome="permitted" if is_own else "refused",
                reason="own-record" if is_own else "not-own-record",
            )
            await append(connection, [announce(event)])
    if not is_own:
        REFUSED.labels("change-preferences", "not-own-record").inc()
        raise NotFoundError
    return preferences
