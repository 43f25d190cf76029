"""Which Kafka cluster this is: offsets count in one cluster alone."""

from aiokafka.admin import AIOKafkaAdminClient


async def cluster_id_of(admin: AIOKafkaAdminClient) -> str:
    """The id with which the cluster was formatted.

    The client's own `describe_cluster` fetches the metadata of every topic that there is, and drops them.
    """
    answer = await admin._get_cluster_metadata([])
    return str(answer.to_object()["cluster_id"])
