"""Dates come back as precise as they were sent, wherever a document is answered with."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.records.documents.domain.metadata import DocumentMetadata, metadata_of
from shared.fhir.bundle import parse_submission
from shared.moments import NO_PARTIAL_DATES, PartialDates
from tests.infra.load.documents import Person
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient, bundle_of, codes

SOMEBODY = Person(83)
MOMENT = "2026-10-01T09:30:00Z"


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


def dates_of(resource: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return resource["content"][0]["attachment"]["creation"], resource["context"]["period"]


@pytest.mark.parametrize(
    ("dates", "creation", "period"),
    [
        (PartialDates("2026-03-12", "2026-03-10", None), "2026-03-12", {"start": "2026-03-10"}),
        (PartialDates("2026-03", "2026", None), "2026-03", {"start": "2026"}),
        (PartialDates("2026", None, None), "2026", {"start": MOMENT}),
        (PartialDates(None, MOMENT, "2026-10-01"), MOMENT, {"start": MOMENT, "end": "2026-10-01"}),
        (PartialDates(None, MOMENT, "2026-10"), MOMENT, {"start": MOMENT, "end": "2026-10"}),
    ],
)
async def test_dates_come_back_as_they_were_sent(
    api: RecordsApi, record: UUID, dates: PartialDates, creation: str, period: dict[str, str]
) -> None:
    deposit = a_deposit(SOMEBODY)
    end = deposit.period_start if dates.period_end else None
    [document] = await api.publish(a_deposit(SOMEBODY, partial_dates=dates, period_end=end))
    read = (await api.get(f"/fhir/DocumentReference/{document}", as_patient(record))).json()
    assert dates_of(read) == (creation, period)
    page = (await api.search(as_patient(record), patient=str(record), status="current")).json()
    [found] = [entry["resource"] for entry in page["entry"] if entry["resource"]["id"] == str(document)]
    assert dates_of(found) == (creation, period)


async def test_a_period_that_ends_before_it_starts_is_refused(api: RecordsApi, record: UUID) -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    bundle["entry"][1]["resource"]["context"]["period"] = {"start": "2026-03-12T14:00:00Z", "end": "2026-03-11"}
    answer = await api.deposit(orjson.dumps(bundle))
    assert (answer.status_code, codes(answer)) == (422, ["element-invalid"])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.context.period.end"]


@pytest.mark.parametrize("day", ["2026-03-12", "2026-03", "2026", "2026-03-12T09:30"])
async def test_the_date_of_the_reference_is_an_instant_and_no_day_is_completed(
    api: RecordsApi, record: UUID, day: str
) -> None:
    """FHIR R4: DocumentReference.date is an instant, attachment.creation and context.period hold dateTimes."""
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    bundle["entry"][1]["resource"]["date"] = day
    answer = await api.deposit(orjson.dumps(bundle))
    assert (answer.status_code, codes(answer)) == (422, ["element-invalid"])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.date"]


async def test_the_submission_set_may_name_a_day(api: RecordsApi, record: UUID) -> None:
    """FHIR R4: List.date is a dateTime."""
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    bundle["entry"][0]["resource"]["date"] = "2026-03-12"
    assert (await api.deposit(orjson.dumps(bundle))).status_code == 200


def test_metadata_of_older_releases_has_moments_only() -> None:
    [document] = parse_submission(bundle_of(a_deposit(SOMEBODY))).documents
    metadata = metadata_of(document)
    stored = orjson.loads(metadata.model_dump_json())
    assert stored.pop("partial_dates") == asdict(NO_PARTIAL_DATES)
    assert DocumentMetadata.model_validate_json(orjson.dumps(stored)) == metadata
