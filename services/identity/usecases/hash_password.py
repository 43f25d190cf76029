"""Checks and hashes a new password."""

import asyncio
from collections.abc import Iterable

from services.identity.domain.accounts import AccountRules
from services.identity.domain.passwords import check_password, normalise_password


async def hash_password(accounts: AccountRules, password: str, personal: Iterable[str]) -> str:
    """Returns the hash of a checked password. It runs in a thread; call it before the transaction. `personal`:
    `personal_words` of the person.

    Raises PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    words = tuple(personal)

    def check_and_hash() -> str:
        normalised = normalise_password(password)
        check_password(normalised, words)
        return accounts.hasher.hash(normalised)

    return await asyncio.to_thread(check_and_hash)
