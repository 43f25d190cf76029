"""Reads what a holder sees of their account."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountMissingError, SecondFactor
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.store import accounts, paper_codes
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.contacts import Contact
from services.identity.people.steps import load_contact
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class AccountSummary(RedactedRepr):
    """The contact on file, where the code of a sign-in comes from, and how many codes on paper are left."""

    contact: Contact
    second_factor: SecondFactor
    paper_codes_left: int


async def read_account(storage: Storage, holder: tuple[UUID, UUID | None]) -> AccountSummary:
    """Returns the account of the holder: record id and session id. Raises SessionOverError, AccountMissingError."""
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        account = await accounts.load_account(work.connection, record_id)
        if account is None:
            raise AccountMissingError
        _, contact = await load_contact(work, record_id)
        left = await paper_codes.count_unused(work.connection, record_id)
    return AccountSummary(contact, account.second_factor, left)
