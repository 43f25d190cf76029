"""Checks the access that a token request states: the mode and, in an emergency, the motive and the patient."""

from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.store import records
from services.identity.professionals.domain.modes import StatedAccess, emergency_patient, parse_stated_access
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool
from shared.runtime import clock


async def resolve_stated_access(
    pool: Pool, keyrings: Keyrings, motives: Keyring | None, mode: str | None, motive: str | None, patient: str | None
) -> StatedAccess:
    """Returns the stated access, with sealed motive and record id in an emergency. `patient`: INS as `urn:oid:<OID>|<15
    characters>`. The answer does not reveal whether that patient has a record.

    Raises ModeUnknownError, MotiveInvalidError, PatientNotNamedError, InvalidInsError, EmergencyUnavailableError.
    """
    stated_access = parse_stated_access(mode, motive, motives)
    ins = emergency_patient(stated_access, patient)
    if ins is None:
        return stated_access
    async with pool.acquire() as connection:
        record_id = await records.find_record(connection, keyrings.ins.fingerprints(*ins_parts(ins)))
    return stated_access.for_record(record_id or clock.new_id())
