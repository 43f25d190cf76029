"""The first step of a sign-in: checks identifier and password, and requests a code."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.accounts import (
    Account,
    CredentialsWrongError,
    SignInFactor,
    normalise_identifier,
)
from services.identity.accounts.domain.passwords import MAX_LENGTH, normalise_password
from services.identity.accounts.domain.throttling import attempt_keys
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.steps.find_account import find_account
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.steps.request_codes import CodeAddressee, CodeRequest, request_codes
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import paper_codes
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import ContactMissingError, first_reachable_channel
from services.identity.people.steps import load_contact


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
    second_factor: SignInFactor
    seconds: int


async def start_sign_in(storage: Storage, rules: AccountRules, attempt: SignInAttempt) -> SignInChallenge:
    """Returns the challenge of a right password.

    A password is always hashed, so the work does not depend on whether the identifier exists.

    Raises CredentialsWrongError, TooManyTriesError, ContactMissingError, and OverloadedError before anything is looked
    up or counted.
    """
    identifier = normalise_identifier(attempt.identifier)
    password = normalise_password(attempt.password)[: MAX_LENGTH + 1]
    with rules.hashes.place() as place:
        async with storage.acquire() as work:
            account, device_id = await find_account(work.connection, rules, identifier, attempt.device_token)
            keys = attempt_keys(rules.lookups, identifier, attempt.source, device_id)
            is_slowed = await count_attempt(work.connection, keys, "sign-in")
        stored_hash = None if account is None else account.password_hash
        verdict = await place.run(lambda: rules.hasher.check(stored_hash, password))
        new_hash = await place.run(lambda: rules.hasher.hash(password)) if verdict == "stale" else None
    if account is None or verdict == "wrong":
        async with storage.transaction() as work:
            record_id = None if account is None else account.record_id
            code = CredentialsWrongError.code
            await record_failure(work, record_id, code, keys, is_slowed=is_slowed)
        raise CredentialsWrongError
    async with storage.transaction() as work:
        if new_hash is not None:
            await store.replace_hash(work.connection, account.record_id, account.password_hash, new_hash)
        return await _request_code(work, rules, account, {"device": str(device_id or ""), "keys": keys})


async def _request_code(
    work: UnitOfWork, rules: AccountRules, account: Account, detail: dict[str, object]
) -> SignInChallenge:
    addressees: tuple[CodeAddressee, ...] = ()
    second_factor: SignInFactor = account.second_factor
    if account.second_factor != "totp":
        try:
            _, contact = await load_contact(work, account.record_id)
            channel = first_reachable_channel(contact, account.second_factor)
        except ContactMissingError:
            if not await paper_codes.count_unused(work.connection, account.record_id):
                raise
            second_factor = "paper"
        else:
            second_factor, addressees = channel, (CodeAddressee(contact, channel),)
    code_request = CodeRequest("sign-in", account.record_id, addressees, detail)
    challenge_id = await request_codes(work, rules, code_request)
    return SignInChallenge(challenge_id, second_factor, int(rules.code_lifetime.total_seconds()))
