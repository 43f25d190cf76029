"""Makes ten single-use codes for the holder to print. They are shown once; earlier ones work no more."""

from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.accounts import AccountMissingError
from services.identity.accounts.domain.paper_codes import new_paper_codes, paper_code_parts
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.store import accounts, paper_codes
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from shared.contracts.audit import AccessRecorded
from shared.messaging.outbox import append
from shared.runtime import clock


async def print_paper_codes(
    storage: Storage, rules: AccountRules, holder: tuple[UUID, UUID | None], password: str
) -> tuple[str, ...]:
    """Returns the codes. `holder`: record id and session id.

    Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError.
    """
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        if await accounts.load_account(work.connection, record_id) is None:
            raise AccountMissingError
        await confirm_password(work.connection, rules, record_id, password)
    codes = new_paper_codes()
    hashes = [rules.lookups.fingerprint(*paper_code_parts(record_id, code)) for code in codes]
    entry = AccessRecorded(
        record_id=record_id,
        actor=holder_actor(record_id),
        action="change-credentials",
        outcome="permitted",
        reason="paper-codes-printed",
    )
    async with storage.transaction() as work:
        await check_session(work.connection, session_id)
        if await accounts.lock_account(work.connection, record_id) is None:
            raise AccountMissingError
        await paper_codes.replace_codes(work.connection, record_id, hashes, clock.now())
        await append(work.connection, [announce(entry)])
    return codes
