"""A copy of the record: everything that its reader may see and nothing else, for a day, for those who may have one."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.records.erasure.steps import erase_record
from services.records.exports import store
from services.records.exports.usecases import prepare_exports
from services.records.exports.usecases.expire_exports import expire_exports
from shared.contracts.audit import AccessRecorded
from shared.runtime import clock
from tests.infra.erasure.erasing import erase
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.infra.http.tokens import make_token
from tests.infra.load.documents import Person
from tests.infra.records.exports import Copies
from tests.infra.records.mixes import acting, application
from tests.infra.records.records_api import (
    DOCTOR,
    HOSPITAL,
    TEXT,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    named,
)

SOMEBODY, TWIN = Person(61), Person(62)
MOTHER = UUID(int=0x6161)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 20
INVISIBLE, NOT_FOR_MOTHER = ("N", "INVISIBLE_PATIENT"), ("N", "INVISIBLE_REPRESENTANTS_LEGAUX")
COUNT_ROWS = "select (select count(*) from exports) + (select count(*) from export_parts)"


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    await api.name_people(record_id, 1, representatives=[named(MOTHER)])
    return record_id


@pytest.fixture
def copies(api: RecordsApi, record: UUID) -> Copies:
    return Copies(api, record, as_patient(record))


@pytest.fixture
def mothers(api: RecordsApi, record: UUID) -> Copies:
    return Copies(api, record, acting("representative", MOTHER, record))


def files(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        return {name: read.read(name) for name in read.namelist()}


def documents(archive: bytes) -> list[UUID]:
    """Returns the ids of the documents of an archive, in its order."""
    names = [name for name in files(archive) if name.startswith("documents/")]
    return [UUID(name.rpartition(".")[0][-36:]) for name in names]


async def traced(api: RecordsApi) -> list[tuple[str, str, UUID | None]]:
    events = [event for event in await api.announced(AccessRecorded) if event.action == "export-record"]
    return [(event.outcome, event.reason, event.document_id) for event in events]


async def test_a_copy_has_every_document_byte_for_byte_with_pages_and_fhir(api: RecordsApi, copies: Copies) -> None:
    [letter] = await api.publish(a_deposit(SOMEBODY, title="Lettre <script>alert(1)</script>"))
    [image] = await api.publish(a_deposit(SOMEBODY, content=PDF, content_type="application/pdf"))
    archive = files(await copies.fetch())
    day = "2026-10-01"
    assert list(archive)[:5] == ["manifest.json", "manifest.jws", "index.html", "index.en.html", "documents.fhir.json"]
    assert list(archive.items())[5:] == [
        (f"documents/{day}-{image}.pdf", PDF),
        (f"documents/{day}-{letter}.txt", TEXT),
    ]
    bundle = json.loads(archive["documents.fhir.json"])
    assert_fhir_resource(bundle)
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert [resource["content"][0]["attachment"]["url"] for resource in resources] == list(archive)[5:]
    for page in ("index.html", "index.en.html"):
        assert b"<script" not in archive[page]
        assert all(name.encode() in archive[page] for name in list(archive)[5:])


async def test_the_progress_and_the_ledger_say_what_was_read(api: RecordsApi, record: UUID, copies: Copies) -> None:
    published = [(await api.publish(a_deposit(SOMEBODY)))[0] for _ in range(3)]
    await api.publish(a_deposit(SOMEBODY, labels=INVISIBLE))
    answer = await copies.send("POST")
    assert (answer.status_code, answer.headers["location"]) == (202, copies.path)
    assert {**answer.json(), "started_at": "", "expires_at": ""} == {
        "state": "preparing",
        "documents": 0,
        "total": None,
        "size": None,
        "failure": None,
        "started_at": "",
        "expires_at": "",
    }
    assert (await copies.send("GET", "/file")).json()["code"] == "export-unfinished"
    await copies.prepare()
    progress = (await copies.send("GET")).json()
    assert (progress["state"], progress["documents"], progress["total"]) == ("ready", 3, 3)
    archive = await copies.send("GET", "/file")
    assert progress["size"] == int(archive.headers["content-length"]) == len(archive.content)
    assert documents(archive.content) == published[::-1]
    whole = ("permitted", "own-record", None)
    assert await traced(api) == [whole, *(("permitted", "own-record", id) for id in published[::-1]), whole]
    [event, *_] = [event for event in await api.announced(AccessRecorded) if event.document_id == published[0]]
    assert event.facts is not None
    assert event.facts["action"] == "export"
    assert event.record_id == record


CALLERS: dict[str, Callable[[UUID], str]] = {
    "carer": lambda record: acting("carer", MOTHER, record),
    "professional": lambda _: as_doctor(DOCTOR),
    "software": lambda _: as_software(),
    "application": lambda _: application(),
    "administrator": lambda _: make_token("administrator", "admin"),
    "operator": lambda _: make_token("operator", "ops"),
}


@pytest.mark.parametrize("kind", CALLERS)
async def test_nobody_but_the_holder_and_representatives_takes_a_copy(api: RecordsApi, record: UUID, kind: str) -> None:
    await api.name_people(record, 2, representatives=[named(MOTHER)], carers=[named(MOTHER)])
    await api.choose(record, 2, authorised=[DOCTOR])
    copies = Copies(api, record, CALLERS[kind](record))
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/file"), ("DELETE", "")):
        assert (await copies.send(method, path)).status_code == 403, (method, path)
    assert await api.pool.fetchval(COUNT_ROWS) == 0
    assert await traced(api) == [("refused", "kind-not-permitted", None)] * 4


async def test_a_stranger_learns_nothing(api: RecordsApi, copies: Copies) -> None:
    await copies.begin()
    strangers = Copies(api, copies.record_id, as_patient(uuid4()))
    nobodys = Copies(api, uuid4(), strangers.token)
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/file"), ("DELETE", "")):
        answers = [await each.send(method, path) for each in (strangers, nobodys)]
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not-found")}


async def test_a_representative_gets_a_copy_of_their_own_without_what_is_kept_from_them(
    api: RecordsApi, copies: Copies, mothers: Copies
) -> None:
    [shown] = await api.publish(a_deposit(SOMEBODY))
    [hidden] = await api.publish(a_deposit(SOMEBODY, labels=NOT_FOR_MOTHER))
    assert documents(await copies.fetch()) == [hidden, shown]
    archive = await mothers.fetch()
    assert documents(archive) == [shown]
    assert json.loads(files(archive)["manifest.json"])["requester"] == "representative"


async def test_there_is_one_at_a_time_until_it_is_deleted_or_its_day_is_over(api: RecordsApi, copies: Copies) -> None:
    await copies.fetch()
    again = await copies.send("POST")
    assert (again.status_code, again.json()["code"]) == (409, "export-exists")
    assert (await copies.send("DELETE")).status_code == 204
    assert await api.pool.fetchval(COUNT_ROWS) == 0
    assert (await copies.send("GET")).json()["code"] == "export-unknown"
    assert (await copies.send("DELETE")).json()["code"] == "export-unknown"
    await copies.fetch()
    await api.pool.execute("update exports set expires_at = $1", clock.now() - timedelta(seconds=1))
    assert (await copies.send("GET", "/file")).json()["code"] == "export-unknown"
    await copies.begin()
    await api.pool.execute("update exports set expires_at = $1", clock.now() - timedelta(seconds=1))
    assert not await expire_exports(api.pool)
    assert await api.pool.fetchval(COUNT_ROWS) == 0


async def test_an_empty_record_has_an_empty_copy(copies: Copies) -> None:
    archive = files(await copies.fetch())
    assert list(archive) == ["manifest.json", "manifest.jws", "index.html", "index.en.html", "documents.fhir.json"]
    assert_fhir_resource(json.loads(archive["documents.fhir.json"]))
    assert "Cette copie ne contient aucun document." in archive["index.html"].decode()


async def test_a_right_that_ends_ends_the_copy_whether_it_is_prepared_or_not(api: RecordsApi, mothers: Copies) -> None:
    await api.publish(a_deposit(SOMEBODY))
    for version, is_prepared in ((2, False), (4, True)):
        await mothers.begin()
        if is_prepared:
            await mothers.prepare()
        await api.name_people(mothers.record_id, version)
        await mothers.prepare()
        assert (await mothers.send("GET", "/file")).json()["code"] == "not-found"
        assert await api.pool.fetchval(COUNT_ROWS) == 0
        assert (await traced(api))[-1] == ("refused", "not-own-record", None)
        await api.name_people(mothers.record_id, version + 1, representatives=[named(MOTHER)])


async def test_a_right_that_cannot_be_checked_now_lets_the_copy_wait(api: RecordsApi, mothers: Copies) -> None:
    await api.publish(a_deposit(SOMEBODY))
    await mothers.begin()
    await api.be_fresh(clock.now() - timedelta(minutes=5))
    await mothers.prepare()
    assert (await mothers.send("GET")).status_code == 503
    await api.be_fresh()
    assert (await mothers.send("GET")).json()["state"] == "preparing"
    await api.pool.execute("update exports set due_at = $1", clock.now())
    await mothers.prepare()
    assert (await mothers.send("GET", "/file")).status_code == 200


async def test_a_document_that_was_hidden_meanwhile_is_not_given_out(api: RecordsApi, mothers: Copies) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await mothers.fetch()
    await api.pool.execute("update documents set labels = $1 where id = $2", list(NOT_FOR_MOTHER), document)
    answer = await mothers.send("GET", "/file")
    assert (answer.status_code, answer.json()["code"]) == (409, "export-outdated")
    assert (await mothers.send("DELETE")).status_code == 204
    assert documents(await mothers.fetch()) == []


async def test_a_summary_sheet_is_in_a_copy_with_all_that_it_cites_alone(
    api: RecordsApi, copies: Copies, mothers: Copies
) -> None:
    [hidden] = await api.publish(a_deposit(SOMEBODY, labels=NOT_FOR_MOTHER))
    sheets = [(await api.publish(a_deposit(SOMEBODY)))[0] for _ in range(2)]
    for sheet, cited in zip(sheets, ([], [hidden]), strict=True):
        await api.pool.execute("update documents set cites = $2 where id = $1", sheet, cited)
    assert documents(await mothers.fetch()) == sheets[:1]
    assert documents(await copies.fetch()) == [*sheets[::-1], hidden]
    await api.pool.execute("update documents set labels = $1 where id = $2", list(INVISIBLE), hidden)
    assert (await mothers.send("GET", "/file")).status_code == 200
    assert (await copies.send("GET", "/file")).json()["code"] == "export-outdated"


async def test_linked_records_are_both_in_the_copy_and_its_end_with_either(api: RecordsApi, copies: Copies) -> None:
    other = await api.open_record(TWIN)
    [older] = await api.publish(a_deposit(SOMEBODY))
    [newer] = await api.publish(a_deposit(TWIN))
    await api.open_record(SOMEBODY, record_id=copies.record_id, linked_to=other)
    await api.open_record(TWIN, record_id=other, linked_to=copies.record_id)
    assert documents(await copies.fetch()) == [newer, older]
    await api.open_record(SOMEBODY, record_id=copies.record_id)
    await api.open_record(TWIN, record_id=other)
    assert (await copies.send("GET", "/file")).json()["code"] == "export-outdated"
    await erase(api.pool, erase_record, other)
    assert await api.pool.fetchval(COUNT_ROWS) == 0


async def test_an_erasure_ends_the_copy_in_its_own_transaction(api: RecordsApi, copies: Copies) -> None:
    await api.publish(a_deposit(SOMEBODY))
    await copies.fetch()
    await erase(api.pool, erase_record, copies.record_id)
    assert await api.pool.fetchval(COUNT_ROWS) == 0
    await copies.prepare()


async def test_what_is_kept_of_a_copy_is_sealed(api: RecordsApi, copies: Copies) -> None:
    await api.publish(a_deposit(SOMEBODY, title="Titre reconnaissable"))
    await copies.fetch()
    for table in ("exports", "export_parts"):
        rows = await api.pool.fetch(f"select * from {table}")
        kept = b"".join(value for row in rows for value in row.values() if isinstance(value, bytes))
        assert kept
        assert not any(word in kept for word in (b"reconnaissable", b"INVENT", DOCTOR.encode(), HOSPITAL.encode()))


async def test_a_copy_that_cannot_be_read_fails_and_makes_room_for_another(api: RecordsApi, copies: Copies) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    sealed = await api.pool.fetchval("select content from contents where document_id = $1", document)
    await api.pool.execute("update contents set content = $1 where document_id = $2", bytes(len(sealed)), document)
    await copies.begin()
    await copies.prepare()
    progress = (await copies.send("GET")).json()
    assert (progress["state"], progress["failure"]) == ("failed", "document-unreadable")
    assert (await copies.send("GET", "/file")).json()["code"] == "export-failed"
    await api.pool.execute("update contents set content = $1 where document_id = $2", sealed, document)
    assert documents(await copies.fetch()) == [document]


async def test_a_copy_with_which_no_attempt_goes_on_is_given_up(api: RecordsApi, copies: Copies) -> None:
    await copies.begin()
    await api.pool.execute("update exports set attempts = $1", prepare_exports.MOST_ATTEMPTS)
    await copies.prepare()
    assert (await copies.send("GET")).json()["failure"] == "given-up"


async def test_a_part_that_another_worker_stored_is_not_stored_twice(api: RecordsApi, copies: Copies) -> None:
    await api.publish(a_deposit(SOMEBODY))
    await copies.begin()
    async with api.pool.acquire() as connection:
        export = await store.find_export(connection, copies.record_id, str(copies.record_id))
        assert export is not None
        part = store.SealedPart(0, (), b"", b"")
        later = clock.now() + timedelta(minutes=1)
        async with connection.transaction():
            assert await store.store_part(connection, export, part, uuid4(), 1, later) is not None
        async with connection.transaction():
            assert await store.store_part(connection, export, part, uuid4(), 1, later) is None
    assert await api.pool.fetchval("select count(*) from export_parts") == 1
