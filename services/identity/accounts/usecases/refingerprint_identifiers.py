"""Recomputes the fingerprints of account identifiers under the active key."""

from uuid import UUID

from services.identity.accounts.domain.accounts import identifier_parts, lookup_keys, normalise_identifier
from services.identity.accounts.store import accounts as store
from services.identity.kit.sealed_rows import open_row
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection

PAGE = 500


async def refingerprint_identifiers(persons: Keyring, connection: Connection) -> None:
    """Replaces all fingerprints of other keys, page by page. An interrupted run can be repeated. Raises
    SealBrokenError."""
    lookups, after = lookup_keys(persons), UUID(int=0)
    while rows := await store.identifiers_of_other_keys(connection, lookups.active, after, PAGE):
        replacements: dict[str, str] = {}
        for identifier in rows:
            plain = open_row(persons, identifier.sealed, "account", identifier.record_id).decode()
            replacements[identifier.fingerprint] = lookups.fingerprint(*identifier_parts(normalise_identifier(plain)))
        await store.replace_identifiers(connection, replacements)
        after = rows[-1].record_id
