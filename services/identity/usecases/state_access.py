"""Takes what a professional states before a sign-in: the mode and, in an emergency, the motive and the patient."""

from services.identity.domain.modes import Stated, named_patient, state_mode
from services.identity.domain.sealing import Keyrings
from services.identity.store import records
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool
from shared.runtime import clock


async def state_access(
    pool: Pool, keyrings: Keyrings, motives: Keyring | None, mode: str | None, motive: str | None, patient: str | None
) -> Stated:
    """`patient`: INS as `urn:oid:<OID>|<15 characters>`. Whether that patient has a record shows in no answer.

    Raises ModeUnknownError, MotiveInvalidError, PatientNotNamedError, InvalidInsError, EmergencyUnavailableError.
    """
    stated = state_mode(mode, motive, motives)
    ins = named_patient(stated, patient)
    if ins is None:
        return stated
    async with pool.acquire() as connection:
        record_id = await records.find_record(connection, keyrings.ins.fingerprints(*ins_parts(ins)))
    return stated.naming(record_id or clock.new_id())
