"""Waits until a version of the choices is in force, that is: every read is decided under it."""

from uuid import UUID

from services.consent.choices.context import ChoicesContext
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.usecases.view_choices import find_choices


async def wait_until_in_force(context: ChoicesContext, record_id: UUID, version: int, seconds: float) -> ConsentState:
    """Returns the state as soon as this version is in force, and after this time in any case.

    Raises RecordNotReadyError, and NotFoundError if the record is erased meanwhile.
    """
    return await context.in_force.wait_for(
        record_id,
        lambda: find_choices(context.pool, record_id),
        lambda current: current.version_in_force >= version,
        seconds,
    )
