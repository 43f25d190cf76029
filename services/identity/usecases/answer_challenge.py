"""Looks at the answer to a challenge: one try less, and exactly one answer wins."""

from uuid import UUID

from services.identity.domain.accounts import AccountRules
from services.identity.domain.codes import Challenge, CodeOverError, CodeWrongError, Purpose, are_codes, totp_step
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import accounts as store
from services.identity.store import challenges, lifecycle
from shared.db.pool import Connection
from shared.runtime import clock


async def answer_challenge(
    connection: Connection,
    accounts: AccountRules,
    keyrings: Keyrings,
    purpose: Purpose,
    challenge_id: UUID,
    codes: tuple[str, ...],
    holder: UUID | None = None,
) -> tuple[Challenge | None, CodeWrongError | CodeOverError | None]:
    """In the caller's transaction: the challenge, used from now on, and nothing wrong; or what is wrong, which the
    caller raises after the commit, so that the try stays counted. The row is locked until then. `holder`: whose record
    it must be of, where that is known, and alive."""
    now = clock.now()
    challenge = await challenges.try_challenge(connection, challenge_id, purpose, now)
    if challenge is None or holder not in (None, challenge.record_id):
        return None, CodeOverError()
    if challenge.record_id is not None and await lifecycle.is_deceased(connection, challenge.record_id):
        return None, CodeOverError()
    right = are_codes(accounts.lookups, challenge, codes)
    if not right and not challenge.codes and challenge.record_id is not None:
        right = await _is_from_application(connection, keyrings, challenge.record_id, codes)
    if not right:
        return challenge, CodeWrongError()
    if not await challenges.use_challenge(connection, challenge_id, now):
        return challenge, CodeOverError()
    return challenge, None


async def _is_from_application(
    connection: Connection, keyrings: Keyrings, record_id: UUID, codes: tuple[str, ...]
) -> bool:
    """A code of the account's application, of a step that was not used before."""
    account = await store.lock_account(connection, record_id)
    if account is None or account.totp is None or len(codes) != 1:
        return False
    secret = open_row(keyrings.persons, account.totp, "totp", record_id).decode()
    step = totp_step(secret, codes[0], clock.now(), account.totp_step)
    return step is not None and await store.use_totp_step(connection, record_id, step)
