"""Names the médecin traitant of a record, in the transaction of a caller who is allowed to."""

from dataclasses import replace
from uuid import UUID

from services.identity.directory import store as directory
from services.identity.openings.domain.openings import check_attending_doctor
from services.identity.relations.store import people
from shared.contracts.base import Event
from shared.db.pool import Connection


async def name_attending_doctor(connection: Connection, record_id: UUID, doctor_id: str | None) -> list[Event]:
    """Returns the events to announce: none for no doctor or an unchanged one. Raises AttendingDoctorUnknownError."""
    if doctor_id is None:
        return []
    entry = await directory.load_professional(connection, doctor_id)
    professional_id = check_attending_doctor(None if entry is None else entry[0])
    current = await people.lock_people(connection, record_id)
    if current.attending_doctor_id == professional_id:
        return []
    changed = replace(current, attending_doctor_id=professional_id)
    version = await people.save_people(connection, record_id, changed)
    return [changed.as_event(record_id, version)]
