"""Completes the enrolment of an authenticator application with its first code."""

from uuid import UUID

from services.identity.accounts.domain.accounts import AccountMissingError
from services.identity.accounts.domain.codes import CodeOverError, CodeWrongError, matching_totp_step, open_detail
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import challenges
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from shared.contracts.audit import AccessRecorded
from shared.messaging.outbox import append
from shared.runtime import clock


async def finish_totp(storage: Storage, holder: tuple[UUID, UUID | None], challenge_id: UUID, code: str) -> None:
    """Makes the application the second factor. `holder`: record id and session id.

    Raises SessionOverError, CodeWrongError, CodeOverError.
    """
    record_id, session_id = holder
    async with storage.transaction() as work:
        await check_session(work.connection, session_id)
        now = clock.now()
        challenge = await challenges.spend_attempt(work.connection, challenge_id, "totp-enrolment", now)
        if challenge is None or challenge.record_id != record_id:
            raise CodeOverError
        secret = open_detail(storage.keyrings, challenge)["secret"]
        step = matching_totp_step(secret, code, now, last_step=0)
        if step is None:
            await record_failure(work, record_id, CodeWrongError.code)
        else:
            await challenges.use_challenge(work.connection, challenge_id, now)
            await _enrol(work, record_id, secret, step)
    if step is None:
        raise CodeWrongError


async def _enrol(work: UnitOfWork, record_id: UUID, secret: str, step: int) -> None:
    if await store.lock_account(work.connection, record_id) is None:
        raise AccountMissingError
    sealed = seal_row(work.keyrings.persons, secret.encode(), "totp", record_id)
    await store.set_totp(work.connection, record_id, sealed, step)
    entry = AccessRecorded(
        record_id=record_id,
        actor=holder_actor(record_id),
        action="change-credentials",
        outcome="permitted",
        reason="application-enrolled",
    )
    await append(work.connection, [announce(entry)])
