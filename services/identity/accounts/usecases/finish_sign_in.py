"""The second step of a sign-in: checks the code and starts a session on the device."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.codes import Challenge, open_detail
from services.identity.accounts.domain.sessions import OpaqueToken, holder_actor, new_opaque_token, session_subject
from services.identity.accounts.steps.answer_challenge import answer_challenge
from services.identity.accounts.steps.end_sessions import end_device_sessions
from services.identity.accounts.steps.keep_device import keep_device
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.store import challenges, sessions, throttles
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import MessageContent, utc_minute
from services.identity.people.steps import notify_holder
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


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
    storage: Storage, accounts: AccountRules, issuer: TokenIssuer, answer: SignInAnswer
) -> SessionTokens:
    """Returns the tokens of the new session. A code works once, also under concurrency. The record is locked, so that a
    death recorded meanwhile ends the session.

    Raises CodeWrongError, CodeOverError.
    """
    async with storage.transaction() as work:
        open_challenge = await challenges.load_challenge(work.connection, answer.challenge_id, "sign-in", clock.now())
        if open_challenge is not None and open_challenge.record_id is not None:
            await records.hold_record(work.connection, open_challenge.record_id)
        challenge, error = await answer_challenge(work, accounts, "sign-in", answer.challenge_id, (answer.code,))
        record_id = None if challenge is None else challenge.record_id
        if error is not None:
            await record_failure(work, record_id, error.code)
        else:
            assert challenge is not None, "without an error there is a challenge"
            refresh, device_token = await _sign_in_device(work, accounts, challenge, answer.device_name)
    if error is not None:
        raise error
    assert record_id is not None, "a decoy is never answered"
    subject = session_subject(record_id, refresh.id)
    access = issuer.issue(subject, token_id=clock.new_id(), now=clock.now())
    return SessionTokens(access, refresh.text, device_token)


async def _sign_in_device(
    work: UnitOfWork, accounts: AccountRules, challenge: Challenge, device_name: str
) -> tuple[OpaqueToken, str | None]:
    record_id, now = challenge.record_id, clock.now()
    assert record_id is not None, "a decoy is never answered"
    detail = open_detail(work.keyrings, challenge)
    await throttles.reset_attempts(work.connection, detail["keys"], now)
    device_id, token = UUID(detail["device"]) if detail["device"] else None, None
    if device_id is None or not await sessions.touch_device(work.connection, record_id, device_id, now):
        token = await keep_device(work, record_id, device_name)
        device_id = token.id
    # A device has one active session: an earlier one ends.
    ended = await end_device_sessions(work.connection, record_id, device_id, "signed-in-again", now)
    refresh = await _start_session(work.connection, accounts, record_id, device_id, now)
    events: list[Event] = [
        *ended,
        AccessRecorded(
            record_id=record_id,
            actor=holder_actor(record_id),
            action="sign-in",
            outcome="permitted",
            reason="password-and-code",
        ),
    ]
    if token is not None:
        note = MessageContent("new-device", {"when": utc_minute(now), "device": device_name})
        events += await notify_holder(work, record_id, note)
    await append(work.connection, [announce(event) for event in events])
    return refresh, None if token is None else token.text


async def _start_session(
    connection: Connection, accounts: AccountRules, record_id: UUID, device_id: UUID, now: datetime
) -> OpaqueToken:
    refresh = new_opaque_token(clock.new_id(bucket_of(record_id)))
    ends_at = now + accounts.session_life
    await sessions.insert_session(connection, record_id, refresh.id, device_id, now, ends_at)
    await sessions.insert_refresh_token(connection, refresh, min(now + accounts.session_idle, ends_at))
    return refresh
