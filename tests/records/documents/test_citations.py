"""A version of the summary sheet is found, opened and changed by those alone who may read all that it cites."""

from uuid import UUID, uuid4

import pytest

from shared.contracts.audit import AccessRecorded
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    ins_of,
)

SOMEBODY = Person(88)
ATTENDING, AUTHORISED = "899900000042", OTHER_DOCTOR


class Sheet:
    """A record with two documents and a version of the sheet that cites both."""

    def __init__(self, api: RecordsApi, record: UUID, ids: list[UUID]) -> None:
        self.api, self.record = api, record
        self.first, self.second, self.id = ids

    async def found_by(self, token: str, **parameters: str) -> set[UUID]:
        """Returns the documents that a search lists."""
        query = {"patient_identifier": f"{ins_of(SOMEBODY).system}|{SOMEBODY.ins}", "status": "current", **parameters}
        answer = await self.api.search(token, **query)
        assert answer.status_code == 200, answer.text
        listed = {UUID(entry["resource"]["id"]) for entry in answer.json().get("entry", ())}
        total = await self.api.search(token, **query, _summary="count")
        assert total.json()["total"] == len(listed), "the total counts what is listed"
        return listed

    async def opened_by(self, token: str) -> set[int]:
        """Returns the statuses of reading the version and of reading what describes it."""
        return {
            (await self.api.get(f"/fhir/{kind}/{self.id}", token)).status_code
            for kind in ("Binary", "DocumentReference")
        }

    async def label(self, document: UUID, *labels: str) -> None:
        """Writes labels as a change of them does."""
        await self.api.pool.execute("update documents set labels = $2 where id = $1", document, list(labels))


@pytest.fixture
async def sheet(api: RecordsApi) -> Sheet:
    record = await api.open_record(SOMEBODY)
    grants = [{"holder_id": AUTHORISED, "from": "2026-01-01T00:00:00Z"}]
    await api.choose(record, 1, authorisations=grants, attending_doctors=(ATTENDING,))
    await api.be_fresh()
    ids = [(await api.publish(a_deposit(SOMEBODY)))[0] for _ in range(3)]
    await api.pool.execute("update documents set cites = $2 where id = $1", ids[2], ids[:2])
    return Sheet(api, record, ids)


async def test_who_may_read_what_it_cites_finds_and_opens_a_version(sheet: Sheet) -> None:
    whole = {sheet.first, sheet.second, sheet.id}
    for token in (as_patient(sheet.record), as_doctor(AUTHORISED), as_doctor(ATTENDING)):
        assert await sheet.found_by(token) == whole
        assert await sheet.opened_by(token) == {200}
    assert await sheet.opened_by(as_software()) == {200}, "its organisation deposited all three"


HIDDEN: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "masked, for an authorised doctor": (("N", "MASQUE_PS"), AUTHORISED, False),
    "masked, for the médecin traitant": (("N", "MASQUE_PS"), ATTENDING, True),
    "masked, for the patient": (("N", "MASQUE_PS"), "", True),
    "invisible to the patient": (("N", "INVISIBLE_PATIENT"), "", False),
    "invisible to the patient, for a doctor": (("N", "INVISIBLE_PATIENT"), AUTHORISED, True),
    "with a label that nobody knows": (("N", "TOMORROW"), AUTHORISED, False),
}


@pytest.mark.parametrize("case", sorted(HIDDEN))
async def test_a_version_goes_with_a_document_that_it_cites(sheet: Sheet, case: str) -> None:
    labels, doctor, seen = HIDDEN[case]
    token = as_doctor(doctor) if doctor else as_patient(sheet.record)
    await sheet.label(sheet.first, *labels)
    visible = {sheet.first, sheet.second, sheet.id} if seen else {sheet.second}
    assert await sheet.found_by(token) == visible
    assert await sheet.found_by(token, _sort="-period") == visible
    assert await sheet.opened_by(token) == ({200} if seen else {404})


async def test_a_version_that_cites_a_document_that_is_gone_is_gone_for_all(sheet: Sheet) -> None:
    await sheet.api.pool.execute("update documents set life = 'deleted' where id = $1", sheet.second)
    for token in (as_patient(sheet.record), as_doctor(AUTHORISED), as_doctor(ATTENDING), as_software()):
        assert await sheet.opened_by(token) == {404}
    assert await sheet.found_by(as_doctor(ATTENDING)) == {sheet.first}
    await sheet.api.pool.execute("update documents set life = 'current' where id = $1", sheet.second)
    await sheet.api.pool.execute("update documents set cites = $2 where id = $1", sheet.id, [sheet.first, uuid4()])
    assert await sheet.found_by(as_patient(sheet.record)) == {sheet.first, sheet.second}


async def test_two_versions_are_judged_each_by_what_it_cites(sheet: Sheet) -> None:
    [other] = await sheet.api.publish(a_deposit(SOMEBODY))
    await sheet.api.pool.execute("update documents set cites = $2 where id = $1", other, [sheet.second])
    await sheet.label(sheet.first, "N", "MASQUE_PS")
    assert await sheet.found_by(as_doctor(AUTHORISED)) == {sheet.second, other}
    await sheet.api.pool.execute("update documents set cites = '{}' where id = $1", other)
    await sheet.label(sheet.second, "N", "MASQUE_PS")
    assert await sheet.found_by(as_doctor(AUTHORISED)) == {other}, "it cites nothing"


async def test_a_citation_of_another_period_counts(sheet: Sheet) -> None:
    await sheet.api.pool.execute("update documents set care_on = '1999-01-01' where id = $1", sheet.first)
    period = {"period": "ge2026-01-01"}
    assert await sheet.found_by(as_doctor(AUTHORISED), **period) == {sheet.second, sheet.id}
    await sheet.label(sheet.first, "N", "MASQUE_PS")
    assert await sheet.found_by(as_doctor(AUTHORISED), **period) == {sheet.second}


async def test_the_patient_side_changes_a_version_only_where_it_sees_it(sheet: Sheet) -> None:
    async def mask() -> int:
        patch = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
        headers = {**bearer(as_patient(sheet.record)), "content-type": "application/json-patch+json"}
        answer = await sheet.api.client.patch(f"/fhir/DocumentReference/{sheet.id}", json=patch, headers=headers)
        return answer.status_code

    await sheet.label(sheet.first, "N", "INVISIBLE_PATIENT")
    assert await mask() == 404
    await sheet.label(sheet.first, "N")
    assert await mask() == 200


async def test_the_search_is_traced_with_each_version_by_itself(sheet: Sheet) -> None:
    await sheet.label(sheet.first, "N", "MASQUE_PS")
    await sheet.found_by(as_doctor(AUTHORISED))
    trace = [event for event in await sheet.api.announced(AccessRecorded) if event.action == "find-documents"][-1]
    assert sorted((each.outcome, each.reason, each.facts.get("citations")) for each in trace.combinations) == [
        ("permitted", "authorised", None),
        ("refused", "citation-hidden", "hidden"),
        ("refused", "masked", None),
    ]
