"""A worker that prepares copies of records and kills itself with SIGKILL: `python -m tests.infra.records.dying_exports
PLACE`, the database on stdin."""

import asyncio
import sys
from typing import Any

import asyncpg
import orjson

from services.records.exports import store
from services.records.exports.steps import document_pages
from services.records.exports.usecases.prepare_exports import prepare_next
from shared.db.pool import create_pool
from shared.messaging.outbox.append import INSERT_ROWS
from tests.infra.messaging.crashing import die, replace_for_good
from tests.infra.platform.databases import Database
from tests.infra.records.exports import context_of
from tests.infra.records.records_api import settings_of

DOCUMENTS_AT_ONCE = 2


def _die_at(method: str, statement: str, time: int, *, is_sent: bool) -> None:
    """Kills the process at the `time`-th call of this statement, before or after it was answered."""
    original, calls = getattr(asyncpg.Connection, method), 0

    async def killing(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += query == statement
        is_due = query == statement and calls == time
        if is_due and not is_sent:
            die()
        answer = await original(self, query, *arguments, **options)
        if is_due:
            die()
        return answer

    replace_for_good(asyncpg.Connection, method, killing)


PLACES: dict[str, Any] = {
    "a part decided, not yet committed": lambda: _die_at("execute", INSERT_ROWS, 2, is_sent=True),
    "a part read, not yet stored": lambda: _die_at("fetchrow", store.ADVANCE, 2, is_sent=False),
    "a part stored, not yet committed": lambda: _die_at("execute", store.INSERT_PART, 2, is_sent=True),
    "all parts stored, not yet ready": lambda: _die_at("execute", store.FINISH, 1, is_sent=False),
}


async def main(place: str, database: Database) -> None:
    """Prepares what is due until it reaches the place."""
    document_pages.DOCUMENTS_AT_ONCE = DOCUMENTS_AT_ONCE  # type: ignore[misc]  # smaller parts
    PLACES[place]()
    pool = await create_pool(settings_of(database).postgres, application="dying")
    while await prepare_next(context_of(pool)):
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Database(**orjson.loads(sys.stdin.buffer.read()))))
