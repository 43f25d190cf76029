"""Finds authorisations as resources: all of a record for the patient side, their own for everybody else."""

from datetime import timedelta
from uuid import UUID

from services.consent.authorisations.domain import (
    VersionedAuthorisation,
    consents_for_holders,
    consents_for_patient_side,
)
from services.consent.choices.domain.choices import PATIENT_SIDE
from services.consent.choices.store import states
from services.consent.choices.usecases.view_choices import find_choices, record_refused_kind, view_choices
from services.consent.copies import store as copies
from shared.db.pool import Pool
from shared.errors import UncheckableError
from shared.http.tokens import Caller
from shared.runtime import clock

GRANTEE_KINDS = frozenset({"professional", "software"})
"""Kinds of callers that may hold an authorisation."""


async def find_consents(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta
) -> tuple[VersionedAuthorisation, ...]:
    """Returns the authorisations that the caller may see.

    A professional or a structure without one gets an empty tuple, whether the record is open, closed or unknown.
    Raises UncheckableError if the copies are older than `limit`, ForbiddenError for other kinds of callers, and for
    the patient side what `view_choices` raises.
    """
    if caller.kind in PATIENT_SIDE:
        return consents_for_patient_side(await view_choices(pool, record_id, caller, limit), clock.now())
    if caller.kind not in GRANTEE_KINDS:
        raise await record_refused_kind(pool, record_id, caller)
    return await _find_granted(pool, record_id, caller, limit)


async def find_changed_consents(pool: Pool, record_id: UUID, caller: Caller) -> tuple[VersionedAuthorisation, ...]:
    """Returns the authorisations that the caller may see after a change; that change has checked the caller."""
    if caller.kind in PATIENT_SIDE:
        return consents_for_patient_side(await find_choices(pool, record_id), clock.now())
    return await _find_granted(pool, record_id, caller)


async def _find_granted(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta | None = None
) -> tuple[VersionedAuthorisation, ...]:
    """`limit` None: the age of the copies does not matter."""
    holder_id = caller.id if caller.kind == "professional" else caller.organisation_id
    state, now = None, clock.now()
    async with pool.acquire() as connection:
        record = await copies.find_record_context(connection, record_id)
        if record is None:
            age = await copies.find_decoy_age(connection, record_id)
        else:
            age, state = record.age, await states.find_state(connection, record_id)
    if limit is not None and not age.is_fresh_for_holders(now, limit):
        raise UncheckableError
    if holder_id is None or record is None or record.status != "open" or state is None:
        return ()
    return consents_for_holders(state.choices, {holder_id}, now)
