"""Starts the session of an invented person in a browser. The page refuses it unless it comes over the loopback."""

from dataclasses import replace
from uuid import UUID

from services.identity.accounts.steps.keep_device import keep_device
from services.identity.accounts.steps.sign_in_device import DeviceSession
from services.identity.accounts.store import sessions
from services.identity.browser_sessions.domain import SHARED_DEVICE
from services.identity.browser_sessions.steps.end_session import end_session
from services.identity.browser_sessions.steps.start_session import (
    BrowserTokens,
    holder_tokens,
    insert_holder_session,
)
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.store import records
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def start_demo_session(
    storage: Storage, issuer: TokenIssuer, record_id: UUID, device_name: str, earlier_cookie: str | None
) -> BrowserTokens:
    """Returns what the cookies of the session of the record's holder hold. Raises RecordUnknownError."""
    life, now = SHARED_DEVICE, clock.now()
    async with storage.transaction() as work:
        record = await records.load_record(work.connection, record_id)
        if record is None or await records.is_deceased(work.connection, record_id):
            raise RecordUnknownError
        other, events = await end_session(work, earlier_cookie)
        device = await keep_device(work, record_id, device_name)
        session_id, ends_at = clock.new_id(bucket_of(record_id)), now + life.longest
        await sessions.insert_session(work.connection, record_id, session_id, device.id, now, ends_at)
        started = DeviceSession(session_id, record_id, device.id, None, now, ends_at, ())
        session, token = await insert_holder_session(work, started, life)
        await append(work.connection, [announce(event) for event in events])
    return replace(holder_tokens(issuer, session, token, started), ended_other=other)
