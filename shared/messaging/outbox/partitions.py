"""The partition of a key, as Kafka's clients compute it."""

from typing import NamedTuple

from aiokafka.partitioner import DefaultPartitioner

_PARTITIONER = DefaultPartitioner()


class TopicPartition(NamedTuple):
    """A partition of a topic; the topic's name is without the installation's prefix."""

    topic: str
    partition: int


def partition_of(key: bytes, partitions: int) -> int:
    """Returns the partition of a key in a topic with this number of partitions (murmur2, like Kafka's own clients)."""
    return int(_PARTITIONER(key, range(partitions), []))
