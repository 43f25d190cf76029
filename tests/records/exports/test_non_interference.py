"""A document that a reader may not see changes no byte of that reader's copy, and no number of its progress."""

import random
from typing import Any
from uuid import UUID

import pytest

from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.exports import store
from services.records.exports.domain.exports import KEPT
from services.records.exports.steps.document_pages import decide_page
from shared.access import Facts, Permit, decide
from shared.crypto.vault import WrappedKey
from shared.db.pool import transaction
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.platform.databases import fetch_row
from tests.infra.records.exports import Copies, context_of, problems
from tests.infra.records.mixes import Sort, acting, every_sort, fill
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient, named

SOMEBODY, MOTHER = Person(64), UUID(int=0x6464)
ROUNDS = 4
REMOVE = "delete from documents where bucket = $1 and id = any($2)"
REMOVE_LISTED = "delete from document_combinations where bucket = $1 and document_id = any($2)"


def is_visible(kind: str, sort: Sort) -> bool:
    """Returns whether the holder or a representative may read a document of this sort."""
    status = sort.status if sort.status != "published" else {"current": "published"}.get(sort.life, sort.life)
    relation = "holder" if kind == "patient" else kind
    facts: dict[str, Any] = {"record_status": "open", "copies_fresh": True, "labels": frozenset(sort.labels)}
    return isinstance(
        decide(Facts(action="read", actor_kind=kind, relation=relation, document_status=status, **facts)), Permit
    )


async def filled(api: RecordsApi) -> tuple[UUID, dict[UUID, Sort]]:
    """Returns a record with a document of every sort, each with a content of its own."""
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1)
    await api.name_people(record, 1, representatives=[named(MOTHER)])
    [model] = await api.publish(a_deposit(SOMEBODY))
    context = context_of(api.pool).read
    row = await fetch_row(
        api.pool,
        "select metadata, kid, wrapped from contents join record_keys on record_id = $1 where document_id = $2",
        *(record, model),
    )
    key = context.vault.unwrap(record, WrappedKey(row["kid"], row["wrapped"]))
    metadata: DocumentMetadata = sealed_contents.open_metadata(key, model, row["metadata"])
    sorts = await fill(api, context, record, list(every_sort()), metadata)
    contents = [sealed_contents.seal_content(key, id, f"content of {id}".encode()) for id in sorts]
    await api.pool.execute(
        "update contents set content = new.content from unnest($1::uuid[], $2::bytea[]) as new(id, content) "
        "where document_id = new.id",
        *(list(sorts), contents),
    )
    return record, sorts


async def copy_of(copies: Copies, kind: str) -> tuple[bytes, dict[str, Any], int]:
    """Returns the archive and the progress of a copy that always has the same id, and its total at the beginning."""
    requester = str(copies.record_id) if kind == "patient" else str(MOTHER)
    records = (copies.record_id,)
    new = store.NewExport(UUID(int=1), copies.record_id, records, requester, kind, "portal", copies.record_id)
    async with transaction(copies.api.pool) as connection:
        export = await store.insert_export(connection, new, clock.now(), clock.now() + KEPT)
    assert export is not None
    total = (await decide_page(context_of(copies.api.pool).read, export)).total
    await copies.prepare()
    progress = (await copies.send("GET")).json()
    archive = (await copies.api.get(f"{copies.path}/file", copies.token)).content
    await copies.api.client.delete(copies.path, headers=bearer(copies.token))
    return archive, progress, total


@pytest.mark.parametrize("kind", ["patient", "representative"])
async def test_taking_away_what_a_reader_may_not_see_changes_nothing(
    api: RecordsApi, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, sorts = await filled(api)
    token = as_patient(record) if kind == "patient" else acting(kind, MOTHER, record)
    copies, now = Copies(api, record, token), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    whole = await copy_of(copies, kind)
    assert problems(whole[0]) == []
    visible = {id for id, sort in sorts.items() if is_visible(kind, sort)}
    assert whole[1]["total"] == whole[2] == len(visible) + 1
    hidden = sorted(set(sorts) - visible)
    random.Random(7).shuffle(hidden)
    for number in range(ROUNDS):
        for statement in (REMOVE_LISTED, REMOVE):
            await api.pool.execute(statement, bucket_of(record), hidden[number::ROUNDS])
        assert await copy_of(copies, kind) == whole
    await api.pool.execute(REMOVE, bucket_of(record), sorted(visible)[:1])
    assert await copy_of(copies, kind) != whole, "what may be seen changes it"
