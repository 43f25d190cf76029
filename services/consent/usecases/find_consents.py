"""Authorisations as resources: the person's side sees all, a professional and a structure their own."""

from datetime import timedelta
from uuid import UUID

from services.consent.domain.choices import PERSONS
from services.consent.domain.consents import given
from services.consent.domain.states import State
from services.consent.store import states
from services.consent.usecases.see_choices import see_own_choices
from shared.contracts.consent import Authorisation
from shared.db.pool import Pool
from shared.errors import ForbiddenError
from shared.http.tokens import Caller


async def find_consents(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta
) -> tuple[State | None, tuple[Authorisation, ...]]:
    """Nothing, and no state, where a professional or structure has none: like of a record that does not exist.

    Raises ForbiddenError for others; for the person's side what `see_own_choices` raises.
    """
    if caller.kind in PERSONS:
        state = await see_own_choices(pool, record_id, caller, limit)
        return state, given(state.choices, None)
    own = {"professional": caller.id, "software": caller.organisation_id}.get(caller.kind)
    if own is None:
        raise ForbiddenError
    found = await states.find_state(pool, record_id)
    held = () if found is None else given(found.choices, frozenset({own}))
    return (found, held) if held else (None, ())
