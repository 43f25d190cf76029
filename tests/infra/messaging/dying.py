"""The worker of records, which kills itself with SIGKILL during an erasure:
`python -m tests.infra.messaging.dying PLACE`.
"""

import asyncio
import sys
from typing import Any

import asyncpg
import orjson

from services.records.app import make_plan
from services.records.erasure import store
from shared.erasure import erased_records
from shared.messaging.outbox.append import INSERT_ROWS
from shared.runtime.settings import KafkaSettings
from shared.service.worker import at_work
from tests.infra.http.tokens import TestKeys
from tests.infra.messaging.crashing import die, die_behind_the_commit_of
from tests.infra.platform.databases import Database
from tests.infra.records.records_api import settings_of


def _die_at(method: str, statement: str, time: int = 1) -> None:
    """Kills the process before the `time`-th call of this statement is sent."""
    original, calls = getattr(asyncpg.Connection, method), 0

    async def killing(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += query == statement
        if query == statement and calls == time:
            die()
        return await original(self, query, *arguments, **options)

    setattr(asyncpg.Connection, method, killing)


PLACES: dict[str, Any] = {
    "the keys destroyed, not yet committed": lambda: _die_at("execute", erased_records.ADD_DESTROYED),
    "begun, before the process notes it": lambda: die_behind_the_commit_of("identity.erasures"),
    "before the second batch": lambda: _die_at("fetchrow", store.REMOVE_DEPOSITS, 2),
    "a batch removed, not yet committed": lambda: _die_at("execute", erased_records.ADD_DESTROYED, 2),
    "nothing left, not yet acknowledged": lambda: _die_at("fetchrow", erased_records.ACKNOWLEDGE),
    "acknowledged, not yet committed": lambda: _die_at("execute", INSERT_ROWS),
}


async def main(place: str, spec: dict[str, Any]) -> None:
    """Runs the worker until it reaches that statement."""
    store.DEPOSITS_AT_ONCE = 1
    PLACES[place]()
    kafka = KafkaSettings.model_validate(spec["kafka"])
    settings = settings_of(Database(**spec["database"]), kafka=kafka)
    async with at_work(make_plan(settings, TestKeys()), settings):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], orjson.loads(sys.stdin.buffer.read())))
