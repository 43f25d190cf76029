"""The first step of a sign-in: checks identifier and password, and requests a code."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.identity.accounts.domain.accounts import (
    Account,
    AccountRules,
    CredentialsWrongError,
    SecondFactor,
    identifier_parts,
    normalise_identifier,
)
from services.identity.accounts.domain.passwords import MAX_LENGTH, normalise_password
from services.identity.accounts.domain.sessions import parse_opaque_token
from services.identity.accounts.domain.throttling import attempt_keys
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.steps.request_codes import CodeAddressee, CodeRequest, request_codes
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import sessions
from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.domain.contacts import first_reachable_channel
from services.identity.people.steps import load_contact
from services.identity.people.store import records
from shared.db.pool import Connection, Pool, transaction


@dataclass(frozen=True, slots=True, repr=False)
class SignInAttempt:
    """The credentials and the network address of an attempt. `device_token`: from an earlier sign-in on this device."""

    identifier: str
    password: str
    device_token: str | None
    source: str


@dataclass(frozen=True, slots=True)
class SignInChallenge:
    """The challenge to answer next, the second factor, and for how many seconds its code is valid."""

    challenge_id: UUID
    second_factor: SecondFactor
    seconds: int


class AccountLookup(NamedTuple):
    """The account of an identifier, and the id of the device if it has signed in to that account before."""

    account: Account | None
    device_id: UUID | None


async def start_sign_in(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, attempt: SignInAttempt
) -> SignInChallenge:
    """Returns the challenge of a right password. A password is always hashed, so the work does not depend on whether
    the identifier exists.

    Raises CredentialsWrongError, TooManyTriesError, ContactMissingError, and OverloadedError before anything is looked
    up or counted.
    """
    identifier = normalise_identifier(attempt.identifier)
    password = normalise_password(attempt.password)[: MAX_LENGTH + 1]
    with accounts.hashes.place() as place:
        async with pool.acquire() as connection:
            account, device_id = await find_account(connection, accounts, identifier, attempt.device_token)
            keys = attempt_keys(accounts.lookups, identifier, attempt.source, device_id)
            is_slowed = await count_attempt(connection, keys, "sign-in")
        stored_hash = None if account is None else account.password_hash
        verdict = await place.run(lambda: accounts.hasher.check(stored_hash, password))
        new_hash = await place.run(lambda: accounts.hasher.hash(password)) if verdict == "stale" else None
    if account is None or verdict == "wrong":
        async with transaction(pool) as connection:
            record_id = None if account is None else account.record_id
            code = CredentialsWrongError.code
            await record_failure(connection, keyrings, record_id, code, keys, is_slowed=is_slowed)
        raise CredentialsWrongError
    async with transaction(pool) as connection:
        if new_hash is not None:
            await store.replace_hash(connection, account.record_id, account.password_hash, new_hash)
        return await _request_code(
            connection, accounts, keyrings, account, {"device": str(device_id or ""), "keys": keys}
        )


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


async def _request_code(
    connection: Connection, accounts: AccountRules, keyrings: Keyrings, account: Account, detail: dict[str, object]
) -> SignInChallenge:
    addressees: tuple[CodeAddressee, ...] = ()
    second_factor = account.second_factor
    if second_factor != "totp":
        _, contact = await load_contact(connection, keyrings, account.record_id)
        second_factor = first_reachable_channel(contact, second_factor)
        addressees = (CodeAddressee(contact, second_factor),)
    code_request = CodeRequest("sign-in", account.record_id, addressees, detail)
    challenge_id = await request_codes(connection, accounts, keyrings, code_request)
    return SignInChallenge(challenge_id, second_factor, int(accounts.code_lifetime.total_seconds()))
