"""Creates topics and permissions ahead, several prefixes at a time. A test takes one set, which is deleted afterwards.

A broker that keeps the topics of all tests becomes slower from test to test: a set has a hundred partitions and five
hundred permissions; that of one service, for the tests of its worker, about a third of it.
"""

import asyncio
import itertools
import os
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from deploy.local.platform.kafka import Credentials, admin_client
from shared.contracts.declarations import Service
from shared.contracts.topics import GROUPS
from shared.messaging.topics.grants import Grant, declared_grants
from shared.messaging.topics.layouts import TopicLayout, declared_topics, topics_of_worker
from shared.messaging.topics.permissions import binding_of, filter_of
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S, eventually

BATCH = 4
_TIMEOUT = DEADLINE_S
_numbers = itertools.count(1)


class Supply:
    """Sets of declared topics on one broker, each under a separate prefix."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client = admin_client(
            parts.kafka_bootstrap, Credentials("admin", parts.passwords["admin"]) if parts.has_acls else None
        )
        self._prefixes: dict[Service | None, list[str]] = defaultdict(list)

    async def new(self, service: Service | None = None) -> Topics:
        """Returns an unused set: all topics and permissions, or what the worker of a service reads and writes."""
        if not self._prefixes[service]:
            prefixes = [f"t{os.getpid()}-{next(_numbers)}." for _ in range(BATCH)]
            await self._make(prefixes, service)
            self._prefixes[service] = prefixes
        return Topics(self._parts, self._prefixes[service].pop(0), service)

    async def give_back(self, topics: Topics) -> None:
        """Deletes the topics of a set; clients that still read or write them find nothing."""
        await topics.close()
        names = [layout.name for layout in layouts_of_set(topics.prefix, topics.service)]
        await _finished(self._client.delete_topics(names, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT))
        if self._parts.has_acls:
            own = grants_of_set(topics.prefix, topics.service) - declared_grants("")  # those of `ops` have no prefix
            await _settled(self._client.delete_acls([filter_of(grant) for grant in own]))

    async def _make(self, prefixes: list[str], service: Service | None) -> None:
        layouts = [layout for prefix in prefixes for layout in layouts_of_set(prefix, service)]
        new = [NewTopic(layout.name, layout.partitions, 1, config=dict(layout.config)) for layout in layouts]
        await _settled(self._client.create_topics(new, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT))
        if self._parts.has_acls:
            wanted = {grant for prefix in prefixes for grant in grants_of_set(prefix, service)}
            grants = sorted(wanted, key=repr)
            await _settled(self._client.create_acls([binding_of(grant) for grant in grants]))
            # The controller answers before the broker knows a permission; the broker learns them in their order.
            for end in (grants[0], grants[-1]):
                await eventually(lambda end=end: self._in_force(end))  # type: ignore[misc]

    async def _in_force(self, grant: Grant) -> bool:
        return bool(await asyncio.wrap_future(self._client.describe_acls(filter_of(grant))))


def layouts_of_set(prefix: str, service: Service | None) -> list[TopicLayout]:
    """Returns the topics of a set."""
    if service is None:
        return declared_topics(prefix)
    return topics_of_worker(service, [group for group in GROUPS if group.service == service], prefix, "local")


def grants_of_set(prefix: str, service: Service | None) -> set[Grant]:
    """Returns the permissions of a set."""
    return {grant for grant in declared_grants(prefix) if service in (None, grant.user)}


async def _settled(futures: Mapping[Any, Future[Any]]) -> None:
    await asyncio.gather(*map(asyncio.wrap_future, futures.values()))


async def _finished(futures: Mapping[Any, Future[Any]]) -> None:
    """Waits for the deletions; a topic that a test has deleted itself is no error."""
    for error in await asyncio.gather(*map(asyncio.wrap_future, futures.values()), return_exceptions=True):
        if error is not None and not _is_gone(error):
            raise error


def _is_gone(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
