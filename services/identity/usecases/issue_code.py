"""Issues an activation code, in the transaction of whoever opens the record or asks for another code."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.identity.domain.activation import Wave, issue, new_wave, open_wave, printed
from services.identity.domain.contacts import Note
from services.identity.domain.insured import Reach
from services.identity.domain.openings import UnreachableError, any_way
from services.identity.domain.sealing import Keyrings
from services.identity.store import activation
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.runtime import clock

CodeChannel = Literal["mail", "letter", "sms"]


@dataclass(frozen=True, slots=True)
class Told:
    """The mail, letter or SMS with the code, to be announced."""

    message: MessageRequested

    @property
    def channel(self) -> CodeChannel:
        """How it goes out."""
        return self.message.channel


async def issue_code(
    connection: Connection, keyrings: Keyrings, lookups: Keyring, record_id: UUID, person: str, reach: Reach
) -> Told:
    """The next attempt of a record, from the wave of the month; earlier codes are revoked. `person`: the fingerprint of
    the INS. Raises UnreachableError."""
    now = clock.now()
    wave = await wave_for(connection, keyrings, f"assisted-{now:%Y-%m}", now)
    attempt = await activation.last_attempt(connection, record_id) + 1
    await activation.revoke_codes(connection, record_id, now)
    issued = issue(wave, lookups, record_id, person, attempt, now)
    await activation.insert_codes(connection, [issued])
    note = Note("activation-code", code_values(wave.code(person, attempt), issued.expires_at), issued.expires_at)
    message = any_way(keyrings.contacts, clock.new_id(), record_id, reach, note)
    if message is None:
        raise UnreachableError
    return Told(message)


async def wave_for(connection: Connection, keyrings: Keyrings, purpose: str, now: datetime) -> Wave:
    """The wave for that purpose, made with a fresh key where there is none."""
    found = await activation.load_wave(connection, purpose)
    if found is None:
        wave, sealed = new_wave(clock.new_id(), keyrings.persons)
        await activation.insert_wave(connection, wave.id, purpose, sealed, now)
        found = await activation.load_wave(connection, purpose)
        assert found is not None, "the wave was written a statement ago"
    return open_wave(*found, keyrings.persons)


def code_values(code: str, expires_at: datetime) -> dict[str, str]:
    """What the letter says."""
    return {"code": printed(code), "valid_until": expires_at.date().isoformat()}
