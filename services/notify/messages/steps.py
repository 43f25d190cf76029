"""Queues the messages that services request, encrypted as they came."""

from services.notify.kit.sender import SenderDetails
from services.notify.kit.store import takes_unbound
from services.notify.messages import store
from services.notify.messages.adapters.encryption import decrypt_request
from services.notify.messages.adapters.texts import is_awaited, render_message
from services.notify.messages.domain import MessageRequest
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock


async def enqueue_messages(
    connection: Connection, batch: list[Message[MessageRequested]], *, keyring: Keyring, sender: SenderDetails
) -> None:
    """Queues each request once, however often it comes.

    Raises KeyUnknownError, SealUnusableError, RequestUnreadableError, KindUnknownError, ValuesUnfitError.
    """
    accepts_unbound = await takes_unbound(connection)
    requests: dict[object, MessageRequest] = {}
    for message in batch:
        request = _request(message)
        content = decrypt_request(keyring, request, takes_unbound=accepts_unbound)
        render_message(request.kind, request.channel, content, sender)
        requests.setdefault(request.id, request)
    await store.insert_messages(connection, list(requests.values()), clock.now())


def _request(message: Message[MessageRequested]) -> MessageRequest:
    event = message.event
    return MessageRequest(
        id=event.request_id,
        record_id=event.record_id,
        channel=event.channel,
        kind=event.kind,
        sealed=event.sealed,
        requested_at=message.time,
        expires_at=event.expires_at,
        trace=message.trace,
        is_awaited=is_awaited(event.kind),
    )
