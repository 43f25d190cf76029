"""Runs campaigns step by step; as a program, a worker that kills itself with SIGKILL in the middle of a campaign.

`python -m tests.infra.identity.campaigns PLACE`, the database as JSON on stdin.
"""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.store import activation
from shared.db.pool import Pool, create_pool
from shared.messaging.outbox.append import INSERT_ROWS
from shared.runtime.settings import PostgresSettings
from tests.infra.identity.accounts import KEYRINGS, RULES
from tests.infra.identity.openings import RULES_NOW
from tests.infra.messaging.crashing import die
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import DEADLINE_S

ROOT = Path(__file__).parents[3]
PLACES: dict[str, tuple[str, str, int]] = {
    "notices: said, not yet counted": ("execute", campaigns.SET_PROGRESS, 3),
    "notices: counted, not yet committed": ("execute", INSERT_ROWS, 3),
    "notices: committed, before the next page": ("fetchrow", campaigns.LOCK_CAMPAIGN, 4),
    "openings: opened, without codes": ("execute", activation.INSERT_CODES, 3),
    "openings: counted, not yet committed": ("execute", INSERT_ROWS, 3),
    "openings: committed, before the next page": ("fetchrow", campaigns.LOCK_CAMPAIGN, 4),
}
"""The method, the statement, and the number of the call before which the process dies."""


async def tell_all(pool: Pool, campaign_id: UUID) -> None:
    """Sends all notices, page by page."""
    while await send_notices(Storage(pool, KEYRINGS), RULES_NOW, campaign_id):
        pass


async def open_all(pool: Pool, campaign_id: UUID) -> None:
    """Opens all records, page by page."""
    while await open_noticed(Storage(pool, KEYRINGS), RULES.lookups, RULES_NOW, campaign_id):
        pass


async def die_at(place: str, database: Database, campaign_id: UUID) -> int | None:
    """Runs the campaign in a process that kills itself at this place. Returns its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.identity.campaigns", place, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    spec = orjson.dumps({"database": asdict(database), "campaign_id": str(campaign_id)})
    await asyncio.wait_for(process.communicate(spec), DEADLINE_S)
    return process.returncode


def _prepare(method: str, statement: str, time: int) -> None:
    original, calls = getattr(asyncpg.Connection, method), 0

    async def killing(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += query == statement
        if query == statement and calls == time:
            die()
        return await original(self, query, *arguments, **options)

    setattr(asyncpg.Connection, method, killing)


async def main(place: str, spec: dict[str, Any]) -> None:
    """Runs the campaign until the process kills itself."""
    _prepare(*PLACES[place])
    dsn = Database(**spec["database"]).dsn
    pool = await create_pool(PostgresSettings.model_validate({"dsn": dsn}), application="tests")
    await tell_all(pool, UUID(spec["campaign_id"]))
    await open_all(pool, UUID(spec["campaign_id"]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], orjson.loads(sys.stdin.buffer.read())))
