"""Who looks at the choices of a record, or is refused it, stands in the ledger."""

from uuid import uuid4

import httpx2
import pytest

from services.consent.choices.usecases import view_choices
from tests.infra.consent.consent_api import APPLICATION, Record, person, representative
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)

DOCTOR, HOSPITAL = "899700000001", "1750000001"
LOOKS = ("choices", "choices/history", "choices/versions/1")


async def answers_to_views(record: Record, token: str) -> set[tuple[int, str]]:
    """The answers to each way of looking at the choices."""
    answers = [await record.ask("GET", path, token=token) for path in LOOKS]
    parameters, headers = {"patient": str(record.id)}, bearer(token)
    answers.append(await record.api.client.get("/fhir/Consent", params=parameters, headers=headers))
    return {
        (answer.status_code, answer.text if answer.status_code == 404 and not is_fhir(answer) else "")
        for answer in answers
    }


def is_fhir(answer: httpx2.Response) -> bool:
    return answer.headers["content-type"].startswith("application/fhir+json")


async def test_who_looks_at_the_choices_for_the_person_is_named_in_the_ledger(record: Record) -> None:
    parent, carer = uuid4(), uuid4()
    await record.announce_people(representatives=(person(parent),), carers=(person(carer),))
    assert {status for status, _ in await answers_to_views(record, record.holder)} == {200}
    assert await record.entries() == []
    for kind, id in (("representative", parent), ("carer", carer)):
        assert {status for status, _ in await answers_to_views(record, representative(record.id, id, kind))} == {200}
        for entry in (await record.entries())[-4:]:
            assert (entry.action, entry.outcome, entry.reason) == ("see-choices", "permitted", kind)
            assert (entry.actor.kind, entry.actor.id) == (kind, str(id))
    assert len(await record.entries()) == 8


async def test_a_refused_look_at_the_choices_is_in_the_ledger_of_the_record_that_is_there(record: Record) -> None:
    missing = Record(record.api, uuid4())
    await record.announce_people(carers=(person(uuid4()),))
    doctor, software = professional_token(DOCTOR), software_token("software-1", HOSPITAL)
    for token, status, reason, count in (
        (patient_token(uuid4()), 404, "not-own-record", 4),
        (representative(uuid4(), uuid4()), 404, "not-own-record", 4),
        (representative(record.id, uuid4(), "carer"), 404, "not-own-record", 4),
        (operator_token(), 403, "kind-not-permitted", 4),
        (make_token("application", APPLICATION), 403, "kind-not-permitted", 4),
        (doctor, 403, "kind-not-permitted", 3),
        (software, 403, "kind-not-permitted", 3),
    ):
        before = len(await record.entries())
        of_known_record = await answers_to_views(record, token)
        entries = (await record.entries())[before:]
        assert {(entry.action, entry.outcome, entry.reason) for entry in entries} == {
            ("see-choices", "refused", reason)
        }
        assert len(entries) == count, "a professional's search of own authorisations is refused to nobody"
        assert status in {code for code, _ in of_known_record}
        assert of_known_record == await answers_to_views(missing, token)
    assert await missing.events() == []


async def test_a_look_that_cannot_be_checked_now_is_in_the_ledger(record: Record) -> None:
    parent = uuid4()
    await record.announce_people(representatives=(person(parent),))
    await record.api.pool.execute("update copy_watermarks set at = at - interval '1 hour'")
    assert {status for status, _ in await answers_to_views(record, representative(record.id, parent))} == {503}
    assert {(entry.action, entry.reason) for entry in await record.entries()} == {("see-choices", "copies-too-old")}
    await record.api.pool.execute("update record_copies set status = 'closed'")
    await record.api.pool.execute("update copy_watermarks set at = now()")
    assert {status for status, _ in await answers_to_views(record, representative(record.id, parent))} == {404}
    assert (await record.entries())[-1].reason == "record-closed"


async def test_the_choices_of_a_deceased_person_are_shown_to_nobody(record: Record) -> None:
    await record.api.pool.execute("update record_copies set status = 'deceased'")
    assert {status for status, _ in await answers_to_views(record, patient_token(record.id))} == {404}
    assert {(entry.outcome, entry.reason) for entry in await record.entries()} == {("refused", "holder-deceased")}


async def test_nothing_is_shown_to_who_acts_for_the_person_without_its_entry(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = uuid4()
    await record.announce_people(representatives=(person(parent),))

    async def crash(*_: object) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(view_choices, "append", crash)
    assert {status for status, _ in await answers_to_views(record, representative(record.id, parent))} == {503}
    assert {status for status, _ in await answers_to_views(record, record.holder)} == {200}
