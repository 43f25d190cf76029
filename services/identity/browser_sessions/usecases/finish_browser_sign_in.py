"""The second step of a sign-in in a browser: checks the code and starts a session that a cookie continues."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.steps.sign_in_device import answer_sign_in, sign_in_device
from services.identity.browser_sessions.domain import SHARED_DEVICE
from services.identity.browser_sessions.steps.end_session import end_session
from services.identity.browser_sessions.steps.start_session import (
    BrowserTokens,
    holder_tokens,
    insert_holder_session,
    own_device,
)
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from shared.messaging.outbox import append


@dataclass(frozen=True, slots=True, repr=False)
class BrowserAnswer:
    """The code of a challenge, the name of the device, whether it is the person's own, and the earlier cookie."""

    challenge_id: UUID
    code: str
    device_name: str
    is_own_device: bool
    earlier_cookie: str | None = None


async def finish_browser_sign_in(
    storage: Storage, rules: AccountRules, issuer: TokenIssuer, answer: BrowserAnswer
) -> BrowserTokens:
    """Returns what the cookies of the new session hold. A session that the browser had before ends.

    Raises CodeWrongError, CodeOverError.
    """
    life = own_device(rules) if answer.is_own_device else SHARED_DEVICE
    async with storage.transaction() as work:
        challenge, error = await answer_sign_in(work, rules, answer.challenge_id, answer.code)
        if error is None:
            assert challenge is not None, "without an error there is a challenge"
            other, ended = await end_session(work, answer.earlier_cookie)
            started = await sign_in_device(work, challenge, answer.device_name, life.longest)
            session, token = await insert_holder_session(work, started, life)
            await append(work.connection, [announce(event) for event in (*ended, *started.events)])
    if error is not None:
        raise error
    return replace(holder_tokens(issuer, session, token, started), ended_other=other)
