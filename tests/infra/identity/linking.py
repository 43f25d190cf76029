"""A process that kills itself while linking two records: `python -m tests.infra.identity.linking PLACE`.

Standard input: the database, the keyring of the INS and both ids.
"""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases import change_link as module
from services.identity.lifecycle.usecases.link_records import link_records
from shared.contracts.base import Actor
from shared.crypto.keyring import Keyring
from shared.db.pool import create_pool
from shared.messaging.outbox.append import append
from shared.runtime.settings import PostgresSettings
from tests.infra.erasure.erasures import KEYRINGS
from tests.infra.identity.identity_api import KEYRING
from tests.infra.messaging.crashing import die, replace_for_good
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import DEADLINE_S

LINKING = LifecycleRequest("link", "administrator", Actor(kind="administrator", id="admin-1"))


def _die_between_the_two() -> None:
    write, calls = lifecycle.set_link, 0

    async def killing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            die()
        await write(*arguments)

    replace_for_good(lifecycle, "set_link", killing)


def _die_instead_of(name: str) -> None:
    async def killing(*_: Any) -> None:
        die()

    replace_for_good(module, name, killing)


def _die_when_told() -> None:
    async def killing(*arguments: Any) -> None:
        await append(*arguments)
        die()

    replace_for_good(module, "append", killing)


PLACES: dict[str, Any] = {
    "one written, the other not": _die_between_the_two,
    "both written, not announced": lambda: _die_instead_of("append"),
    "announced, not committed": _die_when_told,
    "after the commit": lambda: None,
}


async def let_it_die(place: str, database: Database, first: UUID, second: UUID, *, ins_hmac: str = KEYRING) -> None:
    """Starts such a process and waits for its end."""
    spec = {"dsn": database.dsn, "ins_hmac": ins_hmac, "first": first, "second": second}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.infra.identity.linking",
        place,
        cwd=Path(__file__).parents[3],
        stdin=asyncio.subprocess.PIPE,
    )
    await asyncio.wait_for(process.communicate(orjson.dumps(spec)), DEADLINE_S)
    assert process.returncode == -signal.SIGKILL


async def _main(place: str, spec: dict[str, Any]) -> None:
    PLACES[place]()
    pool = await create_pool(PostgresSettings.model_validate({"dsn": spec["dsn"]}), application="tests")
    keyrings = replace(KEYRINGS, ins=Keyring.parse(spec["ins_hmac"]))
    await link_records(Storage(pool, keyrings), UUID(spec["first"]), UUID(spec["second"]), LINKING)
    die()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], orjson.loads(sys.stdin.buffer.read())))
