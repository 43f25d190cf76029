"""Makes codes by mail or SMS the second factor of an account."""

from uuid import UUID

from services.identity.accounts.domain.accounts import (
    AccountMissingError,
    AccountRules,
    SecondFactor,
    check_second_factor,
)
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import challenges
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.people.steps import load_contact
from shared.contracts.audit import AccessRecorded
from shared.messaging.outbox import append
from shared.runtime import clock


async def change_second_factor(
    storage: Storage,
    accounts: AccountRules,
    holder: tuple[UUID, UUID | None],
    second_factor: SecondFactor,
    password: str,
) -> None:
    """Sets the second factor and deletes the secret of an application. `holder`: record id and session id.

    Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError, SecondFactorInvalidError,
    ContactMissingError.
    """
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        if await store.load_account(work.connection, record_id) is None:
            raise AccountMissingError
        _, contact = await load_contact(work, record_id)
        channel = check_second_factor(second_factor, contact)
        await confirm_password(work.connection, accounts, record_id, password)
    async with storage.transaction() as work:
        await check_session(work.connection, session_id)
        await store.set_sent_codes(work.connection, record_id, channel)
        await challenges.end_challenges(work.connection, record_id, clock.now())
        entry = AccessRecorded(
            record_id=record_id,
            actor=holder_actor(record_id),
            action="change-credentials",
            outcome="permitted",
            reason=f"codes-by-{channel}",
        )
        await append(work.connection, [announce(entry)])
