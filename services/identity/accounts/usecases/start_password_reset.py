"""Starts a password reset: sends a code to the contact on file."""

from uuid import UUID

from services.identity.accounts.domain.accounts import Account, AccountRules, normalise_identifier
from services.identity.accounts.domain.throttling import attempt_keys
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.steps.find_account import find_account
from services.identity.accounts.steps.request_codes import CodeAddressee, CodeRequest, request_codes
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import first_reachable_channel, is_reachable
from services.identity.people.steps import load_contact


async def start_password_reset(
    storage: Storage, accounts: AccountRules, credentials: tuple[str, str | None], source: str
) -> UUID:
    """Returns the id of a challenge, whether the identifier exists or not; if it does not, no code answers the
    challenge. `credentials`: identifier and device token, if the device has one.

    Raises TooManyTriesError.
    """
    identifier = normalise_identifier(credentials[0])
    async with storage.acquire() as work:
        account, device_id = await find_account(work.connection, accounts, identifier, credentials[1])
        keys = attempt_keys(accounts.lookups, identifier, source, device_id, "reset")
        await count_attempt(work.connection, keys, "reset-password")
    async with storage.transaction() as work:
        addressees = await _addressees(work, account)
        record_id = account.record_id if account is not None and addressees else None
        code_request = CodeRequest("password-reset", record_id, addressees, {"keys": keys}, is_unauthenticated=True)
        return await request_codes(work, accounts, code_request)


async def _addressees(work: UnitOfWork, account: Account | None) -> tuple[CodeAddressee, ...]:
    """Returns the addressee, preferably not on the channel of sign-in codes, so that one intercepted channel does not
    suffice for both."""
    if account is None:
        return ()
    _, contact = await load_contact(work, account.record_id)
    if not is_reachable(contact, "mail") and not is_reachable(contact, "sms"):
        return ()
    return (
        CodeAddressee(contact, first_reachable_channel(contact, "sms" if account.second_factor == "mail" else "mail")),
    )
