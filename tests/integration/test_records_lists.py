"""A list holds exactly the documents that the same asker may open one by one, and the ledger has why."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import services.records
from services.records.domain.documents import metadata_of
from services.records.domain.submissions import examine
from services.records.store.matrices import Matrices
from services.records.usecases.desk import Desk
from shared.access import Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from tests.infra.load import Person
from tests.infra.mixes import LABELS, STATES, TYPES, Sort, askers, every_sort, fill
from tests.infra.records import (
    CLINIC,
    DOCTOR,
    OTHER_DOCTOR,
    House,
    a_deposit,
    as_doctor,
    as_patient,
    bundle_of,
    named,
)
from tests.infra.tokens import professional_token

SOMEBODY = Person(86)
REPRESENTATIVE, CARER = uuid4(), uuid4()

MIGRATIONS = Path(str(services.records.__file__)).parent / "migrations"


def desk_at(home: House) -> Desk:
    return Desk(home.pool, home.vault, Matrices(), timedelta(seconds=120))


async def filled(home: House, **chosen: Any) -> tuple[UUID, dict[UUID, Sort]]:
    """A record with a document of each sort, and somebody of every relation to it."""
    record = await home.open_record(SOMEBODY)
    await home.name_people(
        record, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")], is_minor=True
    )
    metadata = metadata_of(examine(bundle_of(a_deposit(SOMEBODY))).documents[0])
    made = await fill(home, desk_at(home), record, list(every_sort()), metadata)
    await home.choose(record, 1, **chosen)
    return record, made


async def listed(home: House, record: UUID, token: str) -> set[UUID] | int:
    """All pages, in every status; or the status of the refusal."""
    parameters = {"patient": str(record), "status": "current,superseded,entered-in-error", "_count": "100"}
    answer = await home.search(token, **parameters)
    found: set[UUID] = set()
    while answer.status_code == 200:
        found |= {UUID(entry["resource"]["id"]) for entry in answer.json().get("entry", [])}
        following = [one["url"] for one in answer.json()["link"] if one["relation"] == "next"]
        if not following:
            return found
        answer = await home.get(following[0], token)
    return answer.status_code


async def opened(home: House, documents: dict[UUID, Sort], token: str) -> set[UUID]:
    """One by one."""
    return {id for id in documents if (await home.get(f"/fhir/DocumentReference/{id}", token)).status_code == 200}


CHOICES: dict[str, Any] = {
    "authorisations": [{"holder_id": one, "from": "2026-01-01T00:00:00Z"} for one in (DOCTOR, OTHER_DOCTOR)]
    + [{"holder_id": "899900000059", "from": "2026-01-01T00:00:00Z"}]
    + [{"holder_id": CLINIC, "from": "2026-01-01T00:00:00Z", "how": "care-team"}],
    "applications": [{"application_id": "app-1", "sections": ["BIOLOGIE"]}],
    "hidden_sections": ["BIOLOGIE"],
    "emergency": {"masked_documents": True},
}


async def test_who_asks_finds_exactly_what_they_may_open(home: House) -> None:
    record, documents = await filled(home, **CHOICES)
    assert len(documents) == len(STATES) * len(LABELS) * len(TYPES) * 2
    sizes = {}
    for number, (name, token) in enumerate(askers(record, {"representative": REPRESENTATIVE, "carer": CARER}).items()):
        found = await listed(home, record, token)
        if found == 403:
            assert name in ("administrator",)
            found = set()
        assert isinstance(found, set), name
        some = {id: documents[id] for id in list(documents)[number % 4 :: 4]}
        assert found & some.keys() == await opened(home, some, token), name
        sizes[name] = len(found)
    assert sizes["patient"] > sizes["representative"] == sizes["carer"] > sizes["application"] > 0
    assert sizes["break-glass"] > sizes["other doctor"] > sizes["pharmacist"] > 0
    assert sizes["doctor of the clinic"] > 0
    nobody = ("stranger", "unknown doctor", "representative of nobody", "unknown application", "administrator")
    assert {sizes[one] for one in nobody} == {0}


async def test_documents_from_before_the_combinations_are_found_as_soon_as_the_migration_has_filled_them(
    home: House,
) -> None:
    record, _ = await filled(home)
    found = await listed(home, record, as_patient(record))
    await home.pool.execute("delete from document_combinations")
    assert await listed(home, record, as_patient(record)) == set()
    await home.pool.execute((MIGRATIONS / "0008_pre_fill_document_combinations.sql").read_text("utf-8"))
    assert await listed(home, record, as_patient(record)) == found != set()


async def test_a_search_is_one_entry_from_which_each_answer_can_be_given_again(home: House) -> None:
    record, documents = await filled(home, **CHOICES)
    found = await listed(home, record, as_doctor(OTHER_DOCTOR))
    traces = [one for one in await home.announced(AccessRecorded) if one.action == "find-documents"]
    trace = traces[-1]
    assert isinstance(found, set)
    assert (trace.matrix, trace.outcome, trace.motive) == ("2023-10-26", "permitted", None)
    assert trace.facts["authorisation"] == "valid"
    assert 20 < len(trace.combinations) <= len(documents)
    for one in trace.combinations:
        again = decide(decode_facts({**trace.facts, **one.facts}))
        assert (isinstance(again, Permit)) is (one.outcome == "permitted"), one
        assert one.reason == (again.rule if isinstance(again, Permit) else again.reason)
    assert isinstance(decide(decode_facts(trace.facts)), Permit)


async def test_an_author_who_is_not_authorised_finds_the_own_documents(home: House) -> None:
    record, documents = await filled(home)
    found = await listed(home, record, as_doctor(DOCTOR))
    assert found == {
        id
        for id, one in documents.items()
        if one.author == DOCTOR and one.status == "published" and one.life != "deleted"
    }
    trace = [one for one in await home.announced(AccessRecorded) if one.action == "find-documents"][-1]
    assert (trace.outcome, trace.reason) == ("permitted", "author")


async def test_what_is_superseded_or_archived_is_found_by_its_status_and_marked(home: House) -> None:
    record, documents = await filled(home)
    token = as_patient(record)
    states = {}
    for status in ("current", "superseded", "entered-in-error"):
        answer = await home.search(token, patient=str(record), status=status, _count="100")
        resources = [one["resource"] for one in answer.json().get("entry", [])]
        assert {one["status"] for one in resources} <= {status}
        states[status] = resources
    assert states["entered-in-error"] == []
    assert {documents[UUID(one["id"])].life for one in states["superseded"]} == {"superseded"}
    archived = {one["id"] for one in states["current"] if "extension" in one}
    assert archived == {one["id"] for one in states["current"] if documents[UUID(one["id"])].archived}
    assert archived


async def test_a_type_of_which_the_decree_says_nothing_is_marked(home: House) -> None:
    record, documents = await filled(home, authorised=["899900000067"])
    dentist = professional_token("899900000067", "40")
    answer = await home.search(dentist, patient=str(record), status="current", _count="100")
    resources = [one["resource"] for one in answer.json()["entry"]]
    marked = {one["id"] for one in resources if "tag" in one["meta"]}
    assert marked == {one["id"] for one in resources}
    [document] = [id for id in documents if str(id) in marked][:1]
    single = await home.get(f"/fhir/DocumentReference/{document}", dentist)
    assert single.headers["x-access-marks"] == "not-from-the-decree"
