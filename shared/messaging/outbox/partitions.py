"""Which partition a key belongs to, as the broker client computes it, and which partitions are held."""

from typing import NamedTuple

from aiokafka.partitioner import DefaultPartitioner

_PARTITIONER = DefaultPartitioner()


class TopicPartition(NamedTuple):
    """A partition of a topic; the topic's name is without the installation's prefix."""

    topic: str
    partition: int


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic with so many partitions (murmur2, as Kafka's own clients do)."""
    return int(_PARTITIONER(key, range(partitions), []))
