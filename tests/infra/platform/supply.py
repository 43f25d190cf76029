"""Creates topics and permissions ahead, several prefixes at a time. A test takes one set, which is deleted afterwards.

A broker that keeps the topics of all tests becomes slower from test to test: a set has a hundred partitions and three
hundred permissions.
"""

import asyncio
import itertools
import os
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from deploy.local.platform.kafka import Credentials, admin_client
from shared.messaging.topics.grants import Grant, declared_grants
from shared.messaging.topics.layouts import declared_topics
from shared.messaging.topics.permissions import binding_of, filter_of
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S, eventually

BATCH = 4
_TIMEOUT = DEADLINE_S
_numbers = itertools.count(1)


class Supply:
    """Sets of all declared topics on one broker, each under a separate prefix."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client = admin_client(
            parts.kafka_bootstrap, Credentials("admin", parts.passwords["admin"]) if parts.has_acls else None
        )
        self._prefixes: list[str] = []

    async def new(self) -> Topics:
        """Returns an unused set."""
        if not self._prefixes:
            prefixes = [f"t{os.getpid()}-{next(_numbers)}." for _ in range(BATCH)]
            await self._make(prefixes)
            self._prefixes = prefixes
        return Topics(self._parts, self._prefixes.pop(0))

    async def give_back(self, topics: Topics) -> None:
        """Deletes the topics of a set; clients that still read or write them find nothing."""
        await topics.close()
        names = [layout.name for layout in declared_topics(topics.prefix)]
        await _finished(self._client.delete_topics(names, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT))
        if self._parts.has_acls:
            own = declared_grants(topics.prefix) - declared_grants("")  # the permissions of `ops` have no prefix
            await _settled(self._client.delete_acls([filter_of(grant) for grant in own]))

    async def _make(self, prefixes: list[str]) -> None:
        layouts = [layout for prefix in prefixes for layout in declared_topics(prefix)]
        new = [NewTopic(layout.name, layout.partitions, 1, config=dict(layout.config)) for layout in layouts]
        await _settled(self._client.create_topics(new, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT))
        if self._parts.has_acls:
            wanted = {grant for prefix in prefixes for grant in declared_grants(prefix)}
            grants = sorted(wanted, key=repr)
            await _settled(self._client.create_acls([binding_of(grant) for grant in grants]))
            # The controller answers before the broker knows a permission; the broker learns them in their order.
            for end in (grants[0], grants[-1]):
                await eventually(lambda end=end: self._in_force(end))  # type: ignore[misc]

    async def _in_force(self, grant: Grant) -> bool:
        return bool(await asyncio.wrap_future(self._client.describe_acls(filter_of(grant))))


async def _settled(futures: Mapping[Any, Future[Any]]) -> None:
    await asyncio.gather(*map(asyncio.wrap_future, futures.values()))


async def _finished(futures: Mapping[Any, Future[Any]]) -> None:
    """Waits for the deletions; a topic that a test has deleted itself is no error."""
    for error in await asyncio.gather(*map(asyncio.wrap_future, futures.values()), return_exceptions=True):
        if error is not None and not _is_gone(error):
            raise error


def _is_gone(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
