"""Topics and permissions made ahead, several prefixes at a time: a test takes one and leaves it used."""

import asyncio
import itertools
import os
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka.admin import AclBinding, AclBindingFilter, NewTopic

from deploy.local.kafka import Credentials, admin_client
from deploy.local.topics import declared_grants, declared_topics
from tests.infra.parts import Parts
from tests.infra.topics import Topics
from tests.infra.waiting import DEADLINE_S, eventually

BATCH = 4
_TIMEOUT = DEADLINE_S
_numbers = itertools.count(1)


class Supply:
    """Sets of all declared topics on one broker, each under a prefix of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client = admin_client(
            parts.kafka_bootstrap, Credentials("admin", parts.passwords["admin"]) if parts.has_acls else None
        )
        self._prefixes: list[str] = []

    async def new(self) -> Topics:
        """A set that nobody has used."""
        if not self._prefixes:
            prefixes = [f"t{os.getpid()}-{next(_numbers)}." for _ in range(BATCH)]
            await self._make(prefixes)
            self._prefixes = prefixes
        return Topics(self._parts, self._prefixes.pop(0))

    async def _make(self, prefixes: list[str]) -> None:
        layouts = [layout for prefix in prefixes for layout in declared_topics(prefix)]
        new = [NewTopic(one.name, one.partitions, 1, config=dict(one.config)) for one in layouts]
        await _settled(self._client.create_topics(new, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT))
        if self._parts.has_acls:
            wanted = {grant for prefix in prefixes for grant in declared_grants(prefix)}
            grants = [grant.binding() for grant in sorted(wanted, key=repr)]
            await _settled(self._client.create_acls(grants))
            # The controller answers before the broker has heard of a permission; it hears of them in their order.
            for end in (grants[0], grants[-1]):
                await eventually(lambda end=end: self._in_force(end))  # type: ignore[misc]

    async def _in_force(self, grant: AclBinding) -> bool:
        wanted = AclBindingFilter(
            *(grant.restype, grant.name, grant.resource_pattern_type, grant.principal, grant.host),
            *(grant.operation, grant.permission_type),
        )
        return bool(await asyncio.wrap_future(self._client.describe_acls(wanted)))


async def _settled(futures: Mapping[Any, Future[Any]]) -> None:
    await asyncio.gather(*map(asyncio.wrap_future, futures.values()))
