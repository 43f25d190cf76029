"""Creates a challenge and sends its codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.codes import (
    Challenge,
    Purpose,
    allowed_attempts,
    code_hash,
    is_flooded,
    new_code,
    open_detail,
    seal_detail,
)
from services.identity.accounts.store import challenges
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageChannel, MessageContent, message_request
from services.identity.people.domain.new_person import Contact
from shared.contracts.notify import MessageRequested
from shared.messaging.outbox import append
from shared.runtime import clock


class CodeAddressee(NamedTuple):
    """The contact that gets a code, and the channel on which it is sent."""

    contact: Contact
    channel: MessageChannel


_KINDS: dict[Purpose, str] = {
    "sign-in": "sign-in-code",
    "password-reset": "password-reset-code",
    "contact-change": "contact-change-code",
}


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A challenge to create. The codes go to `addressees`, in that order. Without a record it is a decoy.

    `is_unauthenticated`: the caller has proved nothing. When many such challenges are open, the codes sent last also
    answer the next ones, so that a stranger can neither fill the holder's mailbox nor keep a code from them.
    """

    purpose: Purpose
    record_id: UUID | None
    addressees: tuple[CodeAddressee, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)
    is_unauthenticated: bool = False


@dataclass(frozen=True, slots=True)
class _CodeSet:
    """Codes in the order of their addressees, and when they expire."""

    codes: tuple[str, ...]
    expires_at: datetime
    were_sent: bool


async def request_codes(work: UnitOfWork, accounts: AccountRules, request: CodeRequest) -> UUID:
    """Creates the challenge and returns its id. Call it last in the transaction, because it appends to the outbox."""
    challenge_id, now, record_id = clock.new_id(), clock.now(), request.record_id
    unanswered = 0 if record_id is None else await challenges.count_unanswered(work.connection, record_id, now)
    earlier = await _earlier_codes(work, request, now) if is_flooded(unanswered) else None
    code_set = earlier or _CodeSet(
        tuple(new_code() for _ in request.addressees), now + accounts.code_lifetime, were_sent=False
    )
    detail = {**request.detail, "codes": code_set.codes} if request.is_unauthenticated else request.detail
    challenge = Challenge(
        challenge_id,
        request.purpose,
        record_id,
        tuple(
            code_hash(accounts.lookups, challenge_id, code, position) for position, code in enumerate(code_set.codes)
        ),
        code_set.expires_at,
        seal_detail(work.keyrings, challenge_id, dict(detail)),
    )
    await challenges.insert_challenge(work.connection, challenge, allowed_attempts(unanswered))
    if not code_set.were_sent:
        messages = _messages(accounts, work.keyrings, request, code_set)
        await append(work.connection, [announce(message) for message in messages])
    return challenge_id


async def _earlier_codes(work: UnitOfWork, request: CodeRequest, now: datetime) -> _CodeSet | None:
    """Returns the codes last sent for this record and purpose, if they have not expired."""
    if request.record_id is None or not request.is_unauthenticated:
        return None
    last = await challenges.load_last_unanswered(work.connection, request.record_id, request.purpose, now)
    codes = None if last is None else open_detail(work.keyrings, last).get("codes")
    return None if last is None or not codes else _CodeSet(tuple(codes), last.expires_at, were_sent=True)


def _messages(
    accounts: AccountRules, keyrings: Keyrings, request: CodeRequest, code_set: _CodeSet
) -> list[MessageRequested]:
    messages: list[MessageRequested] = []
    for (contact, channel), code in zip(request.addressees, code_set.codes, strict=True):
        assert request.record_id is not None, "a decoy is sent to nobody"
        values = {"code": code, "minutes": str(accounts.code_lifetime.seconds // 60)}
        note = MessageContent(_KINDS[request.purpose], values, code_set.expires_at)
        messages.append(message_request(keyrings.contacts, clock.new_id(), request.record_id, contact, note, channel))
    return messages
