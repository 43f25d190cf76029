"""The overview of a record counts, by rubric, exactly the documents that its reader may see, and what is new."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.audit import AccessRecorded
from shared.fhir import iti65
from shared.terminology.documents import document_type, document_types, section_labels
from shared.terminology.rubrics import FALLBACK, VERSION, rubric_of, rubrics
from tests.infra.http.tokens import operator_token, patient_token
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
)

SOMEBODY = Person(87)
EMPTY: dict[str, int] = dict.fromkeys([str(rubric.code) for rubric in rubrics()], 0)


def of_type(code: str, **changed: Any) -> iti65.Deposit:
    kind = document_type(code)
    assert kind is not None
    return a_deposit(SOMEBODY, type=kind, **changed)


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T10:00:00+00:00")


async def overview(api: RecordsApi, record: UUID, token: str, **headers: str) -> dict[str, Any]:
    answer = await api.get(f"/records/{record}/rubrics", token, **headers)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def counts(api: RecordsApi, record: UUID, token: str) -> dict[str, int]:
    return {row["code"]: row["documents"] for row in (await overview(api, record, token))["rubrics"]}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorisations=[{"holder_id": OTHER_DOCTOR, "from": "2026-01-01T00:00:00Z"}])
    await api.be_fresh()
    return record


def test_each_section_and_each_type_belongs_to_a_rubric() -> None:
    assert [rubric.code for rubric in rubrics()] == [
        *("synthesis", "care", "reports", "imaging", "laboratory", "prevention", "certificates", "personal")
    ]
    by_section = {section: rubric_of(section) for section in section_labels()}
    assert by_section == {
        "SYNTHESE": "synthesis",
        "CPT_REND": "reports",
        "RADIO_SC": "imaging",
        "BIOLOGIE": "laboratory",
        **dict.fromkeys(("ORD_SOIN", "REMB"), "care"),
        **dict.fromkeys(("DEPISTAG", "CAR_VAC"), "prevention"),
        **dict.fromkeys(("CERT_MED", "DOC_ADM"), "certificates"),
        **dict.fromkeys(("AUTR_DOC", "DIR_ANT", "VDP", "QUEST_SANTE", "SYNTH_PML"), "personal"),
    }
    assert {rubric_of(kind.section) for kind in document_types().values()} == set(by_section.values())
    assert rubric_of("TOMORROW") == FALLBACK == "reports"


async def test_a_patient_sees_the_documents_of_each_rubric_and_the_newest_day_of_care(
    api: RecordsApi, record: UUID
) -> None:
    deposits = [of_type("11502-2", period_start=on(day)) for day in ("2024-03-01", "2026-02-28", "2025-07-14")]
    await api.publish(*deposits, of_type("11488-4"), of_type("87273-9"))
    shown = await overview(api, record, as_patient(record), **{"accept-language": "fr"})
    assert (shown["table_version"], shown["since"]) == (VERSION, None)
    assert {row["code"]: row["documents"] for row in shown["rubrics"]} == {
        **EMPTY,
        "laboratory": 3,
        "reports": 1,
        "prevention": 1,
    }
    [laboratory] = [row for row in shown["rubrics"] if row["code"] == "laboratory"]
    assert (laboratory["label"], laboratory["newest_care_on"], laboratory["new"]) == ("Laboratoire", "2026-02-28", None)


async def test_a_document_of_a_section_that_the_table_lacks_is_counted_under_reports(
    api: RecordsApi, record: UUID
) -> None:
    await api.publish(of_type("11502-2"))
    await api.pool.execute("update documents set section = 'TOMORROW'")
    assert await counts(api, record, as_patient(record)) == EMPTY | {"reports": 1}


async def test_what_a_reader_may_not_see_is_not_counted(api: RecordsApi, record: UUID) -> None:
    await api.publish(
        of_type("11502-2"),
        of_type("11502-2", labels=("N", "MASQUE_PS")),
        of_type("11502-2", labels=("N", "INVISIBLE_PATIENT")),
    )
    assert (await counts(api, record, as_patient(record)))["laboratory"] == 2
    assert (await counts(api, record, as_doctor(OTHER_DOCTOR)))["laboratory"] == 2
    assert (await counts(api, record, as_doctor(DOCTOR)))["laboratory"] == 3
    assert await counts(api, record, as_doctor("899900000034")) == EMPTY
    assert await counts(api, uuid4(), as_doctor(OTHER_DOCTOR)) == EMPTY
    for token in (as_software(), operator_token()):
        assert (await api.get(f"/records/{record}/rubrics", token)).status_code == 403


async def test_the_overview_is_traced_as_a_search(api: RecordsApi, record: UUID) -> None:
    await api.publish(of_type("11502-2"))
    await overview(api, record, as_doctor(OTHER_DOCTOR))
    [trace] = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"]
    assert (trace.actor.id, trace.outcome, len(trace.combinations)) == (OTHER_DOCTOR, "permitted", 1)


async def test_what_was_published_since_the_readers_previous_session_is_new(api: RecordsApi, record: UUID) -> None:
    first, second, third = (patient_token(record, uuid4()) for _ in range(3))
    await api.publish(of_type("11502-2"))
    assert (await overview(api, record, first))["since"] is None
    await api.publish(of_type("11502-2"), of_type("11488-4"))
    assert (await overview(api, record, first))["since"] is None, "the first session goes on"
    await api.publish(of_type("11502-2"))
    new_in = [
        {row["code"]: row["new"] for row in (await overview(api, record, token))["rubrics"] if row["new"]}
        for token in (second, second, third)
    ]
    assert new_in == [{"laboratory": 1}, {"laboratory": 1}, {}]


async def test_a_document_that_waited_for_its_check_is_new_once_it_is_published(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(iti65.bundle(of_type("11502-2")))
    [document] = [UUID(row["id"]) for row in map(dict, await api.pool.fetch("select id::text from documents"))]
    assert answer.status_code == 200
    await overview(api, record, patient_token(record, uuid4()))
    await api.decide(document)
    shown = await overview(api, record, patient_token(record, uuid4()))
    assert datetime.fromisoformat(shown["since"]) < datetime.now(UTC)
    assert {row["code"]: row["new"] for row in shown["rubrics"] if row["new"]} == {"laboratory": 1}
