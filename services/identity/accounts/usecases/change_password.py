"""Changes the password of a holder who knows the old one."""

from uuid import UUID

from services.identity.accounts.domain.accounts import AccountMissingError, AccountRules
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.steps.hash_password import hash_password
from services.identity.accounts.steps.replace_password import personal_words_of_holder, replace_password
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import sessions
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def change_password(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, holder: tuple[UUID, UUID | None], old: str, new: str
) -> None:
    """Changes the password and ends all other sessions and devices. `holder`: record id and session id.

    Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError, PasswordLengthError,
    PasswordWeakError, PasswordPersonalError.
    """
    record_id, session_id = holder
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        if await store.load_account(connection, record_id) is None:
            raise AccountMissingError
        await confirm_password(connection, accounts, record_id, old)
        words = await personal_words_of_holder(connection, keyrings, record_id)
    with accounts.hashes.place() as place:
        password_hash = await hash_password(accounts, place, new, words)
    async with transaction(pool) as connection:
        await sessions.lock_sessions(connection, record_id)
        await check_session(connection, session_id)
        events = await replace_password(connection, keyrings, record_id, password_hash, session_id)
        await append(connection, [announce(event) for event in events])
