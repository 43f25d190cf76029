"""The history of reimbursements: who sees it, without what, and that every reading is traced."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.records.erasure.steps import erase_record
from services.records.reimbursements.domain.lines import KINDS
from shared.access import Permit, decide, decode_facts
from shared.access.facts import Facts
from shared.access.reimbursements import sees_amounts, sees_confidential_care
from shared.contracts.audit import AccessRecorded
from tests.infra.erasure.erasing import erase
from tests.infra.http.tokens import make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting, application
from tests.infra.records.records_api import (
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    as_doctor,
    as_patient,
    as_software,
    named,
)
from tests.infra.records.reimbursements import recent_line, store

ALICE = Person(1)
MOTHER, CARER = uuid4(), uuid4()
AMOUNTS = {"amount_paid", "amount_reimbursed", "paid_on"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """A minor's record with a medicine of 10 days ago, and confidential biology of 20 days ago."""
    record_id = await api.open_record(ALICE)
    await api.name_people(record_id, 1, representatives=[named(MOTHER)], carers=[named(CARER, "carer")], is_minor=True)
    await api.choose(record_id, 1, authorised=[DOCTOR])
    biology = {"kind": "biology", "code_system": "NABM", "code": "7402", "label": "HCG", "confidential": "true"}
    await store(api, recent_line(ALICE, 1, days_ago=10), recent_line(ALICE, 2, days_ago=20, **biology))
    return record_id


