"""Non-interference: what a reader may not see changes no byte of any answer about facts for this reader."""

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from msgspec.structs import replace

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import Concept
from services.records.deposits.domain.submissions import parse_and_check
from services.records.documents.domain.metadata import metadata_of
from shared.runtime import clock
from tests.infra.http.tokens import bearer, patient_token
from tests.infra.load.documents import Person
from tests.infra.records.acknowledgements import insert_acknowledgements
from tests.infra.records.deposited_facts import a_report, a_synthesis
from tests.infra.records.exports import Copies
from tests.infra.records.facts import insert_blocks
from tests.infra.records.mixes import every_sort, fill, requesters
from tests.infra.records.records_api import RecordsApi, a_deposit, bundle_of, named
from tests.records.documents.test_lists import CARER, CHOICES, REPRESENTATIVE, desk_at, listed

SOMEBODY = Person(86)
RECORD: Final = object()
"""Stands for the record's id among the parameters of a request."""
ACCEPTED: Final = 202
MOMENT: Final = re.compile(rb'"written_at":"[^"]*",?')
"""When a sheet was made for its reader."""
Answer = Callable[[RecordsApi, UUID, str], Awaitable[httpx2.Response]]


def get(path: str, **parameters: Any) -> Answer:
    """Returns a request of a page; `{record}` in its path is the record's id."""

    def send(api: RecordsApi, record: UUID, token: str) -> Awaitable[httpx2.Response]:
        sent = {name: str(record) if value is RECORD else value for name, value in parameters.items()}
        return api.client.get(path.format(record=record), params=sent, headers=bearer(token))

    return send


def post(path: str, body: object) -> Answer:
    """Returns a request with a body."""

    def send(api: RecordsApi, record: UUID, token: str) -> Awaitable[httpx2.Response]:
        return api.client.post(path.format(record=record), json=body, headers=bearer(token))

    return send


async def export(api: RecordsApi, record: UUID, token: str) -> httpx2.Response:
    """Returns the archive of a copy, which always has the same id; or the refusal to make one."""
    copies = Copies(api, record, token)
    begun = await copies.send("POST")
    if begun.status_code != ACCEPTED:
        return begun
    await api.pool.execute("update exports set id = $1 where record_id = $2", UUID(int=1), record)
    await copies.prepare()
    archive = await copies.send("GET", "/file")
    await copies.send("DELETE")
    return archive


PRESCRIPTION: Final = {
    "medicines": [{"codes": [{"system": "http://www.whocc.no/atc", "code": code}]} for code in ("J01CA04", "H03AA01")],
    "exams": [{"codes": [{"system": "http://loinc.org", "code": "1-8"}]}],
}
"""What the facts of every document warn of."""
ANSWERS: Final[dict[str, Answer]] = {
    "facts": get("/records/{record}/facts"),
    "facts of a kind": get("/records/{record}/facts", kind=["allergy", "result"]),
    "facts of a time": get("/records/{record}/facts", **{"from": "2026-01-01"}),
    "results": get("/records/{record}/results"),
    "results of an analysis": get("/records/{record}/results/1-8"),
    "warnings": post("/records/{record}/warnings", PRESCRIPTION),
    "acknowledged warnings": get("/records/{record}/warnings/acknowledgements"),
    "documents": get("/fhir/DocumentReference", patient=RECORD, status="current", _count="20"),
    "summary": get("/records/{record}/summary"),
    "rubrics": get("/records/{record}/rubrics"),
    "export": export,
}
"""Every answer in which something of a document stands, or a number of documents. A new one is a line here."""
READERS: Final = (
    *("patient", "representative", "author", "other doctor", "doctor of the clinic", "pharmacist", "break-glass"),
    *("regulation", "secret", "application", "unknown doctor", "administrator"),
)


@pytest.fixture
def api(api: RecordsApi) -> Iterator[RecordsApi]:
    """Without the oracle of FHIR, which takes longer than all else."""
    hooks, api.client.event_hooks = api.client.event_hooks, {}
    yield api
    api.client.event_hooks = hooks


@pytest.fixture(autouse=True)
def _at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy says when it was made."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)


async def filled(api: RecordsApi) -> tuple[UUID, set[UUID]]:
    """Returns a record and its documents, one of each sort, each with facts of its own."""
    record = await api.open_record(SOMEBODY)
    await api.name_people(
        record, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")], is_minor=True
    )
    await api.choose(record, 1, **CHOICES)
    metadata = metadata_of(parse_and_check(bundle_of(a_deposit(SOMEBODY))).documents[0])
    made = set(await fill(api, desk_at(api), record, list(every_sort()), metadata))
    templates = [
        *_facts_in(a_synthesis(SOMEBODY, uuid4())),
        *_facts_in(a_report(SOMEBODY, uuid4(), values={"1-8": "5"})),
    ]
    await insert_blocks(api, {id: [_of(id, fact) for fact in templates] for id in made}, text_only=1)
    await insert_acknowledgements(api, record, sorted(made))
    return record, made | {await _state(api, record, masked=masked) for masked in (False, True)}


async def _state(api: RecordsApi, record: UUID, *, masked: bool) -> UUID:
    """Returns a document in which the holder states an allergy."""
    body = {"form": "health-profile", "statements": [{"kind": "allergy", "text": f"Masquée : {masked}"}]}
    path, headers = f"/records/{record}/statements/{uuid4()}", bearer(patient_token(record))
    answer = await api.client.put(path, json={**body, "masked": masked}, headers=headers)
    document = UUID(answer.json()["documents"][0]["document_id"])
    await api.decide(document)
    return document


def _facts_in(content: bytes) -> tuple[ClinicalFact, ...]:
    return extract(content, "text/xml", uuid4()).facts


def _of(document: UUID, fact: ClinicalFact) -> ClinicalFact:
    """Returns the fact as one of this document, which names it."""
    code = replace(fact.code or Concept(), text=str(document))
    return replace(fact, id=fact_id(document, fact.source.entry, fact.kind), code=code)


async def test_taking_away_what_a_reader_may_not_see_changes_no_byte(api: RecordsApi) -> None:
    record, documents = await filled(api)
    tokens = requesters(record, {"representative": REPRESENTATIVE, "carer": CARER})
    for reader in READERS:
        token, generator = tokens[reader], random.Random(reader)
        visible = await listed(api, record, token)
        hidden = sorted(documents - visible) if isinstance(visible, set) else sorted(documents)
        before = await _answers(api, record, token)
        for taken in (hidden, generator.sample(hidden, len(hidden) // 2)):
            async with _taken_away(api, record, taken):
                assert await _answers(api, record, token) == before, reader
        if isinstance(visible, set):
            assert all(str(id) not in text for id in hidden for text in map(str, before.values())), reader


async def test_the_property_fails_where_something_visible_is_taken_away(api: RecordsApi) -> None:
    """So that an answer without anything in it would not pass for one that hides. Warnings are for professionals, a
    copy is for the patient side."""
    record, _ = await filled(api)
    changed: set[str] = set()
    for reader in ("other doctor", "patient"):
        token = requesters(record, {})[reader]
        visible = await listed(api, record, token)
        assert isinstance(visible, set)
        before = await _answers(api, record, token)
        async with _taken_away(api, record, visible):
            after = await _answers(api, record, token)
        changed |= {name for name in ANSWERS if before[name] != after[name]}
    assert changed == ANSWERS.keys()


async def _answers(api: RecordsApi, record: UUID, token: str) -> dict[str, tuple[int, bytes, dict[str, str]]]:
    return {name: await _bytes(answer, api, record, token) for name, answer in ANSWERS.items()}


async def _bytes(answer: Answer, api: RecordsApi, record: UUID, token: str) -> tuple[int, bytes, dict[str, str]]:
    """Returns status, body and headers; those of the moment are left out."""
    response = await answer(api, record, token)
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "traceparent")}
    return response.status_code, MOMENT.sub(b"", response.content), headers


@asynccontextmanager
async def _taken_away(api: RecordsApi, record: UUID, documents: Iterable[UUID]) -> AsyncIterator[None]:
    """Moves documents into another record for the duration of the block."""
    ids, elsewhere = list(documents), uuid4()

    async def move(source: UUID, target: UUID) -> None:
        for table, column in (
            ("documents", "id"),
            ("document_combinations", "document_id"),
            ("fact_blocks", "document_id"),
        ):
            statement = f"update {table} set record_id = $2 where record_id = $1 and {column} = any($3)"
            await api.pool.execute(statement, source, target, ids)

    await move(record, elsewhere)
    yield
    await move(elsewhere, record)
