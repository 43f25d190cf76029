"""Results over time of a record: what its reader may see, from documents that laboratories deposited."""

from uuid import UUID

from services.records.clinical_facts.domain.values import Concept, Quantity, QuantityRange, ReferenceRange
from shared.contracts.audit import AccessRecorded
from shared.terminology.documents import document_type
from tests.infra.http.tokens import operator_token
from tests.infra.load.documents import Person
from tests.infra.records.facts import insert_blocks
from tests.infra.records.records_api import DOCTOR, OTHER_DOCTOR, RecordsApi, a_deposit, as_doctor, as_patient
from tests.infra.records.results import HAEMOGLOBIN, a_result

SOMEBODY = Person(71)
REPORT = {"type": document_type("11502-2"), "title": "Biologie inventée"}


async def published(api: RecordsApi, *values: tuple[str, str, str], **deposit: object) -> UUID:
    """Publishes a report with results: value, unit and time of each."""
    [document] = await api.publish(a_deposit(SOMEBODY, **{**REPORT, **deposit}))
    facts = [a_result(value, unit, at).fact for value, unit, at in values]
    await insert_blocks(api, {document: facts}, text_only=0)
    return document


async def a_record(api: RecordsApi) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorised=[OTHER_DOCTOR])
    return record


async def test_three_results_of_a_laboratory_are_a_line_with_their_documents(api: RecordsApi) -> None:
    record = await a_record(api)
    documents = [
        await published(api, ("12.5", "g/dL", "2026-01-05T08:00+01:00")),
        await published(api, ("121", "g/L", "2026-02-05")),
        await published(api, ("11.8", "g/dL", "2026-03")),
    ]
    answer = await api.get(f"/records/{record}/results/{HAEMOGLOBIN}", as_doctor(OTHER_DOCTOR))
    body = answer.json()
    assert body["analysis"] == {
        "code": HAEMOGLOBIN,
        "system": "http://loinc.org",
        "name": "Haemoglobin",
        "name_fr": "Hémoglobine",
        "name_en": "Haemoglobin",
    }
    [line] = body["lines"]
    assert (line["unit"], line["trend"], body["status"]) == ("g/dL", "falling", "complete")
    assert [point["number"] for point in line["points"]] == ["11.8", "12.1", "12.5"]
    assert line["points"][1]["value"] == {"text": "121 g/L", "number": "121", "unit": "g/L"}
    assert [point["time"] for point in line["points"]] == [
        {"at": "2026-03"},
        {"at": "2026-02-05"},
        {"at": "2026-01-05T08:00+01:00"},
    ]
    assert [point["sources"][0]["document_id"] for point in line["points"]] == [str(id) for id in reversed(documents)]
    assert line["points"][0]["sources"][0]["title"] == "Biologie inventée"


async def test_the_overview_names_each_analysis_in_the_readers_language_with_its_newest_result(api: RecordsApi) -> None:
    record = await a_record(api)
    await published(api, ("12.5", "g/dL", "2026-01-05"), ("13", "g/dL", "2026-02-05"))
    answer = await api.get(f"/records/{record}/results", as_patient(record), **{"accept-language": "fr"})
    [analysis] = answer.json()["analyses"]
    assert (analysis["name"], analysis["count"], analysis["lines"]) == ("Hémoglobine", 2, 1)
    assert (analysis["last"]["text"], analysis["last_at"], analysis["trend"]) == ("13 g/dL", "2026-02-05", "rising")


async def test_a_result_of_a_document_that_the_reader_may_not_see_is_no_point_and_no_part_of_a_trend(
    api: RecordsApi,
) -> None:
    record = await a_record(api)
    await published(api, ("12.5", "g/dL", "2026-01-05"))
    await published(api, ("9", "g/dL", "2026-02-05"), labels=("N", "MASQUE_PS"))
    doctor = await api.get(f"/records/{record}/results", as_doctor(OTHER_DOCTOR))
    author = await api.get(f"/records/{record}/results", as_doctor(DOCTOR))
    [seen], [own] = doctor.json()["analyses"], author.json()["analyses"]
    assert (seen["count"], seen["last"]["number"], "trend" in seen) == (1, "12.5", False)
    assert (own["count"], own["last"]["number"], own["trend"]) == (2, "9", "falling")


async def test_a_period_and_another_system_narrow_the_results(api: RecordsApi) -> None:
    record = await a_record(api)
    await published(api, ("1", "g/L", "2026-01-31T23:30+01:00"), ("2", "g/L", "2026-02"), ("3", "g/L", "2026-03-01"))

    async def numbers(parameters: str) -> list[str]:
        answer = await api.get(f"/records/{record}/results/{HAEMOGLOBIN}?{parameters}", as_patient(record))
        return [point["number"] for line in answer.json()["lines"] for point in line["points"]]

    assert await numbers("from=2026-02-01") == ["3", "2"]
    assert await numbers("to=2026-01-31") == ["1"]
    assert await numbers("from=2026-02-01&to=2026-02-28") == ["2"]
    assert await numbers("system=urn:oid:2.16.840.1.113883.6.1") == ["3", "2", "1"]
    assert await numbers("system=urn:oid:1.2.250.1.213.2.7") == []


async def test_bounds_keep_their_comparator_and_ranges_are_the_laboratorys_own(api: RecordsApi) -> None:
    record = await a_record(api)
    [document] = await api.publish(a_deposit(SOMEBODY, **REPORT))
    ranges = (ReferenceRange(QuantityRange(None, Quantity("5", "mg/L")), "< 5", Concept(text="normal")),)
    facts = [
        a_result(Quantity("1.0", "mg/L", "<"), at="2026-02-01", ranges=ranges).fact,
        a_result("0.004", "g/L", "2026-03-01").fact,
    ]
    await insert_blocks(api, {document: facts}, text_only=0)
    answer = await api.get(f"/records/{record}/results/{HAEMOGLOBIN}", as_patient(record))
    [line] = answer.json()["lines"]
    newest, bound = line["points"]
    assert (newest["is_plotted"], bound["is_plotted"], bound["value"]["comparator"]) == (True, False, "<")
    assert (bound["number"], bound["ranges"][0]["high_in_unit"], bound["ranges"][0]["text"]) == (
        "0.001",
        "0.005",
        "< 5",
    )


async def test_the_reading_is_in_the_ledger_as_a_search_and_an_unknown_record_is_empty(api: RecordsApi) -> None:
    record = await a_record(api)
    await published(api, ("12.5", "g/dL", "2026-01-05"))
    await api.get(f"/records/{record}/results/{HAEMOGLOBIN}", as_doctor(OTHER_DOCTOR))
    [*_, access] = [each for each in await api.announced(AccessRecorded) if each.actor.id == OTHER_DOCTOR]
    assert (access.action, access.outcome, access.subject_id) == ("find-documents", "permitted", None)
    unknown = await api.get(f"/records/{UUID(int=5)}/results", as_doctor(OTHER_DOCTOR))
    assert (unknown.status_code, unknown.json()) == (200, {"analyses": []})
    operator = await api.get(f"/records/{record}/results", operator_token())
    assert operator.status_code == 403
