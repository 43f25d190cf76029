"""Issues an activation code in the transaction that opens the record or requests another code."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.identity.kit.readable_codes import grouped_code
from services.identity.kit.sealed_rows import Keyrings
from services.identity.openings.domain.activation import CodeBatch, issued_code, new_code_batch, open_code_batch
from services.identity.openings.domain.openings import UnreachableError, request_by_any_channel
from services.identity.openings.store import activation
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.insured import ContactDetails
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.runtime import clock

CodeChannel = Literal["mail", "letter", "sms"]


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """The mail, letter or SMS with the code, which the caller announces."""

    message: MessageRequested

    @property
    def channel(self) -> CodeChannel:
        """Returns the channel of the message."""
        return self.message.channel


async def issue_code(
    connection: Connection,
    keyrings: Keyrings,
    lookups: Keyring,
    record_id: UUID,
    person: str,
    contact_details: ContactDetails,
) -> CodeMessage:
    """Issues the next code of a record from the batch of the month, and revokes earlier ones. `person`: the fingerprint
    of the INS. Raises UnreachableError."""
    now = clock.now()
    batch = await batch_for(connection, keyrings, f"assisted-{now:%Y-%m}", now)
    attempt = await activation.last_attempt(connection, record_id) + 1
    await activation.revoke_codes(connection, record_id, now)
    issued = issued_code(batch, lookups, record_id, person, attempt, now)
    await activation.insert_codes(connection, [issued])
    note = MessageContent(
        "activation-code", code_values(batch.code(person, attempt), issued.expires_at), issued.expires_at
    )
    message = request_by_any_channel(keyrings.contacts, clock.new_id(), record_id, contact_details, note)
    if message is None:
        raise UnreachableError
    return CodeMessage(message)


async def batch_for(connection: Connection, keyrings: Keyrings, purpose: str, now: datetime) -> CodeBatch:
    """Returns the batch for that purpose, created with a new key if there is none."""
    batch_row = await activation.load_code_batch(connection, purpose)
    if batch_row is None:
        batch, sealed = new_code_batch(clock.new_id(), keyrings.persons)
        await activation.insert_code_batch(connection, batch.id, purpose, sealed, now)
        batch_row = await activation.load_code_batch(connection, purpose)
        assert batch_row is not None, "the batch was inserted by the previous statement"
    return open_code_batch(*batch_row, keyrings.persons)


def code_values(code: str, expires_at: datetime) -> dict[str, str]:
    """Returns the values that the letter shows."""
    return {"code": grouped_code(code), "valid_until": expires_at.date().isoformat()}
