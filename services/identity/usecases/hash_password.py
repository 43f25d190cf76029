"""Makes what is kept of a new password."""

import asyncio
from collections.abc import Iterable

from services.identity.domain.accounts import AccountRules
from services.identity.domain.passwords import check_password, normalise_password


async def hash_password(accounts: AccountRules, password: str, own: Iterable[str]) -> str:
    """Checks and hashes in a thread: call it before the transaction. `own`: `own_words` of the person.

    Raises PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    words = tuple(own)

    def make() -> str:
        normalised = normalise_password(password)
        check_password(normalised, words)
        return accounts.hasher.hash(normalised)

    return await asyncio.to_thread(make)
