"""The records on the topics of a stack, read to the ends of their partitions, without a consumer group."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from deploy.local.platform.errors import LocalError
from deploy.local.platform.stack import Stack
from shared.messaging.connection import MECHANISM
from shared.messaging.topics.grants import ADMIN

READ_WITHIN_S = 10.0


@contextlib.contextmanager
def topic_reader(stack: Stack) -> Iterator[Consumer]:
    """Yields a client that may read every topic."""
    login = stack.kafka.credentials(ADMIN)
    consumer = Consumer(
        {
            "bootstrap.servers": stack.kafka.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": MECHANISM,
            "sasl.username": login.username,
            "sasl.password": login.password,
            "group.id": "chaos",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": True,  # the last offset may be a transaction's marker, which no reader receives
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def partitions_of(consumer: Consumer, topics: Iterable[str]) -> list[TopicPartition]:
    """Returns the partitions of the topics, each at its beginning."""
    described = consumer.list_topics(timeout=READ_WITHIN_S).topics
    return [TopicPartition(name, number, 0) for name in topics for number in described[name].partitions]


def read_to_end(consumer: Consumer, starts: Sequence[TopicPartition]) -> Iterator[Message]:
    """Yields the records from these offsets on. Raises LocalError."""
    unread = {(start.topic, start.partition) for start in starts}
    consumer.assign(list(starts))
    while unread:
        batch = consumer.consume(500, timeout=READ_WITHIN_S)
        if not batch:
            raise LocalError("the topics could not be read to their ends")
        for message in batch:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard((message.topic() or "", message.partition()))
            else:
                raise LocalError(f"a topic could not be read: {error.name()}")


def headers_of(message: Message) -> dict[str, bytes]:
    """Returns the headers whose value is no null."""
    headers = dict(message.headers() or [])
    return {name: value for name, value in headers.items() if isinstance(value, bytes)}
