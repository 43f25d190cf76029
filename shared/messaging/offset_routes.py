"""The worker's routes for operators: the stored offsets of the service's groups, and those that Kafka has lost.

A running consumer of another process notices within seconds that its offsets were moved.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict

from shared.contracts.declarations import Group
from shared.db.pool import Pool
from shared.errors import NotFoundError, UncheckableError
from shared.http.app import AuthenticatedCaller
from shared.messaging.broker_errors import BrokerUnreachableError
from shared.messaging.outbox.lost import OpenTopicLog, TopicLog
from shared.messaging.positions import Positions, StoredOffset

SCOPE = "operations"


class GroupUnknownError(NotFoundError):
    """This service has no such consumer group."""

    code = "group-unknown"


class OffsetView(BaseModel):
    """The next offset of a group in a partition, and the offsets that Kafka has: from `begins` to below `ends`."""

    model_config = ConfigDict(from_attributes=True)
    group: str
    topic: str
    partition: int
    next: int
    begins: int
    ends: int
    is_lost: bool


class OffsetReset(BaseModel):
    """The position at which the group continues in partitions whose stored offset Kafka has lost."""

    model_config = ConfigDict(extra="forbid")
    to: Literal["beginning"]


def add_offset_routes(app: FastAPI, groups: Sequence[Group], connect: OpenTopicLog, prefix: str) -> None:
    """Adds the routes for these groups of the service. `app.state` must hold `pool` and `verifier`."""
    names = [group.name for group in groups]

    async def list_offsets(request: Request, caller: AuthenticatedCaller) -> list[OffsetView]:
        """Lists the next offset of each group in each partition."""
        caller.require(SCOPE)
        async with _opened(connect) as topic_log:
            return _views(await load_offsets(_pool(request), names, prefix, topic_log))

    async def reset_offsets(
        request: Request, group: str, reset: OffsetReset, caller: AuthenticatedCaller
    ) -> list[OffsetView]:
        """Resets the lost offsets of a group, and no others, to the beginning of their partitions.

        Returns the partitions that were reset, with their former offsets.
        """
        caller.require(SCOPE)
        if group not in names:
            raise GroupUnknownError
        async with _opened(connect) as topic_log:
            positions = positions_of(_pool(request), group, prefix, topic_log)
            return _views(await positions.reset_lost(topic_log.consumer, caller.actor()))

    app.add_api_route("/offsets", list_offsets, methods=["GET"])
    app.add_api_route("/offsets/{group}/reset", reset_offsets, methods=["POST"])


async def load_offsets(pool: Pool, groups: Sequence[str], prefix: str, topic_log: TopicLog) -> list[StoredOffset]:
    """Returns the next offset of each of these groups in each partition."""
    return [
        each
        for group in groups
        for each in await positions_of(pool, group, prefix, topic_log).load_stored_offsets(topic_log.consumer)
    ]


def positions_of(pool: Pool, group: str, prefix: str, topic_log: TopicLog) -> Positions:
    """Returns the positions of a group in the cluster of this log, for an operator."""
    positions = Positions(pool, group, prefix)
    positions.cluster_id = topic_log.cluster_id
    return positions


@asynccontextmanager
async def _opened(connect: OpenTopicLog) -> AsyncIterator[TopicLog]:
    """Opens the log. Raises UncheckableError while Kafka does not answer."""
    try:
        async with connect() as topic_log:
            yield topic_log
    except (KafkaError, BrokerUnreachableError) as error:
        raise UncheckableError from error


def _views(stored: Sequence[StoredOffset]) -> list[OffsetView]:
    return [OffsetView.model_validate(each) for each in stored]


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool
