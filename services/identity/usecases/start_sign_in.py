"""Signing in, the first half: identifier and password are looked at, and a code is asked for."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.accounts import (
    Account,
    AccountRules,
    CredentialsWrongError,
    SecondFactor,
    identifier_parts,
    normalise_identifier,
)
from services.identity.domain.contacts import first_reachable_channel
from services.identity.domain.passwords import LONGEST, normalise_password
from services.identity.domain.sealing import Keyrings
from services.identity.domain.sessions import read_secret
from services.identity.domain.throttling import keys_of_try
from services.identity.store import accounts as store
from services.identity.store import lifecycle, sessions
from services.identity.usecases.ask_for_codes import Addressee, Question, ask_for_codes
from services.identity.usecases.load_contact import load_contact
from services.identity.usecases.refuse_try import refuse_try
from services.identity.usecases.take_try import take_try
from shared.db.pool import Connection, Pool, transaction


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """Who somebody says to be, from where. `device_token`: what an earlier sign-in gave to this device."""

    identifier: str
    password: str
    device_token: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for next, and for how long it is taken."""

    challenge_id: UUID
    second_factor: SecondFactor
    seconds: int


async def start_sign_in(pool: Pool, accounts: AccountRules, keyrings: Keyrings, attempt: Attempt) -> Asked:
    """The same work whether somebody has the identifier or not: a password is always hashed.

    Raises CredentialsWrongError, TooManyTriesError, ContactMissingError.
    """
    identifier = normalise_identifier(attempt.identifier)
    async with pool.acquire() as connection:
        account, device_id = await find_account(connection, accounts, identifier, attempt.device_token)
        keys = keys_of_try(accounts.lookups, identifier, attempt.source, device_id)
        slowed = await take_try(connection, keys, "sign-in")
    password = normalise_password(attempt.password)[: LONGEST + 1]
    kept = None if account is None else account.password_hash
    found = await asyncio.to_thread(accounts.hasher.check, kept, password)
    if account is None or found == "wrong":
        async with transaction(pool) as connection:
            record_id = None if account is None else account.record_id
            code = CredentialsWrongError.code
            await refuse_try(connection, keyrings, record_id, code, keys, slowed=slowed)
        raise CredentialsWrongError
    better = await asyncio.to_thread(accounts.hasher.hash, password) if found == "stale" else None
    async with transaction(pool) as connection:
        if better is not None:
            await store.rehash(connection, account.record_id, account.password_hash, better)
        return await _ask(connection, accounts, keyrings, account, {"device": str(device_id or ""), "keys": keys})


async def find_account(
    connection: Connection, accounts: AccountRules, identifier: str, device_token: str | None
) -> tuple[Account | None, UUID | None]:
    """The account with this normalised identifier, and the device if it has signed in to it before. A deceased
    person's is none any more."""
    fingerprints = accounts.lookups.fingerprints(*identifier_parts(identifier))
    record_id = await store.find_record(connection, fingerprints)
    if record_id is None or await lifecycle.is_deceased(connection, record_id):
        return None, None
    account = await store.load_account(connection, record_id)
    token = None if device_token is None else read_secret(device_token)
    if token is None or not await sessions.is_device_of(connection, record_id, token):
        return account, None
    return account, token.id


async def _ask(
    connection: Connection, accounts: AccountRules, keyrings: Keyrings, account: Account, detail: dict[str, object]
) -> Asked:
    to: tuple[Addressee, ...] = ()
    second_factor = account.second_factor
    if second_factor != "totp":
        _, told = await load_contact(connection, keyrings, account.record_id)
        second_factor = first_reachable_channel(told, second_factor)
        to = ((told, second_factor),)
    question = Question("sign-in", account.record_id, to, detail)
    challenge_id = await ask_for_codes(connection, accounts, keyrings, question)
    return Asked(challenge_id, second_factor, int(accounts.code_lifetime.total_seconds()))
