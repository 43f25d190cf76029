"""Keeps what others ask to be sent, sealed as it came, for the senders."""

from services.notify.domain import Request
from services.notify.sealed import open_request
from services.notify.store import messages, unbound
from services.notify.texts import check_message, is_awaited
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock


async def keep_messages(connection: Connection, told: list[Message[MessageRequested]], *, keyring: Keyring) -> None:
    """Each request once, however often it comes.

    Raises KeyUnknownError, SealUnusableError, RequestUnreadableError, KindUnknownError, ValuesUnfitError.
    """
    takes_unbound = await unbound.takes_unbound(connection)
    requests: dict[object, Request] = {}
    for message in told:
        request = _request(message)
        check_message(request.kind, request.channel, open_request(keyring, request, takes_unbound=takes_unbound))
        requests.setdefault(request.id, request)
    await messages.insert_messages(connection, list(requests.values()), clock.now())


def _request(message: Message[MessageRequested]) -> Request:
    event = message.event
    return Request(
        id=event.request_id,
        record_id=event.record_id,
        channel=event.channel,
        kind=event.kind,
        sealed=event.sealed,
        requested_at=message.time,
        expires_at=event.expires_at,
        trace=message.trace,
        awaited=is_awaited(event.kind),
    )
