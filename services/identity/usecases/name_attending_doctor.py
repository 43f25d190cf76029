"""Names the médecin traitant of a record, in the transaction of who may name one."""

from dataclasses import replace
from uuid import UUID

from services.identity.domain.openings import check_attending_doctor
from services.identity.store import directory, people
from shared.contracts.base import Event
from shared.db.pool import Connection


async def name_attending_doctor(connection: Connection, record_id: UUID, doctor_id: str | None) -> list[Event]:
    """What is to be announced: nothing where nobody is named, or the same again. Raises AttendingDoctorUnknownError."""
    if doctor_id is None:
        return []
    found = await directory.load_professional(connection, doctor_id)
    named = check_attending_doctor(None if found is None else found[0])
    known = await people.lock_people(connection, record_id)
    if known.attending_doctor_id == named:
        return []
    changed = replace(known, attending_doctor_id=named)
    version = await people.save_people(connection, record_id, changed)
    return [changed.changed(record_id, version)]
