"""Sends the codes, notices and letters of one queue."""

from collections.abc import Sequence
from datetime import timedelta

from services.notify.delivery.domain import AddressUnusableError, AwaitingKey, Deferred, Refused
from services.notify.delivery.steps.delivery_loop import Gateway
from services.notify.delivery.steps.outcome_log import log_outcomes, outcome_label
from services.notify.delivery.steps.traced_send import send_traced
from services.notify.kit.sender import SenderDetails
from services.notify.messages import store
from services.notify.messages.adapters.encryption import RequestUnreadableError, SealUnusableError, decrypt_request
from services.notify.messages.adapters.texts import KindUnknownError, outgoing_message
from services.notify.messages.domain import DueMessage, Expired, MessageAttemptOutcome, ValuesUnfitError
from services.notify.messages.store import MessageQueue
from services.notify.messages.usecases.settle_messages import MessageAttempt, settle_messages
from shared.crypto.keyring import Keyring, KeyUnknownError
from shared.db.pool import Pool
from shared.runtime import clock, tracing


class MessageSender:
    """Sends the messages of one queue. `sender`: the service as its messages name it."""

    def __init__(self, queue: MessageQueue, sender: SenderDetails, keyring: Keyring) -> None:
        self.notification = queue.notification
        self._queue = queue
        self._sender = sender
        self._keyring = keyring

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[tuple[DueMessage, ...]]:
        """Takes the `limit` longest due messages, each as a group of its own."""
        now = clock.now()
        async with pool.acquire() as connection:
            messages = await store.take_due(connection, self._queue, now, limit, now + held_for)
        return [(due,) for due in messages]

    async def attempt(self, gateway: Gateway, group: tuple[DueMessage, ...]) -> list[MessageAttemptOutcome]:
        """Decrypts and sends the message, unless it has expired."""
        return [await self._attempt(gateway, due) for due in group]

    async def _attempt(self, gateway: Gateway, due: DueMessage) -> MessageAttemptOutcome:
        request, now = due.request, clock.now()
        if request.has_expired(now):
            return Expired()
        try:
            content = decrypt_request(self._keyring, request, takes_unbound=due.takes_unbound)
            message = outgoing_message(request, content, self._sender, tracing.continued(request.trace), now)
        except KeyUnknownError:
            return AwaitingKey()
        except SealUnusableError:
            return Deferred(
                "request-unreadable"
            )  # this process may hold another key under this id, which an operator can correct
        except (AddressUnusableError, KindUnknownError, ValuesUnfitError, RequestUnreadableError) as error:
            return Refused(error.code)
        return await send_traced(gateway, self._queue.channel, message, request.trace)

    async def settle(self, pool: Pool, attempts: Sequence[MessageAttempt]) -> None:
        """Stores and counts the outcomes."""
        await settle_messages(pool, attempts)
        log_outcomes(self._queue.channel, (outcome_label(outcome) for _, outcome in attempts))
