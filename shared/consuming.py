"""What happens to a batch of records: the one place where errors get their fate.

- permanent (bad bytes, unknown type, broken rule): a dead letter at once, the traffic behind goes on;
- transient (database or broker away, own copy behind): the same batch comes again after a wait;
- bug: a few tries, then a dead letter, with a brake: past a ratio the consumer stops instead of emptying its topic.

Behind a dead letter of a fact topic the later messages of its key are put aside in order; on a state topic the key's
copy is marked broken until a later version is applied. Offsets are committed after the transaction of the effect.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared import copies, erasing, inbox, parking
from shared.contracts.base import Event, HeartbeatSent
from shared.contracts.topics import Group
from shared.db.pool import Connection, Pool, is_transient, transaction
from shared.decoding import Letter, Message, Record, decode
from shared.errors import PermanentError, TransientError
from shared.logs import log
from shared.metrics import BURIED, CONSUMED, DROPPED, PARKED, STOPPED
from shared.parking import Parked

ATTEMPTS_OF_A_BUG = 3
COPY_WAIT_S = 60.0
BRAKE_WINDOW = 100
BRAKE_BUGS = 10
BRAKE_RATIO = 0.2

Handler = Callable[[Connection, list[Any]], Awaitable[None]]
"""Given the transaction and the messages (`Message[...]`, in order), does the statements and one `append`."""
Behind = Callable[[Connection, list[Any]], Awaitable[set[Any]]]
"""Which of these messages (their ids) rest on a version of a copy that is not here yet."""
Quarantine = Callable[[Connection, list[Letter]], Awaitable[None]]


class RetryError(TransientError):
    """The batch is to come again."""

    code = "batch-retried"


class CopyBehindError(TransientError):
    """A message rests on a version of a copy that has not been applied here yet."""

    code = "copy-behind"


class LetterRefusedError(PermanentError):
    """A letter that was tried again still cannot be read; the message of this error is the code."""

    code = "letter-refused"


@dataclass(frozen=True)
class Subscription:
    """What a service does with a group's messages.

    `events`: the types it handles; other known types of the topic are passed over. `remember`: through the inbox
    (False where the handler minds nothing twice by itself: version guard, natural key). `behind`: the wait for own
    copies. `quarantine` replaces parking (audit): nothing waits behind a letter. `heeds_erasures`: whether what is
    about an erased record is dropped (not where erasure itself is dealt with, nor by the ledger).
    """

    group: Group
    events: tuple[type[Event], ...]
    handle: Handler
    remember: bool = True
    behind: Behind | None = None
    quarantine: Quarantine | None = None
    heeds_erasures: bool = True

    @property
    def is_state(self) -> bool:
        """Whether the group follows state topics."""
        return self.group.topics[0].kind == "state"


@dataclass
class Brake:
    """Counts bugs among the last outcomes."""

    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=BRAKE_WINDOW))

    def note(self, bug: bool) -> None:
        """One more outcome."""
        self.outcomes.append(bug)

    @property
    def pulled(self) -> bool:
        """Whether so much went wrong that going on would do harm."""
        bugs = sum(self.outcomes)
        return bugs >= BRAKE_BUGS and bugs / len(self.outcomes) > BRAKE_RATIO


class Consumer:
    """Deals with the batches of one subscription. `after_states` is told which keys a state group has applied."""

    def __init__(
        self,
        pool: Pool,
        subscription: Subscription,
        *,
        prefix: str = "",
        after_states: Callable[[set[bytes]], Awaitable[None]] | None = None,
    ) -> None:
        self.pool = pool
        self.subscription = subscription
        self.name = subscription.group.name
        self.prefix = prefix
        self.brake = Brake()
        self._after_states = after_states
        self._wires = frozenset(event.wire for event in subscription.events)
        self._bugs: dict[tuple[str, int, int], int] = {}
        self._waits: dict[tuple[str, int, int], float] = {}

    async def consume(self, records: Sequence[Record]) -> None:
        """Returns when every record is dealt with. Raises a transient error when the batch must come again."""
        if self.brake.pulled:
            STOPPED.labels(self.name).set(1)
            raise RetryError("this consumer has stopped: too many messages failed")
        try:
            waiting = await self._attempt(records)
            self.brake.outcomes.extend([False] * min(len(records), BRAKE_WINDOW))
        except Exception as error:  # whatever it is gets its fate here
            if is_transient(error):
                raise
            log("batch.failed", group=self.name, count=len(records), error=error)
            waiting = await self._attempt_each(records)
        if waiting:
            await self._wait_or_park(waiting)
        elif self._waits or self._bugs:
            self._waits.clear()
            self._bugs.clear()
        CONSUMED.labels(self.name).inc(len(records))

    async def _attempt(self, records: Sequence[Record], *, redrive: bool = False) -> list[Record]:
        """One transaction for all. Returns the records that wait for a copy, and those behind them."""
        decoded = [(record, decode(record, self.prefix)) for record in records]
        letters = [one for _, one in decoded if isinstance(one, Letter)]
        messages = [(r, m) for r, m in decoded if isinstance(m, Message) and m.event.wire in self._wires]
        beats = [m for _, m in decoded if isinstance(m, Message) and isinstance(m.event, HeartbeatSent)]
        waiting: list[Record] = []
        async with transaction(self.pool) as connection:
            if erased := await self._erased(connection, [*(r for r, _ in messages), *(one.record for one in letters)]):
                letters = [one for one in letters if one.record.key not in erased]
                messages = [(record, message) for record, message in messages if record.key not in erased]
            if redrive and letters:
                raise LetterRefusedError(letters[0].code)
            await self._bury(connection, letters)
            if messages and not self.subscription.is_state and not redrive:
                messages = await self._park_behind_dead(connection, messages)
            if messages:
                messages, waiting = await self._set_behind_apart(connection, messages)
                await self._handle(connection, [message for _, message in messages])
            await copies.apply_heartbeats(connection, beats)
        if self.subscription.is_state and messages and self._after_states is not None:
            await self._after_states({message.key for _, message in messages})
        return waiting

    async def _erased(self, connection: Connection, records: Sequence[Record]) -> set[bytes | None]:
        """The keys among these records' that are erased records': what has them is dropped, whatever its state."""
        if not records or not self.subscription.heeds_erasures:
            return set()
        erased: set[bytes | None] = {*await erasing.erased_keys(connection, (record.key for record in records))}
        if erased:
            DROPPED.labels(self.name).inc(sum(record.key in erased for record in records))
        return erased

    async def _handle(self, connection: Connection, messages: list[Message[Event]]) -> None:
        fresh = messages
        if self.subscription.remember and messages:
            times, ids = [m.time for m in messages], [m.id for m in messages]
            known = await inbox.claim(connection, self.name, times, ids)
            fresh = [message for message in _first_of_each(messages) if message.id in known]
        if fresh:
            await self.subscription.handle(connection, fresh)
        if self.subscription.is_state and fresh:
            await copies.mend(connection, fresh)

    async def _attempt_each(self, records: Sequence[Record]) -> list[Record]:
        """Each record in a transaction of its own; nothing of a key overtakes what is to come again."""
        waiting: list[Record] = []
        held: set[bytes | None] = set()
        for record in records:
            if record.key in held:
                continue
            try:
                waiting += await self._attempt([record])
                self.brake.note(bug=False)
            except Exception as error:  # the record's own fate
                if is_transient(error):
                    raise
                if await self._comes_again(record, error):
                    held.add(record.key)
        if held:
            raise RetryError
        return waiting

    async def _comes_again(self, record: Record, error: Exception) -> bool:
        """Buries a record that is permanently unusable or has failed too often. Raises RetryError under the brake."""
        topic = record.topic.removeprefix(self.prefix)
        if isinstance(error, PermanentError):
            letter = Letter(record, topic, error.code)
        else:
            place = (record.topic, record.partition, record.offset)
            attempt = self._bugs[place] = self._bugs.get(place, 0) + 1
            log("batch.failed", group=self.name, attempt=attempt, count=1, error=error)
            if attempt < ATTEMPTS_OF_A_BUG:
                return True
            self.brake.note(bug=True)
            if self.brake.pulled:
                log("consumer.stopped", group=self.name)
                raise RetryError from error
            letter = Letter(record, topic, "handler-failed")
        async with transaction(self.pool) as connection:
            if not await self._erased(connection, [record]):
                await self._bury(connection, [letter])
        return False

    async def _bury(self, connection: Connection, letters: list[Letter]) -> None:
        if not letters:
            return
        dead = [Parked(letter.record, letter.topic, "dead", letter.code) for letter in letters]
        await parking.park(connection, self.name, dead)
        for letter in letters:
            record = letter.record
            place: dict[str, Any] = {"topic": letter.topic, "partition": record.partition, "offset": record.offset}
            BURIED.labels(self.name, letter.code).inc()
            log("message.buried", group=self.name, code=letter.code, **place)
            if self.subscription.is_state and letter.record.key:
                await copies.mark_broken(connection, letter)
                log("copy.broken", group=self.name, code=letter.code, **place)
        if self.subscription.quarantine is not None:
            await self.subscription.quarantine(connection, letters)

    async def _park_behind_dead(
        self, connection: Connection, messages: list[tuple[Record, Message[Event]]]
    ) -> list[tuple[Record, Message[Event]]]:
        if self.subscription.quarantine is not None:
            return messages
        blocked = await parking.blocked_keys(connection, self.name, (message.key for _, message in messages))
        if not blocked:
            return messages
        behind = [Parked(r, m.topic, "behind-dead") for r, m in messages if m.key in blocked]
        await parking.park(connection, self.name, behind)
        PARKED.labels(self.name).inc(len(behind))
        return [(record, message) for record, message in messages if message.key not in blocked]

    async def _set_behind_apart(
        self, connection: Connection, messages: list[tuple[Record, Message[Event]]]
    ) -> tuple[list[tuple[Record, Message[Event]]], list[Record]]:
        if self.subscription.behind is None:
            return messages, []
        behind = await self.subscription.behind(connection, [message for _, message in messages])
        if not behind:
            return messages, []
        held: set[bytes] = set()
        ready, waiting = [], []
        for record, message in messages:
            if message.id in behind or message.key in held:
                held.add(message.key)
                waiting.append(record)
            else:
                ready.append((record, message))
        return ready, waiting

    async def _wait_or_park(self, waiting: list[Record]) -> None:
        """Raises CopyBehindError until the oldest has waited its time, or its copy is broken; then puts all aside."""
        moment = asyncio.get_running_loop().time()
        overdue: set[bytes] = set()
        for record in waiting:
            since = self._waits.setdefault((record.topic, record.partition, record.offset), moment)
            if moment - since >= COPY_WAIT_S:
                overdue.add(record.key or b"")
        overdue |= await self._broken_keys(waiting)
        await self._park_waiting([record for record in waiting if record.key in overdue])
        if any(record.key not in overdue for record in waiting):
            raise CopyBehindError

    async def _broken_keys(self, waiting: list[Record]) -> set[bytes]:
        topics = [topic for record in waiting for topic in _seen_topics(decode(record, self.prefix))]
        async with transaction(self.pool) as connection:
            return await copies.broken_among(connection, topics, [record.key for record in waiting if record.key])

    async def _park_waiting(self, records: list[Record]) -> None:
        if not records:
            return
        async with transaction(self.pool) as connection:
            erased = await self._erased(connection, records)
            left = [record for record in records if record.key not in erased]
            parked = [Parked(r, r.topic.removeprefix(self.prefix), "copy-behind") for r in left]
            await parking.park(connection, self.name, parked)
        PARKED.labels(self.name).inc(len(parked))
        log("message.parked", group=self.name, code="copy-behind", count=len(parked))

    async def redrive(self, record: Record) -> str | None:
        """One put-aside record again, in its own transaction. Returns None when done, else the code of what hinders."""
        try:
            waiting = await self._attempt([record], redrive=True)
        except Exception as error:  # the letter stays where it is, with the code of its new fate
            log("batch.failed", group=self.name, count=1, error=error)
            if isinstance(error, PermanentError):
                return str(error) if error.code == LetterRefusedError.code else error.code
            return "unavailable" if is_transient(error) else "handler-failed"
        return CopyBehindError.code if waiting else None


def _first_of_each(messages: list[Message[Event]]) -> list[Message[Event]]:
    """Without a second copy of the same event in one batch."""
    return list({message.id: message for message in messages}.values())


def _seen_topics(message: Message[Event] | Letter | None) -> list[str]:
    seen = getattr(message.event, "seen", {}) if isinstance(message, Message) else {}
    return list(seen)
