"""How a copy is given out: in bounded memory, and not a byte further than the right reaches."""

import random
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import pytest

from services.records.app import make_api
from services.records.exports.domain.exports import ExportOutdatedError, ExportUnknownError
from services.records.exports.steps import document_pages
from services.records.exports.usecases import download_export
from services.records.exports.usecases.download_export import Download, open_download, stream
from shared.errors import ClientError, NotFoundError
from shared.http.tokens import Caller
from shared.runtime.settings import HttpSettings
from shared.service.serving import http_config
from tests.infra.http.servers import listening
from tests.infra.http.tokens import TestKeys
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.records.exports import Copies, context_of
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    TEXT,
    RecordsApi,
    a_deposit,
    as_patient,
    named,
    records_api_of,
    settings_of,
)

SOMEBODY, MOTHER = Person(65), UUID(int=0x6565)
LARGE, MOST_HELD = 600_000, 16_000_000


@pytest.fixture
async def record(api: RecordsApi, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A record of whose copies each part has one document."""
    monkeypatch.setattr(document_pages, "DOCUMENTS_AT_ONCE", 1)
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    await api.name_people(record_id, 1, representatives=[named(MOTHER)])
    return record_id


@asynccontextmanager
async def at_once() -> AsyncIterator[None]:
    """A turn without waiting."""
    yield


async def opened(api: RecordsApi, caller: Caller) -> Download:
    """Prepares the copy that the caller has begun; returns it as it is given out."""
    assert caller.record_id is not None
    is_holder = caller.kind == "patient"
    token = as_patient(caller.record_id) if is_holder else acting(caller.kind, UUID(caller.id), caller.record_id)
    copies = Copies(api, caller.record_id, token)
    await copies.begin()
    await copies.prepare()
    return await open_download(context_of(api.pool), caller, caller.record_id)


def holder(record: UUID) -> Caller:
    return Caller("patient", str(record), "portal", frozenset(), record_id=record)


async def given_out(
    api: RecordsApi, download: Download, last: bytes, then: Callable[[], Awaitable[object]]
) -> tuple[list[bytes], type[ClientError] | None]:
    """Gives a copy out, and calls `then` after the piece `last`; returns the pieces, and the error that ended them."""
    pieces = []
    try:
        async for piece in stream(context_of(api.pool), download, at_once):
            pieces.append(piece)
            if piece == last:
                await then()
    except ClientError as error:
        return pieces, type(error)
    return pieces, None


async def test_a_copy_is_prepared_and_given_out_in_bounded_memory(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_pages, "DOCUMENTS_AT_ONCE", 40)
    noise = random.Random(3)
    for _ in range(45):
        content = b"%PDF-1.7\n" + noise.randbytes(LARGE)
        await api.publish(a_deposit(SOMEBODY, content=content, content_type="application/pdf"))
    tracemalloc.start()
    try:
        download, size = await opened(api, holder(record)), 0
        async for piece in stream(context_of(api.pool), download, at_once):
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == download.size > 45 * LARGE
    assert peak < MOST_HELD


async def test_each_part_is_decided_again_before_it_is_read(api: RecordsApi, record: UUID) -> None:
    [older] = await api.publish(a_deposit(SOMEBODY, content=b"older"))
    await api.publish(a_deposit(SOMEBODY, content=b"newer"))
    withdraw = "update documents set life = 'deleted' where id = $1"
    download = await opened(api, holder(record))
    pieces, error = await given_out(api, download, b"newer", lambda: api.pool.execute(withdraw, older))
    assert (pieces[-1], error) == (b"newer", ExportOutdatedError)
    assert b"older" not in b"".join(pieces)


async def test_who_represents_no_more_gets_nothing_further(api: RecordsApi, record: UUID) -> None:
    for content in (b"older", b"newer"):
        await api.publish(a_deposit(SOMEBODY, content=content))
    mother = Caller("representative", str(MOTHER), "portal", frozenset(), record_id=record)
    download = await opened(api, mother)
    pieces, error = await given_out(api, download, b"newer", lambda: api.name_people(record, 2))
    assert (pieces[-1], error) == (b"newer", NotFoundError)
    with pytest.raises(NotFoundError):
        await open_download(context_of(api.pool), mother, record)


async def test_a_copy_that_is_deleted_while_it_is_given_out_ends_there(api: RecordsApi, record: UUID) -> None:
    await api.publish(a_deposit(SOMEBODY))
    download = await opened(api, holder(record))
    await api.pool.execute("delete from export_parts")
    with pytest.raises(ExportUnknownError):
        await anext(piece async for piece in stream(context_of(api.pool), download, at_once) if piece == TEXT)


async def test_a_download_that_ends_early_is_no_whole_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real server: the length that was announced is not reached, so that no client takes the part for the copy."""
    app = make_api(settings_of(database), TestKeys())
    async with (
        listening(http_config(app, HttpSettings())) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        api = records_api_of(app, client)
        await api.be_fresh()
        record = await api.open_record(SOMEBODY)
        await api.choose(record, 1)
        await api.publish(a_deposit(SOMEBODY))
        copies = Copies(api, record, as_patient(record))
        assert len(await copies.fetch()) > len(TEXT)

        async def decide_otherwise(*_: object) -> None:
            raise ExportOutdatedError

        monkeypatch.setattr(download_export, "_decide_part", decide_otherwise)
        with pytest.raises(httpx2.RemoteProtocolError):
            await copies.send("GET", "/file")
