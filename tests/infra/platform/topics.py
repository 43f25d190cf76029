"""The declared topics under a separate prefix for a test, and a client that reads and writes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.base import Event
from shared.contracts.declarations import Principal
from shared.messaging.envelope import InvalidRecord, Message, decode
from shared.messaging.outbox import Announcement, announce
from shared.runtime.settings import KafkaSettings
from tests.infra.messaging.messages import sender_of
from tests.infra.platform.parts import Parts
from tests.infra.platform.waiting import eventually


@dataclass
class Topics:
    """The topics of one test. `settings(service)` returns the Kafka settings of that service's worker."""

    parts: Parts
    prefix: str
    _producer: AIOKafkaProducer | None = field(default=None, repr=False)

    def settings(self, service: str) -> KafkaSettings:
        """Returns broker, user and prefix for a service."""
        return KafkaSettings.model_validate(self.environment(service))

    def environment(self, service: str) -> dict[str, str]:
        """Returns the settings as values of `<SERVICE>_KAFKA__*`, by name in lower case."""
        values = {
            "instance_id": "test",
            "bootstrap": self.parts.kafka_bootstrap,
            "prefix": self.prefix,
            "linger_ms": "20",
            "profile": "local",
        }
        if self.parts.has_acls:
            values |= {"username": service, "password": self.parts.passwords[service]}
        return values

    async def put(self, event: Event, by: Principal | None = None, **options: Any) -> Announcement:
        """Writes an event as the relay of `by` would; by default the service that owns the event."""
        announcement = announce(event, by or sender_of(event), **options)
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(announcement.id),
            "ce_type": announcement.type,
            "ce_source": "/tests",
            "ce_time": announcement.occurred_at.isoformat(),
            "ce_subject": announcement.key,
            "traceparent": announcement.trace,
        }
        await self.put_raw(announcement.topic.name, announcement.body, announcement.key.encode(), headers)
        return announcement

    async def put_raw(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Mapping[str, str | bytes | None] | None = None,
        **options: Any,
    ) -> None:
        """Writes a record of any bytes."""
        producer = await self._connected()
        pairs = [(name, text.encode() if isinstance(text, str) else text) for name, text in (headers or {}).items()]
        await producer.send_and_wait(self.prefix + topic, value, key=key, headers=pairs, **options)

    async def read(self, topic: str) -> list[Message[Event]]:
        """Returns all events of a topic now, in the order of each partition."""
        decoded = [decode(record, self.prefix) for record in await self.read_raw(topic)]
        assert not any(isinstance(message, InvalidRecord) for message in decoded), decoded
        return [message for message in decoded if isinstance(message, Message)]

    async def read_raw(self, topic: str) -> list[Any]:
        """Returns all records of a topic now."""
        consumer = AIOKafkaConsumer(**self._client("admin"), enable_auto_commit=False)
        await consumer.start()
        try:
            name = self.prefix + topic
            numbers = await (await self._connected()).partitions_for(name)
            partitions = [TopicPartition(name, number) for number in numbers]
            ends = await consumer.end_offsets(partitions)
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            records: list[Any] = []
            while any([await consumer.position(p) < ends[p] for p in partitions]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
            return records
        finally:
            await consumer.stop()

    async def wait_for(self, topic: str, enough: Callable[[list[Message[Event]]], bool]) -> list[Message[Event]]:
        """Waits until `enough` accepts the events of a topic; returns them."""

        async def read_enough() -> list[Message[Event]] | None:
            events = await self.read(topic)
            return events if enough(events) else None

        return await eventually(read_enough)

    async def close(self) -> None:
        """Closes the producer."""
        if self._producer is not None:
            await self._producer.stop()

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(**self._client("admin"), enable_idempotence=True)
            await self._producer.start()
        return self._producer

    def _client(self, user: str) -> dict[str, Any]:
        return client_options(self.parts, user)


def client_options(parts: Parts, user: str) -> dict[str, Any]:
    """Returns aiokafka's options for one user."""
    options: dict[str, Any] = {"bootstrap_servers": parts.kafka_bootstrap}
    if parts.has_acls:
        options |= {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": parts.passwords[user],
        }
    return options
