"""Answers the challenge of a sign-in, and starts a session on the device, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.codes import Challenge, open_detail
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.answer_challenge import ChallengeResult, answer_challenge
from services.identity.accounts.steps.end_sessions import end_device_sessions
from services.identity.accounts.steps.keep_device import keep_device
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.store import challenges, sessions, throttles
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageContent, utc_minute
from services.identity.people.steps import notify_holder
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.runtime import clock
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True, repr=False)
class DeviceSession:
    """A session that has just started on a device. `device_token`: only for a new device; `events`: to announce."""

    id: UUID
    record_id: UUID
    device_id: UUID
    device_token: str | None
    started_at: datetime
    ends_at: datetime
    events: tuple[Event, ...]


async def answer_sign_in(work: UnitOfWork, rules: AccountRules, challenge_id: UUID, code: str) -> ChallengeResult:
    """Returns the challenge and the error of a wrong answer, which is recorded; the caller raises it after the commit.

    The record is locked, so that a death recorded meanwhile ends the session.
    """
    open_challenge = await challenges.load_challenge(work.connection, challenge_id, "sign-in", clock.now())
    if open_challenge is not None and open_challenge.record_id is not None:
        await records.hold_record(work.connection, open_challenge.record_id)
    result = await answer_challenge(work, rules, "sign-in", challenge_id, (code,))
    if result.error is not None:
        record_id = None if result.challenge is None else result.challenge.record_id
        await record_failure(work, record_id, result.error.code)
    return result


async def sign_in_device(work: UnitOfWork, challenge: Challenge, device_name: str, life: timedelta) -> DeviceSession:
    """Starts a session of at most `life` on the device that answered; an earlier session of the device ends."""
    record_id, now = challenge.record_id, clock.now()
    assert record_id is not None, "a decoy is never answered"
    detail = open_detail(work.keyrings, challenge)
    await throttles.reset_attempts(work.connection, detail["keys"], now)
    device_id, token = UUID(detail["device"]) if detail["device"] else None, None
    if device_id is None or not await sessions.touch_device(work.connection, record_id, device_id, now):
        token = await keep_device(work, record_id, device_name)
        device_id = token.id
    ended = await end_device_sessions(work.connection, record_id, device_id, "signed-in-again", now)
    session_id, ends_at = clock.new_id(bucket_of(record_id)), now + life
    await sessions.insert_session(work.connection, record_id, session_id, device_id, now, ends_at)
    events: list[Event] = [*ended, _entry(record_id)]
    if token is not None:
        note = MessageContent("new-device", {"when": utc_minute(now), "device": device_name})
        events += await notify_holder(work, record_id, note)
    device_token = None if token is None else token.text
    return DeviceSession(session_id, record_id, device_id, device_token, now, ends_at, tuple(events))


def _entry(record_id: UUID) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=holder_actor(record_id),
        action="sign-in",
        outcome="permitted",
        reason="password-and-code",
    )
