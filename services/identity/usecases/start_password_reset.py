"""Somebody has forgotten the password: a code goes to the contact on file."""

from uuid import UUID

from services.identity.domain.accounts import Account, AccountRules, normalise_identifier
from services.identity.domain.contacts import first_reachable_channel, is_reachable
from services.identity.domain.sealing import Keyrings
from services.identity.domain.throttling import keys_of_try
from services.identity.usecases.ask_for_codes import Addressee, Question, ask_for_codes
from services.identity.usecases.load_contact import load_contact
from services.identity.usecases.start_sign_in import find_account
from services.identity.usecases.take_try import take_try
from shared.db.pool import Connection, Pool, transaction


async def start_password_reset(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, who: tuple[str, str | None], source: str
) -> UUID:
    """`who`: identifier and, if the device has one, its token. The id of a challenge, whether somebody has the
    identifier or not; without anybody nothing answers it.

    Raises TooManyTriesError.
    """
    identifier = normalise_identifier(who[0])
    async with pool.acquire() as connection:
        account, device_id = await find_account(connection, accounts, identifier, who[1])
        keys = keys_of_try(accounts.lookups, identifier, source, device_id, "reset")
        await take_try(connection, keys, "reset-password")
    async with transaction(pool) as connection:
        to = await _addressees(connection, keyrings, account)
        record_id = account.record_id if account is not None and to else None
        question = Question("password-reset", record_id, to, {"keys": keys}, by_anybody=True)
        return await ask_for_codes(connection, accounts, keyrings, question)


async def _addressees(connection: Connection, keyrings: Keyrings, account: Account | None) -> tuple[Addressee, ...]:
    """Preferably not where the codes of a sign-in go: then whoever reads one of the two cannot do both."""
    if account is None:
        return ()
    _, told = await load_contact(connection, keyrings, account.record_id)
    if not is_reachable(told, "mail") and not is_reachable(told, "sms"):
        return ()
    return ((told, first_reachable_channel(told, "sms" if account.second_factor == "mail" else "mail")),)
