"""A search can be narrowed by rubric, type, period of care, author, specialty, structure, stay and title, and lists the
newest day of care first; filters never widen what a reader may see."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest

from services.records.deposits.domain.submissions import parse_and_check
from services.records.documents.api.filters import parse_filters
from services.records.documents.domain.filters import CarePeriod
from services.records.documents.domain.metadata import care_day, metadata_of
from services.records.documents.steps import document_lists
from shared.fhir import iti65
from shared.fhir.submission import Author, AuthorKind
from shared.moments import PartialDates
from shared.values import NationalProfessionalId, NationalStructureId
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    bundle_of,
    changed_bundle,
    codes,
    document_ids,
)
from tests.records.documents.test_rubrics import of_type, on

SOMEBODY = Person(87)
BY_CARE = {"_sort": "-period"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorisations=[{"holder_id": OTHER_DOCTOR, "from": "2026-01-01T00:00:00Z"}])
    await api.be_fresh()
    return record


async def pages(api: RecordsApi, record: UUID, token: str, **parameters: str) -> list[dict[str, Any]]:
    answer = await api.search(token, patient=str(record), status="current", **parameters)
    found = []
    while True:
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        following = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        if not following:
            return found
        answer = await api.get(following[0], token)


async def titles(api: RecordsApi, record: UUID, token: str, **parameters: str) -> list[str]:
    return [
        entry["resource"]["content"][0]["attachment"]["title"]
        for page in await pages(api, record, token, **parameters)
        for entry in page.get("entry", [])
    ]


async def test_the_newest_day_of_care_comes_first_on_every_page(api: RecordsApi, record: UUID) -> None:
    days = ["2025-05-01", "2026-01-31", "2024-12-24", "2026-01-31", "1998-06-30"]
    for day in days:
        await api.publish(a_deposit(SOMEBODY, title=day, period_start=on(day)))
    for count in ("1", "2", "50"):
        assert await titles(api, record, as_patient(record), _count=count, **BY_CARE) == sorted(days, reverse=True)
    assert await titles(api, record, as_patient(record)) == days[::-1], "without _sort the newest deposit is first"


async def test_a_rubric_a_type_a_class_and_a_period_narrow_the_list_and_its_total(
    api: RecordsApi, record: UUID
) -> None:
    for code, day in (("11502-2", "2026-02-28"), ("11502-2", "2026-03-01"), ("11488-4", "2026-03-31")):
        await api.publish(of_type(code, title=f"{code} {day}", period_start=on(day)))
    for parameters, expected in (
        ({"rubric": "laboratory"}, ["11502-2 2026-03-01", "11502-2 2026-02-28"]),
        ({"rubric": "laboratory,reports", "period": "2026-03"}, ["11488-4 2026-03-31", "11502-2 2026-03-01"]),
        ({"type": "http://loinc.org|11488-4"}, ["11488-4 2026-03-31"]),
        ({"category": "10", "period": "lt2026-03"}, ["11502-2 2026-02-28"]),
        ({"rubric": "imaging"}, []),
    ):
        [page] = await pages(api, record, as_patient(record), **BY_CARE, **parameters)
        assert page["total"] == len(expected)
        assert await titles(api, record, as_patient(record), **BY_CARE, **parameters) == expected


async def test_both_bounds_of_a_period_may_be_sent_and_stay_in_the_links(api: RecordsApi, record: UUID) -> None:
    for day in ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"):
        await api.publish(a_deposit(SOMEBODY, title=day, period_start=on(day)))
    path = f"/fhir/DocumentReference?patient={record}&status=current&period=ge2026-02-01&period=lt2026-03&_count=1"
    listed, token = [], as_patient(record)
    while path:
        page = (await api.get(path, token)).json()
        assert page["total"] == 2
        listed += [entry["resource"]["content"][0]["attachment"]["title"] for entry in page["entry"]]
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert listed == ["2026-02-28", "2026-02-01"]


def _author(professional: str, structure: str, role: str) -> Author:
    return Author(AuthorKind.PROFESSIONAL, NationalProfessionalId(professional), NationalStructureId(structure), role)


async def test_author_specialty_structure_and_title_are_looked_for_in_the_sealed_metadata(
    api: RecordsApi, record: UUID
) -> None:
    clinic = _author(OTHER_DOCTOR, CLINIC, "G15_10/SM05")
    await api.publish(a_deposit(SOMEBODY, title="Échographie du foie"))
    await api.publish(a_deposit(SOMEBODY, title="Bilan hépatique", authors=(clinic,)))
    for parameters, expected in (
        ({"author:identifier": f"urn:oid:1.2.250.1.71.4.2.1|{OTHER_DOCTOR}"}, ["Bilan hépatique"]),
        ({"specialty": "SM26"}, ["Échographie du foie"]),
        ({"specialty": "G15_10/SM05"}, ["Bilan hépatique"]),
        ({"organization": CLINIC}, ["Bilan hépatique"]),
        ({"organization": HOSPITAL}, ["Bilan hépatique", "Échographie du foie"]),
        ({"title": "FOIE echographie"}, ["Échographie du foie"]),
        ({"title": "hépatique foie"}, []),
        ({"setting": "ETABLISSEMENT", "title": "bilan"}, ["Bilan hépatique"]),
    ):
        assert await titles(api, record, as_patient(record), **parameters) == expected, parameters
    [page] = await pages(api, record, as_patient(record), title="foie")
    assert "total" not in page


async def test_the_documents_of_a_stay_are_listed_by_its_depositor_and_its_encounter(
    api: RecordsApi, record: UUID
) -> None:
    for title, stay in (("Entrée", "S-42"), ("Autre séjour", "S-43"), ("Sortie", "S-42")):
        encounter = [{"identifier": {"system": "urn:oid:1.2.250.1.999.3", "value": stay}}]
        body = changed_bundle(
            bundle_of(a_deposit(SOMEBODY, title=title)),
            lambda bundle, of=encounter: bundle["entry"][1]["resource"]["context"].update(encounter=of),
        )
        await api.decide(*document_ids(await api.deposit(body)))
    parameters = {"encounter:identifier": "urn:oid:1.2.250.1.999.3|S-42", "organization": HOSPITAL}
    assert await titles(api, record, as_patient(record), **parameters) == ["Sortie", "Entrée"]
    assert await titles(api, record, as_patient(record), **{**parameters, "organization": CLINIC}) == []


async def test_a_filter_on_sealed_metadata_goes_through_a_long_record_page_by_page(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_lists, "MOST_OPENED", 3)
    for number in range(8):
        await api.publish(a_deposit(SOMEBODY, title="Radio" if number in (0, 4) else "Consultation"))
    found = await pages(api, record, as_patient(record), title="radio", _count="1")
    assert [len(page.get("entry", [])) for page in found] == [0, 1, 1]
    assert await titles(api, record, as_patient(record), title="radio", **BY_CARE) == ["Radio", "Radio"]


async def test_filters_and_orders_show_nothing_that_is_hidden_from_the_reader(api: RecordsApi, record: UUID) -> None:
    await api.publish(of_type("11502-2", title="Vu"), of_type("11502-2", title="Masqué", labels=("N", "MASQUE_PS")))
    for parameters in ({}, BY_CARE, {"rubric": "laboratory"}, {"title": "masque"}, {"period": "2026"}):
        assert "Masqué" not in await titles(api, record, as_doctor(OTHER_DOCTOR), **parameters)
    assert await titles(api, record, as_doctor(OTHER_DOCTOR), rubric="laboratory") == ["Vu"]
    assert await titles(api, record, as_doctor(DOCTOR), title="masque") == ["Masqué"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rubric", "cardiology"),
        ("period", "last week"),
        ("period", "2026-13"),
        ("period", "ap2026"),
        ("_sort", "title"),
        ("_after", "2026-01-01_0199a3c4-5d00-8b22-8c7e-2f6c1d4e9a3b"),
        ("title", " "),
        ("title", "a" * 201),
    ],
)
async def test_a_filter_that_cannot_be_applied_is_refused(api: RecordsApi, record: UUID, name: str, value: str) -> None:
    answer = await api.search(as_patient(record), patient=str(record), status="current", **{name: value})
    assert (answer.status_code, codes(answer)) == (400, ["search-invalid"])


async def test_a_total_that_would_need_every_page_is_refused(api: RecordsApi, record: UUID) -> None:
    answer = await api.search(as_patient(record), patient=str(record), status="current", title="foie", _count="0")
    assert (answer.status_code, codes(answer)) == (400, ["search-invalid"])


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("eq2026-03-12", "2026-03-12", "2026-03-12"),
        ("gt2026-12", "2027-01-01", "9999-12-31"),
        ("le2026-02", "0001-01-01", "2026-02-28"),
        ("ge2026-02-01 lt2026-03", "2026-02-01", "2026-02-28"),
    ],
)
def test_a_period_is_read_after_fhir(text: str, first: str, last: str) -> None:
    assert parse_filters({"period": text}).period == CarePeriod(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("start", "partial", "day"),
    [
        ("2026-03-11T23:30:00+00:00", None, "2026-03-12"),
        ("2026-03-11T23:30:00+04:00", None, "2026-03-11"),
        ("2026-02-28T23:00:00+00:00", "2026-03", "2026-03-01"),
        ("2025-12-31T23:00:00+00:00", "2026", "2026-01-01"),
    ],
)
def test_the_day_of_care_is_the_one_where_the_act_began(start: str, partial: str | None, day: str) -> None:
    moment = datetime.fromisoformat(start)
    deposit = a_deposit(SOMEBODY, period_start=moment, partial_dates=PartialDates(period_start=partial))
    metadata = metadata_of(parse_and_check(iti65.bundle(deposit)).documents[0])
    assert care_day(metadata) == date.fromisoformat(day)
