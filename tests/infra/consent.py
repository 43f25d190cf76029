"""A person changing choices in tests."""

from uuid import UUID

from services.consent.domain.choices import Change, ChangeAction
from services.consent.domain.states import State
from services.consent.usecases.change_choices import change_choices
from shared.db.pool import Pool
from shared.http.tokens import Caller


def patient_of(record_id: UUID) -> Caller:
    """The holder at the keyboard."""
    return Caller("patient", str(record_id), "portal", frozenset(), record_id=record_id)


async def choose(pool: Pool, record_id: UUID, action: ChangeAction, subject_id: str | None = None) -> State:
    """One change by the holder."""
    change = Change(action=action, subject_id=subject_id)
    return (await change_choices(pool, record_id, patient_of(record_id), change)).state
