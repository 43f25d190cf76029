"""Starts a password reset: sends a code to the contact on file."""

from uuid import UUID

from services.identity.accounts.domain.accounts import Account, AccountRules, normalise_identifier
from services.identity.accounts.domain.throttling import attempt_keys
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.steps.find_account import find_account
from services.identity.accounts.steps.request_codes import CodeAddressee, CodeRequest, request_codes
from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.domain.contacts import first_reachable_channel, is_reachable
from services.identity.people.steps import load_contact
from shared.db.pool import Connection, Pool, transaction


async def start_password_reset(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, credentials: tuple[str, str | None], source: str
) -> UUID:
    """Returns the id of a challenge, whether the identifier exists or not; if it does not, no code answers the
    challenge. `credentials`: identifier and device token, if the device has one.

    Raises TooManyTriesError.
    """
    identifier = normalise_identifier(credentials[0])
    async with pool.acquire() as connection:
        account, device_id = await find_account(connection, accounts, identifier, credentials[1])
        keys = attempt_keys(accounts.lookups, identifier, source, device_id, "reset")
        await count_attempt(connection, keys, "reset-password")
    async with transaction(pool) as connection:
        addressees = await _addressees(connection, keyrings, account)
        record_id = account.record_id if account is not None and addressees else None
        code_request = CodeRequest("password-reset", record_id, addressees, {"keys": keys}, is_unauthenticated=True)
        return await request_codes(connection, accounts, keyrings, code_request)


async def _addressees(connection: Connection, keyrings: Keyrings, account: Account | None) -> tuple[CodeAddressee, ...]:
    """Returns the addressee, preferably not on the channel of sign-in codes, so that one intercepted channel does not
    suffice for both."""
    if account is None:
        return ()
    _, contact = await load_contact(connection, keyrings, account.record_id)
    if not is_reachable(contact, "mail") and not is_reachable(contact, "sms"):
        return ()
    return (
        CodeAddressee(contact, first_reachable_channel(contact, "sms" if account.second_factor == "mail" else "mail")),
    )
