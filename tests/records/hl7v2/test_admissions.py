"""A hospital's ADT messages: the identity is compared, the collected consents are reported, nothing else is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.records import CollectedConsentReported, CopyApplied
from shared.hl7v2.timestamps import timestamp_of
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import outbox
from tests.infra.records.hl7v2_admissions import Admission, collected, hl7_time
from tests.infra.records.hl7v2_messages import MllpClient, pid
from tests.infra.records.records_api import DOCTOR, HOSPITAL, RecordsApi

SOMEBODY = Person(71)
IDENTITY = ("A28", "A31", "A40", "A47")
WITH_CONSENTS = ("A01", "A04", "A05", "A08", *IDENTITY)
HOUR = timedelta(hours=1)


async def announced(api: RecordsApi) -> list[Event]:
    """Returns what the messages announced; the copies of the record in the fixtures announce that they are applied."""
    return [event for event in await outbox(api.pool) if not isinstance(event, CopyApplied)]


@pytest.mark.parametrize("event", WITH_CONSENTS)
async def test_collected_consents_are_reported_with_their_dates_and_entered_in_the_ledger(
    api: RecordsApi, record: UUID, hospital: MllpClient, event: str
) -> None:
    await api.enter_professional(DOCTOR, "G15_10")
    stay = hl7_time(-48 * HOUR)
    consents = collected("IO", "IC", "20261001101500")
    admission = Admission(SOMEBODY, event, consents, f"{DOCTOR}^INVENTEE^Camille", stay)
    assert (await hospital.send(admission.encoded())).answer == "AA"
    [report, access] = await announced(api)
    assert isinstance(report, CollectedConsentReported)
    assert isinstance(access, AccessRecorded)
    assert (report.record_id, report.organisation_id, report.client_id) == (record, HOSPITAL, "laboratoire")
    assert (report.feeding, report.consultation, report.professional_id) == ("IO", "IC", DOCTOR)
    collected_at = datetime(2026, 10, 1, 8, 15, tzinfo=UTC)
    assert (report.feeding_at, report.consultation_at) == (collected_at, collected_at)
    until = timestamp_of(stay)
    assert until is not None
    assert report.stay_until == until.at
    assert (access.action, access.outcome, access.reason) == ("report-consents", "permitted", "consents-collected")
    assert (access.actor.kind, access.actor.id, access.actor.organisation_id) == ("software", "laboratoire", HOSPITAL)


@pytest.mark.parametrize("event", ["A03", "A11"])
async def test_the_end_of_a_stay_and_its_cancellation_change_no_rights(
    api: RecordsApi, record: UUID, hospital: MllpClient, event: str
) -> None:
    admission = Admission(SOMEBODY, event, collected("IO", "INC"), pid=pid(SOMEBODY, birth_name="AUTRE"))
    assert (await hospital.send(admission.encoded())).answer == "AA"
    assert await announced(api) == []


@pytest.mark.parametrize(
    ("consents", "answer"),
    [
        ({}, "AA"),
        (collected("NA", "NA", ""), "AA"),
        (collected("XX"), "AE 103"),
        (collected("", "IO"), "AE 103"),
        (collected("IO", at=hl7_time(-HOUR)), "AE 103"),
        (collected("IO", "IC", "2026-10-01"), "AE 102"),
        (collected("IO", "IC", "20261301"), "AE 102"),
        (collected("", "IC", ""), "AE 101"),
        ({**collected("IO"), **collected("", "IC", hl7_time(-HOUR))}, "AE 103"),
    ],
)
async def test_what_says_nothing_is_not_kept_and_what_cannot_be_understood_applies_nothing(
    api: RecordsApi, record: UUID, hospital: MllpClient, consents: dict[int, str], answer: str
) -> None:
    sent = await hospital.send(Admission(SOMEBODY, consents=consents).encoded())
    assert sent.answer == answer, sent.raw
    assert await announced(api) == []


async def test_an_expected_end_that_is_no_date_applies_nothing(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    admission = Admission(SOMEBODY, consents=collected("IO", "IC"), stay_until="demain")
    assert (await hospital.send(admission.encoded())).answer == "AE 102"
    assert await announced(api) == []


@pytest.mark.parametrize("status", [None, "closed", "deceased"])
async def test_consents_about_nobody_s_open_record_are_accepted_and_not_kept(
    api: RecordsApi, hospital: MllpClient, status: str | None
) -> None:
    if status is not None:
        await api.open_record(SOMEBODY, status=status)
    changed = pid(SOMEBODY, birth_name="AUTRE")
    for number, event in enumerate(("A01", "A28")):
        admission = Admission(SOMEBODY, event, collected("IO"), control_id=f"A-{number}", pid=changed)
        assert (await hospital.send(admission.encoded())).answer == "AA"
    assert await announced(api) == []
    assert await api.pool.fetchval("select count(*) from records") == (status is not None), "no record is opened"


@pytest.mark.parametrize("number", ["", "123"])
async def test_a_message_without_an_ins_is_accepted_and_not_kept(
    api: RecordsApi, record: UUID, hospital: MllpClient, number: str
) -> None:
    admission = Admission(SOMEBODY, consents=collected("IO"), pid=pid(SOMEBODY).replace(SOMEBODY.ins, number))
    assert (await hospital.send(admission.encoded())).answer == "AA"
    assert await announced(api) == []


@pytest.mark.parametrize("event", IDENTITY)
async def test_an_identity_is_compared_with_the_record_s(
    api: RecordsApi, record: UUID, hospital: MllpClient, event: str
) -> None:
    same = Admission(SOMEBODY, event)
    assert (await hospital.send(same.encoded())).answer == "AA"
    assert await announced(api) == [], "nothing is kept of one that agrees"
    other = replace(same, pid=pid(SOMEBODY, birth_date="19010203"))
    refused = await hospital.send(other.encoded())
    assert refused.answer == "AE 207 904"
    assert b"birth" not in refused.raw, "which trait differs is not disclosed"
    [access] = await announced(api)
    assert isinstance(access, AccessRecorded)
    assert (access.action, access.outcome, access.reason) == ("check-record", "refused", "traits-mismatch")


async def test_consents_of_another_person_under_this_ins_are_not_reported(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    admission = Admission(SOMEBODY, "A01", collected("IO"), pid=pid(SOMEBODY, birth_name="AUTRE"))
    assert (await hospital.send(admission.encoded())).answer == "AE 207 904"
    [access] = await announced(api)
    assert isinstance(access, AccessRecorded)
    assert (access.action, access.outcome, access.reason) == ("report-consents", "refused", "traits-mismatch")


async def test_a_movement_without_consents_compares_nothing(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    admission = Admission(SOMEBODY, "A08", pid=pid(SOMEBODY, birth_name="AUTRE"))
    assert (await hospital.send(admission.encoded())).answer == "AA"
    assert await announced(api) == []


async def test_a_repeated_message_is_reported_once(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    admission = Admission(SOMEBODY, consents=collected("IO")).encoded()
    first = await hospital.send(admission)
    assert (await hospital.send(admission)).raw == first.raw
    assert len(await announced(api)) == 2


@pytest.mark.parametrize("doctor", ["", "899900000026^X", "99900000018^INVENTEE", "n'importe quoi"])
async def test_a_professional_is_named_only_where_the_directory_has_them(
    api: RecordsApi, record: UUID, hospital: MllpClient, doctor: str
) -> None:
    await api.enter_professional(DOCTOR, "G15_10")
    await api.enter_professional("899900000026", "G15_10", active=False)
    await hospital.send(Admission(SOMEBODY, consents=collected("IO"), doctor=doctor).encoded())
    [report, _] = await announced(api)
    assert isinstance(report, CollectedConsentReported)
    assert report.professional_id == (DOCTOR if doctor.startswith("999") else None)


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("20260701", "2026-06-30T22:00", "2026-07-01T22:00"),
        ("2026070110", "2026-07-01T08:00", "2026-07-01T08:00"),
        ("202601011030", "2026-01-01T09:30", "2026-01-01T09:30"),
        ("20260101103059.1234+0400", "2026-01-01T06:30:59", "2026-01-01T06:30:59"),
        ("20260101103059.123456789+04", "2026-01-01T06:30:59", "2026-01-01T06:30:59"),
        ("20161231235960+0000", "2017-01-01T00:00", "2017-01-01T00:00"),
        ("20160101000061", None, None),
        ("20260329", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026", None, None),
        ("202601", None, None),
        ("20260230", None, None),
        ("20260101250000", None, None),
        ("20260101+9900", None, None),
        ("99991231", "9000-01-01T00:00", "9000-01-01T00:00"),
    ],
)
def test_dates_of_hl7_v2_are_moments_in_french_time(text: str, moment: str | None, end: str | None) -> None:
    timestamp = timestamp_of(text)
    if moment is None or end is None:
        assert timestamp is None
        return
    assert timestamp is not None
    assert timestamp.at == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert timestamp.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_the_clock_of_the_tests_is_that_of_the_messages() -> None:
    timestamp = timestamp_of(hl7_time(timedelta()))
    assert timestamp is not None
    assert abs(timestamp.at - clock.now()) < timedelta(minutes=1)
