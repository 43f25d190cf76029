"""What an administrator of the broker does to topics while services run."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
)

from shared.messaging.topics.permissions import filter_of_binding
from tests.infra.platform.waiting import eventually

WITHIN_S = 30


async def set_config(admin: Any, topic: str, name: str, value: str) -> None:
    """Changes a topic's setting and waits until the broker says the value: the controller answers before that."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    await administer(admin, lambda client: client.incremental_alter_configs([resource]))

    async def is_set() -> bool:
        [described] = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
        return str((await asyncio.to_thread(described.result, WITHIN_S))[name].value) == value

    await eventually(is_set)


async def delete_records(admin: Any, topic: str) -> None:
    """Deletes every record of a topic, as retention does."""
    described = await asyncio.to_thread(admin.list_topics, topic, WITHIN_S)
    numbers = described.topics[topic].partitions
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    listed = admin.list_offsets({TopicPartition(topic, number): latest for number in numbers})
    until = [
        TopicPartition(topic, partition.partition, (await asyncio.to_thread(future.result, WITHIN_S)).offset)
        for partition, future in listed.items()
    ]
    await administer(admin, lambda client: client.delete_records(until))


async def administer(admin: Any, change: Callable[[Any], dict[Any, Any]]) -> None:
    """Does something as the broker's administrator and waits until it is done."""
    for future in change(admin).values():
        await asyncio.to_thread(future.result, WITHIN_S)


async def grant_permissions(admin: Any, *bindings: AclBinding) -> None:
    """Grants permissions and waits until the broker applies them: the controller answers before that."""
    await administer(admin, lambda client: client.create_acls(list(bindings)))
    for binding in bindings:
        await eventually(partial(_exists, admin, filter_of_binding(binding)))


async def revoke_permissions(admin: Any, *filters: AclBindingFilter) -> None:
    """Revokes permissions and waits until the broker no longer applies them: the controller answers before that."""
    await administer(admin, lambda client: client.delete_acls(list(filters)))

    async def are_gone() -> bool:
        return not any([await _exists(admin, pattern) for pattern in filters])

    await eventually(are_gone)


async def _exists(admin: Any, pattern: AclBindingFilter) -> bool:
    return bool(await asyncio.to_thread(admin.describe_acls(pattern).result, WITHIN_S))