async def history(api: RecordsApi, record_id: UUID, token: str, **parameters: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    answer = await api.get(f"/records/{record_id}/history?{query}", token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


async def status(api: RecordsApi, record_id: UUID, token: str) -> int:
    return (await api.get(f"/records/{record_id}/history", token)).status_code


async def test_the_patient_sees_everything_newest_first(api: RecordsApi, record: UUID) -> None:
    shown = await history(api, record, as_patient(record))
    assert (shown["total"], shown["page"], shown["pages"]) == (2, 1, 1)
    assert [line["kind"] for line in shown["lines"]] == ["medicine", "biology"]
    medicine = shown["lines"][0]
    assert (medicine["amount_paid"], medicine["amount_reimbursed"]) == (2530, 1645)
    assert medicine["prescriber"] == {"id": "899900000018", "name": "DR CAMILLE INVENTÉE", "specialty": "SM26"}


async def test_a_representative_sees_amounts_and_no_confidential_care_nor_its_count(
    api: RecordsApi, record: UUID
) -> None:
    shown = await history(api, record, acting("representative", MOTHER, record))
    assert (shown["total"], [line["kind"] for line in shown["lines"]]) == (1, ["medicine"])
    assert shown["lines"][0].keys() >= AMOUNTS
    by_kind = await history(api, record, acting("representative", MOTHER, record), kind="biology")
    assert (by_kind["total"], by_kind["lines"], by_kind["pages"]) == (0, [], 0)


async def test_a_carer_sees_neither_amounts_nor_confidential_care(api: RecordsApi, record: UUID) -> None:
    shown = await history(api, record, acting("carer", CARER, record))
    assert (shown["total"], [line["kind"] for line in shown["lines"]]) == (1, ["medicine"])
    assert not shown["lines"][0].keys() & AMOUNTS


async def test_an_authorised_doctor_sees_the_care_and_no_money(api: RecordsApi, record: UUID) -> None:
    shown = await history(api, record, as_doctor())
    assert [line["kind"] for line in shown["lines"]] == ["medicine", "biology"]
    assert not any(line.keys() & AMOUNTS for line in shown["lines"])


async def test_nobody_else_sees_it(api: RecordsApi, record: UUID) -> None:
    assert await status(api, record, as_doctor(OTHER_DOCTOR)) == 404
    assert await status(api, record, as_patient(uuid4())) == 404
    assert await status(api, record, acting("representative", CARER, record)) == 404
    assert await status(api, record, as_software()) == 403
    assert await status(api, record, make_token("administrator", "admin-1")) == 403
    assert await status(api, record, professional_token(DOCTOR, "R94_99")) == 403
    assert await status(api, record, application()) == 404
    assert await status(api, uuid4(), as_doctor()) == 404


async def test_hiding_the_section_hides_it_from_professionals(api: RecordsApi, record: UUID) -> None:
    await api.choose(record, 2, authorised=[DOCTOR], hidden_sections=["REMB"])
    assert await status(api, record, as_doctor()) == 404
    assert (await history(api, record, as_patient(record)))["total"] == 2


async def test_every_reading_and_every_refusal_is_traced_before_anything_is_shown(
    api: RecordsApi, record: UUID
) -> None:
    before = len(await api.announced(AccessRecorded))
    await history(api, record, as_doctor())
    await status(api, record, as_doctor(OTHER_DOCTOR))
    permitted, refused = (await api.announced(AccessRecorded))[before:]
    assert (permitted.action, permitted.outcome, permitted.reason) == ("read-reimbursements", "permitted", "authorised")
    assert (refused.action, refused.outcome, refused.reason) == ("read-reimbursements", "refused", "not-authorised")
    assert permitted.facts is not None
    assert isinstance(decide(decode_facts(permitted.facts)), Permit), "the decision can be made again"


async def test_care_is_asked_for_by_period_and_kind(api: RecordsApi) -> None:
    record = await api.open_record(ALICE)
    lines = [recent_line(ALICE, number, days_ago=10 * number, kind=kind) for number, kind in enumerate(KINDS, 1)]
    await store(api, *lines)
    first, last = lines[4]["care_from"], lines[2]["care_from"]
    shown = await history(api, record, as_patient(record), period=f"{first}/{last}")
    assert [line["care_from"] for line in shown["lines"]] == [lines[number]["care_from"] for number in (2, 3, 4)]
    assert (await history(api, record, as_patient(record), period=f"{last}/"))["total"] == 3
    assert (await history(api, record, as_patient(record), period=f"/{first}"))["total"] == 3
    for line in lines:
        (only,) = (await history(api, record, as_patient(record), kind=line["kind"]))["lines"]
        assert only["kind"] == line["kind"]


async def test_pages_hold_fifty_lines_and_no_line_twice(api: RecordsApi) -> None:
    record = await api.open_record(ALICE)
    await store(api, *(recent_line(ALICE, number, days_ago=number % 9, label=f"N{number}") for number in range(120)))
    pages = [await history(api, record, as_patient(record), page=page) for page in (1, 2, 3, 4)]
    assert [len(page["lines"]) for page in pages] == [50, 50, 20, 0]
    assert {page["pages"] for page in pages} == {3}
    assert len({line["label"] for page in pages for line in page["lines"]}) == 120


async def test_a_cancelled_line_is_not_shown(api: RecordsApi) -> None:
    record = await api.open_record(ALICE)
    await store(api, recent_line(ALICE, 1), recent_line(ALICE, 2))
    await store(api, recent_line(ALICE, 1, version="2", operation="cancel"))
    assert (await history(api, record, as_patient(record)))["total"] == 1


@pytest.mark.parametrize(
    "period", ["", "2026", "2026-06-30/2026-01-01", "x/y", "2026-13-01/", "20260101/", "2026-W01-1/"]
)
async def test_a_period_that_is_none_is_refused(api: RecordsApi, record: UUID, period: str) -> None:
    answer = await api.get(f"/records/{record}/history?period={period}", as_patient(record))
    assert (answer.status_code, answer.json()["code"]) == (400, "period-invalid")


async def benefits(api: RecordsApi, record_id: UUID, token: str, page: int = 1) -> dict[str, Any]:
    answer = await api.get(f"/fhir/ExplanationOfBenefit?patient={record_id}&_page={page}", token)
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    return bundle


async def test_fhir_says_the_same_as_an_explanation_of_benefit(api: RecordsApi, record: UUID) -> None:
    bundle = await benefits(api, record, as_patient(record))
    medicine, biology = (entry["resource"] for entry in bundle["entry"])
    assert bundle["total"] == 2
    assert medicine["item"][0]["productOrService"] == {
        "coding": [{"system": "urn:oid:1.2.250.1.215.200.1.1.1", "code": "3400930000120"}],
        "text": "MÉDICAMENT INVENTÉ 500 mg, comprimé",
    }
    assert [part["amount"] for part in medicine["item"][0]["adjudication"]] == [
        {"value": 25.3, "currency": "EUR"},
        {"value": 16.45, "currency": "EUR"},
    ]
    assert (medicine["patient"]["reference"], biology["type"]["coding"][0]["code"]) == (
        f"Patient/{record}",
        "professional",
    )


async def test_fhir_hides_from_each_caller_what_the_history_hides(api: RecordsApi, record: UUID) -> None:
    assert (await benefits(api, record, acting("representative", MOTHER, record)))["total"] == 1
    carers = await benefits(api, record, acting("carer", CARER, record))
    assert carers["total"] == 1
    assert "adjudication" not in carers["entry"][0]["resource"]["item"][0]
    nobody = await benefits(api, record, as_doctor(OTHER_DOCTOR))
    absent = await benefits(api, uuid4(), as_doctor(OTHER_DOCTOR))
    assert (nobody["total"], "entry" in nobody) == (absent["total"], "entry" in absent) == (0, False)
    refused = await api.get(f"/fhir/ExplanationOfBenefit?patient={record}", as_software())
    assert refused.status_code == 403


async def test_fhir_links_page_to_page(api: RecordsApi) -> None:
    record = await api.open_record(ALICE)
    await store(api, *(recent_line(ALICE, number) for number in range(60)))
    first = await benefits(api, record, as_patient(record))
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert links["next"].endswith(f"patient={record}&_page=2")
    last = await benefits(api, record, as_patient(record), page=2)
    assert (len(first["entry"]), len(last["entry"]), [link["relation"] for link in last["link"]]) == (50, 10, ["self"])


@pytest.mark.parametrize("search", ["", "patient=x", "patient=1&patient=2", "patient={record}&_page=0", "subject=x"])
async def test_a_search_that_is_none_is_refused(api: RecordsApi, record: UUID, search: str) -> None:
    answer = await api.get(f"/fhir/ExplanationOfBenefit?{search.format(record=record)}", as_patient(record))
    assert answer.status_code == 400


async def test_of_an_erased_record_nothing_is_shown(api: RecordsApi, record: UUID) -> None:
    await erase(api.pool, erase_record, record)
    assert await status(api, record, as_patient(record)) == 404
    assert await status(api, record, as_doctor()) == 404


@pytest.mark.parametrize(
    ("kind", "amounts", "confidential"),
    [
        ("patient", True, True),
        ("representative", True, False),
        ("carer", False, False),
        ("professional", False, True),
        ("application", False, False),
        ("software", False, False),
        ("insurer", False, False),
        ("unknown", False, False),
    ],
)
def test_what_each_kind_of_caller_sees_of_a_line(kind: str, amounts: bool, confidential: bool) -> None:
    facts = Facts(action="read-reimbursements", actor_kind=kind)
    assert (sees_amounts(facts), sees_confidential_care(facts)) == (amounts, confidential)
