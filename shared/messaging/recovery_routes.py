"""The worker's routes for operators after a restore or on another Kafka cluster: check, recover, announce, withhold.

An act is done while its request waits, without a time limit, and goes on when the caller is gone. An announcing that
was interrupted goes on when it is requested again.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.declarations import Principal
from shared.db.pool import Pool
from shared.errors import InvalidError
from shared.http.app import AuthenticatedCaller
from shared.messaging.outbox.announce_anew import announce_anew
from shared.messaging.outbox.lost import OpenTopicLog, topics_of
from shared.messaging.outbox.recovery import CopyAhead, Recovery, recover, withhold_states
from shared.messaging.outbox.withheld import BREAKABLE
from shared.messaging.recovery_check import check_recovery
from shared.messaging.subscription import Subscription

SCOPE: Final = "operations"
MOST_STATES: Final = 250
"""States that one request withholds; a client splits a longer report."""
_LARGEST_VERSION: Final = 2**31 - 2
"""The owner's version is raised above it, and is a PostgreSQL integer."""


class StateForeignError(InvalidError):
    """The report names a state of another service, whose worker withholds it."""

    code = "state-foreign"
    french = "Le rapport désigne un état d’un autre service, qui le retient lui-même."


class ReportedCopy(BaseModel):
    """A copy as the report of a neighbour names it: it is newer than the newest state on the topic of its owner."""

    model_config = ConfigDict(extra="forbid")
    topic: Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z0-9.-]*$")]
    key: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
    version: Annotated[int, Field(ge=1, le=_LARGEST_VERSION)]
    on_topic: Annotated[int, Field(ge=0, le=_LARGEST_VERSION)]

    @model_validator(mode="after")
    def _check_key(self) -> "ReportedCopy":
        """Raises ValueError unless the key of a state about a record is a record's id."""
        if self.topic in BREAKABLE:
            UUID(self.key)
        return self


class NeighbourReport(BaseModel):
    """What a neighbour's check says about copies of this service's states."""

    model_config = ConfigDict(extra="forbid")
    ahead: Annotated[list[ReportedCopy], Field(max_length=MOST_STATES)]


def add_recovery_routes(
    app: FastAPI, service: Principal, subscriptions: Sequence[Subscription], connect: OpenTopicLog, recovery: Recovery
) -> None:
    """Adds the routes to a worker's app. Their callers need the scope `operations`."""
    topics = topics_of(service)
    own_states = {topic.name for topic in topics if topic.kind == "state"}

    async def get_check(request: Request, caller: AuthenticatedCaller) -> dict[str, Any]:
        """Compares the database with the topics and changes nothing. `is_complete`: nothing is missing."""
        caller.require(SCOPE)
        check = await check_recovery(_pool(request), connect, topics, subscriptions, recovery)
        return {"is_complete": check.is_complete, **asdict(check)}

    async def post_recovery(request: Request, caller: AuthenticatedCaller) -> dict[str, Any]:
        """Recovers from the topics what this database has lost. Returns keys and counts."""
        caller.require(SCOPE)
        return asdict(await recover(_pool(request), connect, topics, recovery, caller.actor()))

    async def post_announce(request: Request, caller: AuthenticatedCaller) -> dict[str, Any]:
        """Announces everything anew onto another cluster, or goes on with it. Returns counts."""
        caller.require(SCOPE)
        pool, operator = _pool(request), caller.actor()
        prepare = partial(recovery.prepare, pool, operator, True)
        return asdict(await announce_anew(pool, connect, topics, recovery.states, operator, prepare))

    async def post_withhold(request: Request, report: NeighbourReport, caller: AuthenticatedCaller) -> dict[str, Any]:
        """Withholds the states of which a neighbour has newer copies. Returns their keys."""
        caller.require(SCOPE)
        if any(copy.topic not in own_states for copy in report.ahead):
            raise StateForeignError
        ahead = [CopyAhead(copy.topic, copy.key, copy.version, copy.on_topic) for copy in report.ahead]
        return asdict(await withhold_states(_pool(request), service, ahead, recovery, caller.actor()))

    app.add_api_route("/recovery", get_check, methods=["GET"])
    app.add_api_route("/recovery", post_recovery, methods=["POST"])
    app.add_api_route("/recovery/announce", post_announce, methods=["POST"])
    app.add_api_route("/recovery/withhold", post_withhold, methods=["POST"])


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool
