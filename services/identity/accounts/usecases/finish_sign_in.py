"""The second step of a sign-in: checks the code and starts a session on the device."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.sessions import new_opaque_token, session_subject
from services.identity.accounts.steps.sign_in_device import answer_sign_in, sign_in_device
from services.identity.accounts.store import sessions
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class SessionTokens:
    """The tokens of a session. `device_token`: only for a new device."""

    access: AccessToken
    refresh_token: str
    device_token: str | None


@dataclass(frozen=True, slots=True, repr=False)
class SignInAnswer:
    """The code of a challenge, and the name of the device."""

    challenge_id: UUID
    code: str
    device_name: str


async def finish_sign_in(
    storage: Storage, rules: AccountRules, issuer: TokenIssuer, answer: SignInAnswer
) -> SessionTokens:
    """Returns the tokens of the new session. A code works once, also under concurrency.

    Raises CodeWrongError, CodeOverError.
    """
    async with storage.transaction() as work:
        challenge, error = await answer_sign_in(work, rules, answer.challenge_id, answer.code)
        if error is None:
            assert challenge is not None, "without an error there is a challenge"
            session = await sign_in_device(work, challenge, answer.device_name, rules.session_life)
            refresh = new_opaque_token(session.id)
            idle_end = min(session.started_at + rules.session_idle, session.ends_at)
            await sessions.insert_refresh_token(work.connection, refresh, idle_end)
            await append(work.connection, [announce(event) for event in session.events])
    if error is not None:
        raise error
    subject = session_subject(session.record_id, session.id)
    access = issuer.issue(subject, token_id=clock.new_id(), now=clock.now())
    return SessionTokens(access, refresh.text, session.device_token)
