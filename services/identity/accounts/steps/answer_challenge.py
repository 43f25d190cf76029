"""Checks the answer to a challenge. Each answer uses up an attempt, and exactly one answer succeeds."""

from typing import NamedTuple
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.codes import (
    Challenge,
    CodeOverError,
    CodeWrongError,
    Purpose,
    codes_match,
    matching_totp_step,
)
from services.identity.accounts.domain.paper_codes import is_paper_code, paper_code_parts
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import challenges, paper_codes
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.store import records
from shared.runtime import clock


class ChallengeResult(NamedTuple):
    """The challenge, if one was found, and the error of a wrong answer. Without an error there is a challenge."""

    challenge: Challenge | None
    error: CodeWrongError | CodeOverError | None


async def answer_challenge(
    work: UnitOfWork,
    rules: AccountRules,
    purpose: Purpose,
    challenge_id: UUID,
    codes: tuple[str, ...],
    holder: UUID | None = None,
) -> ChallengeResult:
    """Returns the challenge, used up by the right answer, and the error of a wrong one.

    The caller raises the error after the commit of its transaction, so that the attempt stays counted. The row is
    locked until then. `holder`: the id of the record to which the challenge must belong, if known; the challenge of a
    deceased person cannot be answered.
    """
    now = clock.now()
    challenge = await challenges.spend_attempt(work.connection, challenge_id, purpose, now)
    if challenge is None or holder not in (None, challenge.record_id):
        return ChallengeResult(None, CodeOverError())
    if challenge.record_id is not None and await records.is_deceased(work.connection, challenge.record_id):
        return ChallengeResult(None, CodeOverError())
    is_right = codes_match(rules.lookups, challenge, codes)
    if not is_right and not challenge.codes and challenge.record_id is not None:
        is_right = await _is_from_application(work, challenge.record_id, codes)
    if not is_right and purpose == "sign-in" and challenge.record_id is not None:
        is_right = await _is_on_paper(work, rules, challenge.record_id, codes)
    if not is_right:
        return ChallengeResult(challenge, CodeWrongError())
    if not await challenges.use_challenge(work.connection, challenge_id, now):
        return ChallengeResult(challenge, CodeOverError())
    return ChallengeResult(challenge, None)


async def _is_from_application(work: UnitOfWork, record_id: UUID, codes: tuple[str, ...]) -> bool:
    """Returns whether this is a code of the account's application, of a time step that was not used before."""
    account = await store.lock_account(work.connection, record_id)
    if account is None or account.totp is None or len(codes) != 1:
        return False
    secret = open_row(work.keyrings.persons, account.totp, "totp", record_id).decode()
    step = matching_totp_step(secret, codes[0], clock.now(), account.totp_step)
    return step is not None and await store.use_totp_step(work.connection, record_id, step)


async def _is_on_paper(work: UnitOfWork, rules: AccountRules, record_id: UUID, codes: tuple[str, ...]) -> bool:
    """Returns whether this is a code of the holder's sheet that was not used before; it is used now."""
    if len(codes) != 1 or not is_paper_code(codes[0]):
        return False
    hashes = rules.lookups.fingerprints(*paper_code_parts(record_id, codes[0]))
    return await paper_codes.use_code(work.connection, record_id, hashes, clock.now())
