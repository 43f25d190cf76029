"""Authorisations as resources: the person's side sees all, a professional and a structure their own."""

from datetime import timedelta
from uuid import UUID

from services.consent.domain.choices import PERSONS
from services.consent.domain.consents import Shown, shown_to_holders, shown_to_person
from services.consent.store import copies, states
from services.consent.usecases.see_choices import see_own_choices
from shared import clock
from shared.db.pool import Pool
from shared.errors import ForbiddenError
from shared.http.tokens import Caller


async def find_consents(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta) -> tuple[Shown, ...]:
    """Nothing where a professional or structure has none, or the record is closed: like of one that does not exist.

    Raises ForbiddenError for others; for the person's side what `see_own_choices` raises.
    """
    if caller.kind in PERSONS:
        return shown_to_person(await see_own_choices(pool, record_id, caller, limit))
    own = {"professional": caller.id, "software": caller.organisation_id}.get(caller.kind)
    if own is None:
        raise ForbiddenError
    async with pool.acquire() as connection:
        about = await copies.find_about(connection, record_id)
        state = await states.find_state(connection, record_id)
    if about is None or about.status != "open" or state is None:
        return ()
    return shown_to_holders(state.choices, {own}, clock.now())
