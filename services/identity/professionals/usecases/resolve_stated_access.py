"""Checks the access that a token request states: the mode and, in an emergency, the motive and the patient."""

from services.identity.kit.unit_of_work import Storage
from services.identity.people.store import records
from services.identity.professionals.domain.modes import StatedAccess, emergency_patient, parse_stated_access
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.runtime import clock


async def resolve_stated_access(
    storage: Storage, motives: Keyring | None, mode: str | None, motive: str | None, patient: str | None
) -> StatedAccess:
    """Returns the stated access, with sealed motive and record id in an emergency. `patient`: INS as `urn:oid:<OID>|<15
    characters>`. The answer does not reveal whether that patient has a record.

    Raises ModeUnknownError, MotiveInvalidError, PatientNotNamedError, InvalidInsError, EmergencyUnavailableError.
    """
    stated_access = parse_stated_access(mode, motive, motives)
    ins = emergency_patient(stated_access, patient)
    if ins is None:
        return stated_access
    async with storage.acquire() as work:
        record_id = await records.find_record(work.connection, storage.keyrings.ins.fingerprints(*ins_parts(ins)))
    return stated_access.for_record(record_id or clock.new_id())
