"""A worker that kills itself with SIGKILL at a named line: `python -m tests.infra.messaging.crashing PLACE`,
spec on stdin."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import asyncpg

from shared.messaging.batch_pass import BatchPass
from shared.messaging.envelope import Skipped
from shared.messaging.outbox import rows
from tests.infra.messaging.plumbing import Recorder, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.parts import Parts
from tests.infra.platform.topics import Topics


def die(*_: Any, **__: Any) -> Any:
    """Kills this process, without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def replace_for_good(owner: object, name: str, function: Callable[..., Any]) -> None:
    """Replaces a function of a module or class until this process ends."""
    setattr(owner, name, function)


def _die_before_the_outbox_is_cleared() -> None:
    execute = asyncpg.Connection.execute

    async def killing(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        if query == rows.DELETE_SENT:
            die()
        return await execute(self, query, *arguments, **options)

    replace_for_good(asyncpg.Connection, "execute", killing)


def die_behind_the_commit_of(topic: str) -> None:
    """Dies when the transaction of a batch has committed, with its offsets, before the process notes it."""
    commit = BatchPass.commit

    def killing(self: BatchPass, *arguments: Any) -> None:
        if any(item.topic.startswith(topic) and not isinstance(item.decoded, Skipped) for item in self.items):
            die()
        commit(self, *arguments)

    replace_for_good(BatchPass, "commit", killing)


PLACES: dict[str, Any] = {
    "in the transaction, before its commit": lambda: None,
    "after the effect's commit, before the process notes it": lambda: die_behind_the_commit_of("records.documents"),
    "after the broker's ack, before the outbox is cleared": _die_before_the_outbox_is_cleared,
}


async def main(place: str, spec: dict[str, Any]) -> None:
    """Runs the worker until it reaches the line."""
    recorder = Recorder(after=die) if place.startswith("in the transaction") else Recorder()
    PLACES[place]()
    topics = Topics(Parts("", spec["bootstrap"], spec["passwords"]), spec["prefix"])
    async with worker(recorder, Database(**spec["database"]), topics):
        await asyncio.Event().wait()


if __name__ == "__main__":
    import json

    asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
