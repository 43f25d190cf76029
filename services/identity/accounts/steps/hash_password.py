"""Checks and hashes a new password."""

from collections.abc import Iterable

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.hash_queue import HashPlace
from services.identity.accounts.domain.passwords import check_password, normalise_password


async def hash_password(accounts: AccountRules, place: HashPlace, password: str, personal: Iterable[str]) -> str:
    """Returns the hash of a checked password. It runs in a thread; call it before the transaction. `place`: taken from
    `accounts.hashes` before a code or an account was looked up; `personal`: `personal_words` of the person.

    Raises PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    words = tuple(personal)

    def check_and_hash() -> str:
        normalised = normalise_password(password)
        check_password(normalised, words)
        return accounts.hasher.hash(normalised)

    return await place.run(check_and_hash)
