"""Creates the account of a record's holder, inside the transaction of whoever has proved that they are the holder."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.accounts import (
    AccountExistsError,
    AccountRules,
    IdentifierTakenError,
    SecondFactor,
    check_identifier,
    identifier_parts,
)
from services.identity.domain.contacts import check_second_factor
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings, seal_row
from services.identity.store import accounts as store
from services.identity.store.accounts import NewAccount
from services.identity.store.records import lock_ins
from shared.db.pool import Connection
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class Choices:
    """What the person has chosen. `identifier`: by default their mail address; `password_hash`: of `hash_password`,
    made before the transaction; `second_factor`: mail or sms; `terms_version`: the terms that were accepted."""

    identifier: str
    password_hash: str
    second_factor: SecondFactor
    terms_version: str


async def create_account(
    connection: Connection, accounts: AccountRules, keyrings: Keyrings, record_id: UUID, told: Contact, chosen: Choices
) -> None:
    """`told`: the contact on file, which has what the second factor needs. In the caller's transaction, before it
    announces anything: nothing is announced here, the caller's event tells what happened.

    Raises IdentifierInvalidError, IdentifierTakenError,
    SecondFactorInvalidError, AccountExistsError.
    """
    normalised = check_identifier(chosen.identifier)
    fingerprints = accounts.lookups.fingerprints(*identifier_parts(normalised))
    await lock_ins(connection, fingerprints)
    sealed = seal_row(keyrings.persons, chosen.identifier.strip().encode(), "account", record_id)
    channel = check_second_factor(chosen.second_factor, told)
    new = NewAccount(record_id, sealed, chosen.password_hash, channel, chosen.terms_version, clock.now())
    if not await store.insert_account(connection, new):
        raise AccountExistsError
    if await store.find_record(connection, fingerprints) is not None:
        raise IdentifierTakenError
    if not await store.insert_identifier(connection, fingerprints[0], record_id):
        raise IdentifierTakenError
