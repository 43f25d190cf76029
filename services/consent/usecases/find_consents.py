"""Authorisations as resources: the person's side sees all, a professional and a structure their own."""

from datetime import timedelta
from uuid import UUID

from services.consent.domain.choices import PERSONS
from services.consent.domain.consents import Shown, shown_to_holders, shown_to_person
from services.consent.store import copies, states
from services.consent.usecases.see_choices import refuse_kind, see_choices, see_own_choices
from shared.db.pool import Pool
from shared.errors import UncheckableError
from shared.http.tokens import Caller
from shared.runtime import clock

HOLDERS = frozenset({"professional", "software"})
"""Kinds of askers that may have been given something."""


async def find_consents(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta) -> tuple[Shown, ...]:
    """Nothing where a professional or structure has none, or the record is closed: like of one that does not exist.

    Raises UncheckableError where the copies are older than `limit`, ForbiddenError for others; for the person's side
    what `see_own_choices` raises.
    """
    if caller.kind in PERSONS:
        return shown_to_person(await see_own_choices(pool, record_id, caller, limit), clock.now())
    if caller.kind not in HOLDERS:
        raise await refuse_kind(pool, record_id, caller)
    return await _own(pool, record_id, caller, limit)


async def show_changed(pool: Pool, record_id: UUID, caller: Caller) -> tuple[Shown, ...]:
    """The same for who has just changed something, and has therefore been asked who they are."""
    if caller.kind in PERSONS:
        return shown_to_person(await see_choices(pool, record_id), clock.now())
    return await _own(pool, record_id, caller)


async def _own(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta | None = None) -> tuple[Shown, ...]:
    """`limit` None: whatever the age of the copies."""
    own = caller.id if caller.kind == "professional" else caller.organisation_id
    state, now = None, clock.now()
    async with pool.acquire() as connection:
        about = await copies.find_about(connection, record_id)
        if about is None:
            age = await copies.find_decoy_age(connection, record_id)
        else:
            age, state = about.age, await states.find_state(connection, record_id)
    if limit is not None and not age.is_fresh_for_holders(now, limit):
        raise UncheckableError
    if own is None or about is None or about.status != "open" or state is None:
        return ()
    return shown_to_holders(state.choices, {own}, now)
