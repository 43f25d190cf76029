"""The senders' work on codes, notices and letters of one channel."""

from collections import Counter as Counts
from collections.abc import Sequence
from datetime import timedelta

from services.notify.alerting import LOGGED, name_of
from services.notify.domain import AwaitingKey, Deferred, DueMessage, Expired, MessageOutcome, Refused
from services.notify.gateways import Gateway
from services.notify.mails import AddressUnusableError
from services.notify.parcels import make_parcel
from services.notify.sealed import RequestUnreadableError, SealUnusableError, open_request
from services.notify.store.messages import MessageQueue
from services.notify.texts import KindUnknownError
from services.notify.usecases.settle_messages import MessageResult, settle_messages
from services.notify.usecases.take_due_messages import take_due_messages
from services.notify.values import ValuesUnfitError
from shared.crypto.keyring import Keyring, KeyUnknownError
from shared.db.pool import Pool
from shared.runtime import clock, tracing
from shared.runtime.logs import log


class MessageWork:
    """The messages of one queue; mails come from `sender`."""

    def __init__(self, queue: MessageQueue, sender: str, keyring: Keyring) -> None:
        self.wakes_on = queue.notification
        self._queue = queue
        self._sender = sender
        self._keyring = keyring

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[tuple[DueMessage, ...]]:
        """The longest due first, each by itself."""
        return [(due,) for due in await take_due_messages(pool, self._queue, limit, held_for)]

    async def attempt(self, gateway: Gateway, group: tuple[DueMessage, ...]) -> list[MessageOutcome]:
        """Opened only now; not at all when it has expired."""
        return [await self._attempt(gateway, due) for due in group]

    async def _attempt(self, gateway: Gateway, due: DueMessage) -> MessageOutcome:
        request, now = due.request, clock.now()
        if request.has_expired(now):
            return Expired()
        try:
            addressed = open_request(self._keyring, request, takes_unbound=due.takes_unbound)
            parcel = make_parcel(request, addressed, self._sender, tracing.continued(request.trace), now)
        except KeyUnknownError:
            return AwaitingKey()
        except SealUnusableError:
            return Deferred("request-unreadable")  # another key of the same id may be here; it can be put right
        except (AddressUnusableError, KindUnknownError, ValuesUnfitError, RequestUnreadableError) as error:
            return Refused(error.code)
        return await gateway.send(parcel)

    async def settle(self, pool: Pool, results: Sequence[MessageResult]) -> None:
        """Written down, counted."""
        await settle_messages(pool, results)
        counts = Counts(name_of(outcome) for _, outcome in results)
        for name, event in LOGGED:
            if counts[name]:
                log(event, count=counts[name])
