"""Signs in a patient of a demonstration. The API refuses it unless the request comes over the loopback."""

from uuid import UUID

from services.identity.clients.domain.tokens import DEMO_CLIENT, AccessToken, TokenIssuer, TokenSubject
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.store import records
from shared.db.pool import Pool
from shared.runtime import clock


async def sign_in_patient(pool: Pool, issuer: TokenIssuer, record_id: UUID) -> AccessToken:
    """Returns a token of the record's holder. Raises RecordUnknownError."""
    async with pool.acquire() as connection:
        record = await records.load_record(connection, record_id)
        if record is None or await records.is_deceased(connection, record_id):
            raise RecordUnknownError
    subject = TokenSubject("patient", str(record_id), DEMO_CLIENT, record_id=record_id)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now())
