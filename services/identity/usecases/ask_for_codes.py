"""Asks somebody for one code or several, and has them sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules
from services.identity.domain.codes import (
    Challenge,
    Purpose,
    code_hash,
    is_flooded,
    new_code,
    open_detail,
    seal_detail,
    tries_of,
)
from services.identity.domain.contacts import MessageChannel, MessageContent, message_request
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings
from services.identity.store import challenges
from shared.contracts.notify import MessageRequested
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock

Addressee = tuple[Contact, MessageChannel]
_KINDS: dict[Purpose, str] = {
    "sign-in": "sign-in-code",
    "password-reset": "password-reset-code",
    "contact-change": "contact-change-code",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered with the codes that `to` get, in that order. Without a record it is a decoy.

    `by_anybody`: who asks has proved nothing. Once many such questions wait for an answer the codes that went out last
    answer the next ones too, so that nobody fills the holder's mailbox, or keeps the holder from a code.
    """

    purpose: Purpose
    record_id: UUID | None
    to: tuple[Addressee, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)
    by_anybody: bool = False


@dataclass(frozen=True, slots=True)
class _Codes:
    """Codes in the order of their addressees, and until when they are taken."""

    codes: tuple[str, ...]
    expires_at: datetime
    are_out: bool


async def ask_for_codes(connection: Connection, accounts: AccountRules, keyrings: Keyrings, question: Question) -> UUID:
    """The id of the challenge. The last thing a transaction does."""
    challenge_id, now, record_id = clock.new_id(), clock.now(), question.record_id
    unanswered = 0 if record_id is None else await challenges.count_unanswered(connection, record_id, now)
    out = await _codes_out(connection, keyrings, question, now) if is_flooded(unanswered) else None
    sent = out or _Codes(tuple(new_code() for _ in question.to), now + accounts.code_lifetime, are_out=False)
    detail = {**question.detail, "codes": sent.codes} if question.by_anybody else question.detail
    challenge = Challenge(
        challenge_id,
        question.purpose,
        record_id,
        tuple(code_hash(accounts.lookups, challenge_id, code, place) for place, code in enumerate(sent.codes)),
        sent.expires_at,
        seal_detail(keyrings, challenge_id, dict(detail)),
    )
    await challenges.insert_challenge(connection, challenge, tries_of(unanswered))
    if not sent.are_out:
        requests = _requests(accounts, keyrings, question, sent)
        await append(connection, [announce(one) for one in requests])
    return challenge_id


async def _codes_out(connection: Connection, keyrings: Keyrings, question: Question, now: datetime) -> _Codes | None:
    """Those that were sent last for the same, while they are taken."""
    if question.record_id is None or not question.by_anybody:
        return None
    last = await challenges.last_unanswered(connection, question.record_id, question.purpose, now)
    codes = None if last is None else open_detail(keyrings, last).get("codes")
    return None if last is None or not codes else _Codes(tuple(codes), last.expires_at, are_out=True)


def _requests(accounts: AccountRules, keyrings: Keyrings, question: Question, sent: _Codes) -> list[MessageRequested]:
    requests: list[MessageRequested] = []
    for (told, channel), code in zip(question.to, sent.codes, strict=True):
        assert question.record_id is not None, "a decoy is sent to nobody"
        values = {"code": code, "minutes": str(accounts.code_lifetime.seconds // 60)}
        note = MessageContent(_KINDS[question.purpose], values, sent.expires_at)
        requests.append(message_request(keyrings.contacts, clock.new_id(), question.record_id, told, note, channel))
    return requests
