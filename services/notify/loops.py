"""The senders: they take queued alerts and hand them to the mail server, apart from the consumers.

A crash between the server's answer and the commit sends a message twice; its Message-ID shows it.
"""

import asyncio
import contextlib
from collections import Counter as Counts
from collections import deque
from datetime import timedelta
from email.utils import parseaddr

import asyncpg
from prometheus_client import Counter, Gauge

from services.notify import store
from services.notify.domain import Deferred, Delivered, DueAlert, NotTried, Outcome, Refused, Send, Unwanted, decide
from services.notify.mails import AddressUnusableError, compose, mailbox
from services.notify.sealed import ContactUnreadableError, open_contact
from services.notify.settings import SmtpSettings
from services.notify.smtp import Channel
from services.notify.usecases.forget_alerts import forget_alerts
from services.notify.usecases.settle_alerts import Result, settle_alerts
from services.notify.usecases.take_due_alerts import take_due_alerts
from shared import clock, tracing
from shared.crypto import Keyring, SealBrokenError
from shared.db.pool import KEEPALIVES, Pool
from shared.logs import LogEvent, log

BATCH = 64
PER_CONNECTION = 8
POLL_S = 1.0
ROUND_S = 1.0
IDLE_S = 20.0
LONGEST_PAUSE_S = 30.0
FORGET_EVERY_S = 600.0
MAILS = Counter("notify_mails_total", "Messages by what became of the attempt.", ["outcome"])
_LOGGED: tuple[tuple[str, LogEvent], ...] = (
    ("sent", "mail.sent"),
    ("deferred", "mail.deferred"),
    ("failed", "mail.failed"),
    ("not-tried", "mail.deferred"),
)
WAITING = Gauge("notify_waiting_mails", "Messages that wait to be sent, or to be tried again.")


class Wake:
    """Waits until an alert may have been queued: a notification of the commit, or a short time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._called = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns at a call, or after so many seconds."""
        if self._connection is None or self._connection.is_closed():
            await self._listen()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._called.wait(), seconds)
        self._called.clear()

    def close(self) -> None:
        """Ends the listening."""
        if self._connection is not None:
            self._connection.terminate()

    async def _listen(self) -> None:
        settings = {"application_name": "notify-senders", **KEEPALIVES}
        self._connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=5, server_settings=settings)
        await self._connection.add_listener(store.WAKE_CHANNEL, lambda *_: self._called.set())
        self._called.set()  # something may have been queued before anybody listened


class Senders:
    """Round after round: takes what is due, shares it out among a few connections, writes down what became of it."""

    def __init__(self, smtp: SmtpSettings, keyring: Keyring, wake: Wake) -> None:
        self._sender = smtp.sender
        self._keyring = keyring
        self._wake = wake
        address = parseaddr(smtp.sender)[1]
        self._channels = [Channel(smtp, address) for _ in range(smtp.connections)]
        self._held_for = timedelta(seconds=10 + 3 * smtp.timeout_s)
        self._results: list[Result] = []
        self._away = False
        self._pause = 0.0

    async def round(self, pool: Pool) -> None:
        """Waits for work, at most a second; works, at most a few seconds. The loop `senders` of the worker."""
        try:
            await self._settle(pool)  # what an interrupted round has left
            if self._pause:
                await asyncio.sleep(self._pause)
            else:
                await self._wake.wait(POLL_S)
            await self._work(pool)
        except asyncio.CancelledError:
            self._wake.close()
            for channel in self._channels:
                channel.close()
            raise

    async def _work(self, pool: Pool) -> None:
        started = asyncio.get_running_loop().time()
        self._away = False
        while due := await take_due_alerts(pool, BATCH, self._held_for):
            try:
                await self._deliver(due)
            finally:
                await self._settle(pool)
            if self._away or asyncio.get_running_loop().time() - started > ROUND_S:
                break
        self._pause = min(self._pause * 2 or 1.0, LONGEST_PAUSE_S) if self._away else 0.0
        for channel in self._channels:
            channel.close_if_idle(IDLE_S)

    async def _deliver(self, due: list[DueAlert]) -> None:
        waiting = deque(due)
        until = asyncio.get_running_loop().time() + ROUND_S
        lanes = min(len(self._channels), -(-len(due) // PER_CONNECTION))
        await asyncio.gather(*(self._lane(channel, waiting, until) for channel in self._channels[:lanes]))
        self._results += [(one, NotTried()) for one in waiting]

    async def _lane(self, channel: Channel, waiting: deque[DueAlert], until: float) -> None:
        """One connection's share: one message after the other."""
        while waiting and not self._away and asyncio.get_running_loop().time() < until:
            one = waiting.popleft()
            outcome = await self._send(channel, one)
            self._results.append((one, outcome))
            if isinstance(outcome, NotTried) or (isinstance(outcome, Deferred) and outcome.away):
                self._away = True

    async def _send(self, channel: Channel, due: DueAlert) -> Outcome:
        """Decided anew: the person, the address and the choices are those of now."""
        alert, known = due.alert, due.circumstances
        if known is None:
            return Unwanted("no-address")
        try:
            contact = open_contact(self._keyring, known.sealed)
            decision = decide(alert.kind, alert.audience, contact, known.preferences)
            if not isinstance(decision, Send):
                return decision
            trace = tracing.continued(alert.trace)
            message = compose(alert.kind, contact, self._sender, alert.id, trace, clock.now())
        except (SealBrokenError, ContactUnreadableError):
            return Deferred("contact-unreadable")  # a key may be missing here; it can be put back
        except AddressUnusableError as error:
            return Refused(error.code)
        return await channel.send(mailbox(contact), message)

    async def _settle(self, pool: Pool) -> None:
        if not self._results:
            return
        await settle_alerts(pool, self._results)
        counts = Counts(_name(outcome) for _, outcome in self._results)
        self._results = []
        for name, count in counts.items():
            MAILS.labels(name).inc(count)
        for name, event in _LOGGED:
            if counts[name]:
                log(event, count=counts[name])


async def forget(pool: Pool) -> None:
    """The loop `forget` of the worker: removes what is past, and looks how many messages wait."""
    more = await forget_alerts(pool)
    async with pool.acquire() as connection:
        WAITING.set(await store.count_queued(connection))
    await asyncio.sleep(0.1 if more else 5)


def _name(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "sent"
        case Refused():
            return "failed"
        case Deferred():
            return "deferred"
        case NotTried():
            return "not-tried"
        case _:
            return "not-sent"
