"""Changes of a patient's choices in tests."""

from uuid import UUID

from services.consent.choices.domain.choices import Change, ChangeAction
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.usecases.change_choices import change_choices
from shared.db.pool import Pool
from shared.http.tokens import Caller


def patient_of(record_id: UUID) -> Caller:
    """Returns the patient of this record as a caller."""
    return Caller("patient", str(record_id), "portal", frozenset(), record_id=record_id)


async def choose(pool: Pool, record_id: UUID, action: ChangeAction, subject_id: str | None = None) -> ConsentState:
    """Makes one change by the patient; returns the state."""
    change = Change(action=action, subject_id=subject_id)
    return (await change_choices(pool, record_id, patient_of(record_id), change)).state
