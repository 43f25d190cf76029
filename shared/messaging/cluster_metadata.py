"""What a Kafka cluster says of itself: its id, and the partitions of topics. Asking never creates a topic."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NoError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from shared.messaging.connection import aiokafka_options
from shared.runtime.settings import KafkaSettings


async def cluster_id_of(admin: AIOKafkaAdminClient) -> str:
    """Returns the id with which the cluster was formatted; an offset is meaningful in one cluster only.

    The client's own `describe_cluster` would fetch the metadata of all topics and discard them.
    """
    metadata = await admin._get_cluster_metadata([])
    return str(metadata.to_object()["cluster_id"])


async def fetch_cluster_id(settings: KafkaSettings) -> str:
    """Returns the id with which the Kafka cluster was formatted; an offset is meaningful in that cluster only."""
    admin = AIOKafkaAdminClient(**aiokafka_options(settings))
    try:
        await admin.start()
        return await cluster_id_of(admin)
    finally:
        await admin.close()


async def partitions_of(
    admin: AIOKafkaAdminClient, topics: Sequence[str], *, must_be_described: bool = False
) -> dict[str, list[int]]:
    """Returns the numbers of the partitions of each topic that exists.

    Raises KafkaError for a topic that this user may not describe, if `must_be_described`; it is left out otherwise.
    The client's own `describe_topics` would create the others, with the cluster's defaults, where brokers allow that.
    """
    metadata = await admin._send_request(MetadataRequest(list(topics), allow_auto_topic_creation=False))
    described = metadata.to_object()["topics"]
    for topic in described if must_be_described else ():
        error = for_code(topic["error_code"])
        if error not in (NoError, UnknownTopicOrPartitionError):
            raise error(topic["topic"])
    return {
        topic["topic"]: sorted(partition["partition"] for partition in topic["partitions"])
        for topic in described
        if topic["partitions"]
    }
