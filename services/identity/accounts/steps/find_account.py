"""Finds the account of an identifier."""

from typing import NamedTuple
from uuid import UUID

from services.identity.accounts.domain.accounts import Account, AccountRules, identifier_parts
from services.identity.accounts.domain.sessions import parse_opaque_token
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import sessions
from services.identity.people.store import records
from shared.db.pool import Connection


class AccountLookup(NamedTuple):
    """The account of an identifier, and the id of the device if it has signed in to that account before."""

    account: Account | None
    device_id: UUID | None


async def find_account(
    connection: Connection, accounts: AccountRules, identifier: str, device_token: str | None
) -> AccountLookup:
    """Returns the account with this normalised identifier, and the id of the device if it has signed in to it before.
    The account of a deceased person is not returned."""
    fingerprints = accounts.lookups.fingerprints(*identifier_parts(identifier))
    record_id = await store.find_record_by_identifier(connection, fingerprints)
    if record_id is None or await records.is_deceased(connection, record_id):
        return AccountLookup(None, None)
    account = await store.load_account(connection, record_id)
    token = None if device_token is None else parse_opaque_token(device_token)
    if token is None or not await sessions.is_device_of(connection, record_id, token):
        return AccountLookup(account, None)
    return AccountLookup(account, token.id)
