"""Makes accounts found by identifiers that are fingerprinted under the active key."""

from uuid import UUID

from services.identity.domain.accounts import identifier_parts, lookup_keys, normalise_identifier
from services.identity.domain.sealing import open_row
from services.identity.store import accounts as store
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection

PAGE = 500


async def refingerprint_identifiers(persons: Keyring, connection: Connection) -> None:
    """Page after page; a run that was interrupted goes on. Raises SealBrokenError."""
    lookups, after = lookup_keys(persons), UUID(int=0)
    while rows := await store.identifiers_of_other_keys(connection, lookups.active, after, PAGE):
        made: dict[str, str] = {}
        for known in rows:
            plain = open_row(persons, known.sealed, "account", known.record_id).decode()
            made[known.fingerprint] = lookups.fingerprint(*identifier_parts(normalise_identifier(plain)))
        await store.replace_identifiers(connection, made)
        after = rows[-1].record_id
