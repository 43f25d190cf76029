"""Creates the account of a record's holder in the transaction of a caller that has verified their identity."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.domain.accounts import (
    AccountExistsError,
    AccountRules,
    IdentifierTakenError,
    SecondFactor,
    check_identifier,
    check_second_factor,
    identifier_parts,
)
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store.accounts import NewAccount
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.new_person import Contact
from services.identity.people.store.records import lock_ins
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class AccountChoices:
    """The person's choices. `identifier`: usually their mail address; `password_hash`: from `hash_password`, called
    before the transaction; `second_factor`: mail or sms; `terms_version`: the version of the accepted terms."""

    identifier: str
    password_hash: str
    second_factor: SecondFactor
    terms_version: str


async def create_account(
    work: UnitOfWork, accounts: AccountRules, record_id: UUID, contact: Contact, choices: AccountChoices
) -> None:
    """Inserts account and identifier in the caller's transaction. `contact`: the contact on file, which the second
    factor needs. Call it before anything is announced; it announces nothing itself.

    Raises IdentifierInvalidError, IdentifierTakenError, SecondFactorInvalidError, AccountExistsError.
    """
    normalised = check_identifier(choices.identifier)
    fingerprints = accounts.lookups.fingerprints(*identifier_parts(normalised))
    await lock_ins(work.connection, fingerprints)
    sealed = seal_row(work.keyrings.persons, choices.identifier.strip().encode(), "account", record_id)
    channel = check_second_factor(choices.second_factor, contact)
    account = NewAccount(record_id, sealed, choices.password_hash, channel, choices.terms_version, clock.now())
    if not await store.insert_account(work.connection, account):
        raise AccountExistsError
    if await store.find_record_by_identifier(work.connection, fingerprints) is not None:
        raise IdentifierTakenError
    if not await store.insert_identifier(work.connection, fingerprints[0], record_id):
        raise IdentifierTakenError
