"""Asks somebody for one code or several, and has them sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules
from services.identity.domain.codes import Challenge, Purpose, code_hash, new_code, seal_detail, tries_of
from services.identity.domain.contacts import Channel, Note, message
from services.identity.domain.opening import Contact
from services.identity.domain.sealing import Keyrings
from services.identity.store import challenges
from shared import clock
from shared.contracts.notify import MessageRequested
from shared.db.pool import Connection
from shared.outbox import append

Addressee = tuple[Contact, Channel]
_KINDS: dict[Purpose, str] = {
    "sign-in": "sign-in-code",
    "password-reset": "password-reset-code",
    "contact-change": "contact-change-code",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered with the codes that `to` get, in that order. Without a record it is a decoy."""

    purpose: Purpose
    record_id: UUID | None
    to: tuple[Addressee, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)


async def ask_for_codes(connection: Connection, accounts: AccountRules, keyrings: Keyrings, question: Question) -> UUID:
    """The id of the challenge. The last thing a transaction does."""
    challenge_id, now = clock.new_id(), clock.now()
    expires_at = now + accounts.code_lifetime
    codes = [new_code() for _ in question.to]
    challenge = Challenge(
        challenge_id,
        question.purpose,
        question.record_id,
        tuple(code_hash(accounts.lookups, challenge_id, code, place) for place, code in enumerate(codes)),
        expires_at,
        seal_detail(keyrings, challenge_id, dict(question.detail)),
    )
    record_id = question.record_id
    unanswered = 0 if record_id is None else await challenges.count_unanswered(connection, record_id, now)
    await challenges.insert_challenge(connection, challenge, tries_of(unanswered))
    requests: list[MessageRequested] = []
    for (told, channel), code in zip(question.to, codes, strict=True):
        assert record_id is not None, "a decoy is sent to nobody"
        values = {"code": code, "minutes": str(accounts.code_lifetime.seconds // 60)}
        note = Note(_KINDS[question.purpose], values, expires_at)
        requests.append(message(keyrings.contacts, clock.new_id(), record_id, told, note, channel))
    await append(connection, [announce(one) for one in requests])
    return challenge_id
