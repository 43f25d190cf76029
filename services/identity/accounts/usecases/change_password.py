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
from services.identity.kit.unit_of_work import Storage
from shared.messaging.outbox import append


async def change_password(
    storage: Storage, accounts: AccountRules, holder: tuple[UUID, UUID | None], old: str, new: str
) -> None:
    """Changes the password and ends all other sessions and devices. `holder`: record id and session id.

    Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError, PasswordLengthError,
    PasswordWeakError, PasswordPersonalError.
    """
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        if await store.load_account(work.connection, record_id) is None:
            raise AccountMissingError
        await confirm_password(work.connection, accounts, record_id, old)
        words = await personal_words_of_holder(work, record_id)
    with accounts.hashes.place() as place:
        password_hash = await hash_password(accounts, place, new, words)
    async with storage.transaction() as work:
        await sessions.lock_sessions(work.connection, record_id)
        await check_session(work.connection, session_id)
        events = await replace_password(work, record_id, password_hash, session_id)
        await append(work.connection, [announce(event) for event in events])
