"""The id of the Kafka cluster: an offset is meaningful in one cluster only."""

from aiokafka.admin import AIOKafkaAdminClient


async def cluster_id_of(admin: AIOKafkaAdminClient) -> str:
    """Returns the id with which the cluster was formatted.

    The client's own `describe_cluster` would fetch the metadata of all topics and discard them.
    """
    metadata = await admin._get_cluster_metadata([])
    return str(metadata.to_object()["cluster_id"])
