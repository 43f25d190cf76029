"""Carries out a planned batch in the database, within the transaction of the batch."""

from typing import Any

from shared.contracts.base import Event, StateEvent, StateWithheld
from shared.db.pool import Connection
from shared.messaging import copies, inbox, parked_messages
from shared.messaging.batch_plan import BatchPlan, MessageKey
from shared.messaging.envelope import InvalidRecord, Message
from shared.messaging.parked_messages import RecordToPark
from shared.messaging.subscription import Subscription
from shared.runtime.logs import log
from shared.runtime.metrics import DEAD_LETTERED, PARKED


class BatchEffects:
    """The effects of one subscription's batches."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._group = subscription.group.name

    async def apply(self, connection: Connection, plan: BatchPlan) -> set[bytes]:
        """Carries out the plan. Returns the keys whose copy was raised to a newer version (state topics)."""
        await self.record_dead_letters(connection, plan.invalid_records)
        await self.mark_withheld(connection, plan.withheld)
        await self.park(
            connection, [RecordToPark(record, topic, "behind-dead") for record, topic in plan.behind_dead_letter]
        )
        applied = await self.handle(connection, plan.handled)
        await copies.apply_heartbeats(connection, plan.heartbeats)
        return applied

    async def handle(self, connection: Connection, messages: list[Message[Event]]) -> set[bytes]:
        """Calls the handler with the new messages. Returns the keys of newer copies (state topics)."""
        fresh = messages
        if self._subscription.uses_inbox and messages:
            times, ids = [m.time for m in messages], [m.id for m in messages]
            claimed = await inbox.claim(connection, self._group, times, ids)
            fresh = [message for message in _without_duplicates(messages) if message.id in claimed]
        if not fresh:
            return set()
        applied = await self._subscription.handle(connection, fresh)
        if not self._subscription.is_state:
            return set()
        assert applied is not None, self._group
        await copies.supersede(connection, self._group, _newest(fresh, applied))
        return applied

    async def record_dead_letters(self, connection: Connection, invalid_records: list[InvalidRecord]) -> None:
        """Stores dead letters and calls the quarantine; an invalid state or erasure breaks its record's copy."""
        if not invalid_records:
            return
        dead = [
            RecordToPark(invalid_record.record, invalid_record.topic, "dead", invalid_record.code)
            for invalid_record in invalid_records
        ]
        await parked_messages.park(connection, self._group, dead)
        for invalid_record in invalid_records:
            record = invalid_record.record
            if self._subscription.has_watermarks and record.key:
                await copies.mark_broken(
                    connection, invalid_record.topic, record.key, record.offset, invalid_record.code
                )
        if self._subscription.quarantine is not None:
            await self._subscription.quarantine(connection, invalid_records)

    def report(self, plan: BatchPlan) -> None:
        """Counts and logs dead letters and broken copies; called once their transaction has committed."""
        for invalid_record in plan.invalid_records:
            record = invalid_record.record
            origin: dict[str, Any] = {
                "topic": invalid_record.topic,
                "partition": record.partition,
                "offset": record.offset,
            }
            DEAD_LETTERED.labels(self._group, invalid_record.code).inc()
            log("message.dead_lettered", group=self._group, code=invalid_record.code, **origin)
            if self._subscription.has_watermarks and record.key:
                log("copy.broken", group=self._group, code=invalid_record.code, **origin)
        for message in plan.withheld:
            assert isinstance(message.event, StateWithheld)
            code = message.event.error_code
            log("copy.broken", group=self._group, code=code, topic=message.topic, partition=message.partition)

    async def mark_withheld(self, connection: Connection, messages: list[Message[Event]]) -> None:
        """Marks the copies of states that their owner could not send as broken, until a newer state comes."""
        for message in messages:
            assert isinstance(message.event, StateWithheld)
            code = message.event.error_code
            await copies.mark_broken(connection, message.topic, message.key, message.offset, code)

    async def park(self, connection: Connection, parked: list[RecordToPark]) -> None:
        """Parks these records. Either all have one reason, or the first has it and the others are behind it."""
        if not parked:
            return
        await parked_messages.park(connection, self._group, parked)
        PARKED.labels(self._group).inc(len(parked))
        log("message.parked", group=self._group, code=parked[0].reason, count=len(parked))


def _without_duplicates(messages: list[Message[Event]]) -> list[Message[Event]]:
    """Returns the messages without duplicates of an event within one batch."""
    return list({message.id: message for message in messages}.values())


def _newest(messages: list[Message[Event]], applied: set[bytes]) -> list[tuple[str, bytes, int]]:
    """Returns topic, key and offset of the state applied for each key: the first record of the highest version."""
    newest: dict[MessageKey, Message[Event]] = {}
    for message in messages:
        key = MessageKey(message.topic, message.key)
        if message.key in applied and (key not in newest or _version(newest[key]) < _version(message)):
            newest[key] = message
    return [(topic, key, message.offset) for (topic, key), message in newest.items()]


def _version(message: Message[Event]) -> int:
    assert isinstance(message.event, StateEvent)
    return message.event.version
