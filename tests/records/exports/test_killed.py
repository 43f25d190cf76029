"""A worker that is killed leaves a copy that another one goes on with: nothing is missing in it, nothing twice."""

import asyncio
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.contracts.audit import AccessRecorded
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import DEADLINE_S
from tests.infra.records.dying_exports import DOCUMENTS_AT_ONCE, PLACES
from tests.infra.records.exports import Copies
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient, run_records_api
from tests.records.exports.test_exports import documents

ROOT = Path(__file__).parents[3]
SOMEBODY = Person(63)
NUMBER = 2 * DOCUMENTS_AT_ONCE + 1
ALL_STORED, OFTEN = "all parts stored, not yet ready", "a part read, not yet stored"
MARKS: dict[str, Any] = {OFTEN: ()}
"""The others take long."""


async def let_it_die(place: str, database: Database) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.records.dying_exports", place, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(orjson.dumps(asdict(database))), DEADLINE_S)
    assert process.returncode == -signal.SIGKILL


async def assert_it_goes_on_after(place: str, api: RecordsApi, database: Database) -> None:
    await api.be_fresh()
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1)
    published = [(await api.publish(a_deposit(SOMEBODY)))[0] for _ in range(NUMBER)]
    copies = Copies(api, record, as_patient(record))
    await copies.begin()
    await let_it_die(place, database)
    progress = (await copies.send("GET")).json()
    assert progress["state"] == "preparing"
    assert progress["documents"] == {ALL_STORED: NUMBER}.get(place, DOCUMENTS_AT_ONCE)
    await copies.prepare()
    assert (await copies.send("GET")).json() == progress, "it is held for the one that was killed"
    await api.pool.execute("update exports set due_at = $1", clock.now())
    await copies.prepare()
    answer = await copies.send("GET", "/file")
    assert documents(answer.content) == published[::-1]
    assert await read_at_least_once(api) == set(published)


async def read_at_least_once(api: RecordsApi) -> set[UUID]:
    events = [event for event in await api.announced(AccessRecorded) if event.action == "export-record"]
    return {event.document_id for event in events if event.document_id is not None}


@pytest.mark.parametrize("place", [pytest.param(place, marks=MARKS.get(place, pytest.mark.long)) for place in PLACES])
async def test_after_a_kill_the_copy_goes_on_where_it_was(place: str, database: Database) -> None:
    async with run_records_api(database) as api:
        await assert_it_goes_on_after(place, api, database)
