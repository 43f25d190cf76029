"""Consent and audit answer others than the holder only on fresh copies, and trust no watermark in the future."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from services.audit.erasure.usecases.erase_record import erase_record as erase_in_audit
from services.consent.erasure.steps import erase_record as erase_in_consent
from shared.contracts.audit import AccessRecorded
from shared.contracts.topics import IDENTITY_ERASURES
from shared.db.pool import Pool
from shared.runtime import clock
from tests.conftest import NewDatabase
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, Ledger, audit_api, doctor, judged, parent_token, reading
from tests.infra.consent.consent_api import Record, consent_api, person, representative
from tests.infra.erasure.erasing import erase
from tests.infra.http.tokens import bearer, patient_token, professional_token, software_token
from tests.infra.messaging.messages import outbox

TOPIC = IDENTITY_ERASURES.name
AGED = f"update copy_watermarks set at = at - interval '5 minutes' where topic = '{TOPIC}'"
UNREAD = {
    "old": AGED,
    "unknown": f"delete from copy_watermarks where topic = '{TOPIC}'",
    "future": f"update copy_watermarks set at = at + interval '5 minutes' where topic = '{TOPIC}'",
    "broken": f"insert into broken_copies (topic, key, error_code) select '{TOPIC}', record_id::text, 'data-invalid' "
    "from record_copies",
}
PARENT = uuid4()


@pytest.fixture
async def record(new_database: NewDatabase) -> AsyncIterator[Record]:
    """Yields a record in consent, with a representative and an authorised professional."""
    async with consent_api(await new_database("consent")) as api:
        made = await api.open_record()
        await made.announce_people(representatives=(person(PARENT),))
        assert (await made.ask("PUT", f"authorisations/{DOCTOR}")).status_code == 202
        yield made


async def search(record: Record, id: UUID, token: str) -> httpx2.Response:
    parameters = {"patient": f"Patient/{id}"}
    return await record.api.client.get("/fhir/Consent", params=parameters, headers=bearer(token))


async def catch_up(pool: Pool) -> None:
    """Makes all copies fresh again, as if the heartbeats of all topics had arrived."""
    await pool.execute("delete from broken_copies")
    await pool.execute("update copy_watermarks set at = $1", clock.now())


@pytest.mark.parametrize("unread", UNREAD)
async def test_consent_serves_the_patient_alone_until_it_has_read_the_erasures(record: Record, unread: str) -> None:
    parent, professional = representative(record.id, PARENT), professional_token(DOCTOR)
    assert (await record.ask("GET", "choices", token=parent)).status_code == 200
    assert (await search(record, record.id, professional)).json()["total"] == 1
    await record.api.pool.execute(UNREAD[unread])
    for path in ("choices", "choices/history"):
        assert (await record.ask("GET", path, token=parent)).status_code == 503
        assert (await record.ask("GET", path)).status_code == 200
    assert (await record.ask("PUT", "hidden-sections/BIOLOGIE", token=parent)).status_code == 503
    assert (await search(record, record.id, record.holder)).json()["total"] == 1
    for token in (professional, software_token("software-1", HOSPITAL)):
        answers = [await search(record, id, token) for id in (record.id, uuid4())]
        same = 503 if unread != "broken" else 200  # one record's copy is broken, another's is not
        assert [answer.status_code for answer in answers] == [503, same]
    await erase(record.api.pool, erase_in_consent, record.id)
    await catch_up(record.api.pool)
    if unread != "unknown":
        for token in (professional, software_token("software-1", HOSPITAL)):
            answers = [await search(record, id, token) for id in (record.id, uuid4())]
            assert {(answer.status_code, answer.json()["total"]) for answer in answers} == {(200, 0)}


async def test_a_watermark_of_the_people_that_lies_in_the_future_is_hidden_by_no_older_one(record: Record) -> None:
    await record.api.pool.execute(
        "update copy_watermarks set at = at + interval '5 minutes' where topic = 'identity.people.v1'"
    )
    parent = representative(record.id, PARENT)
    assert (await record.ask("GET", "choices", token=parent)).status_code == 503
    assert (await search(record, record.id, professional_token(DOCTOR))).json()["total"] == 1, "they ask no people"


@pytest.fixture
async def ledger(new_database: NewDatabase) -> AsyncIterator[Ledger]:
    async with audit_api(await new_database("audit")) as client:
        made = Ledger(client)
        await made.record()
        yield made


@pytest.mark.parametrize("unread", UNREAD)
async def test_audit_serves_the_patient_alone_until_it_has_read_the_erasures(ledger: Ledger, unread: str) -> None:
    entry = await ledger.access(doctor(), "find-documents", judged(reading()))
    explanation = f"/entries/{entry}/explanation"
    paths = (f"/records/{ledger.record_id}/accesses", f"/records/{ledger.record_id}/emergencies", explanation)
    parent = parent_token(ledger.record_id)
    patient = patient_token(ledger.record_id)
    assert await answers(ledger, parent, *paths) == await answers(ledger, patient, *paths) == {200}
    assert await answers(ledger, professional_token(DOCTOR), explanation) == {200}
    await ledger.pool.execute(UNREAD[unread])
    assert (await answers(ledger, parent, *paths), await answers(ledger, patient, *paths)) == ({503}, {200})
    if unread != "broken":  # of one record, while a professional asks by an entry
        missing = f"/entries/{clock.new_id()}/explanation"
        assert await answers(ledger, professional_token(DOCTOR), explanation, missing) == {503}
        refused = [event for event in await outbox(ledger.pool) if isinstance(event, AccessRecorded)][-1]
        assert (refused.action, refused.outcome, refused.reason) == ("explain-decision", "refused", "copies-too-old")
    await erase(ledger.pool, erase_in_audit, ledger.record_id)
    await ledger.be_fresh()
    await catch_up(ledger.pool)
    assert await answers(ledger, professional_token(DOCTOR), explanation) == {404}
    assert await answers(ledger, patient, *paths) == {404}


async def answers(ledger: Ledger, token: str, *paths: str) -> set[int]:
    return {(await ledger.client.get(path, headers=bearer(token))).status_code for path in paths}


async def test_one_partition_of_the_erasures_in_the_future_is_hidden_by_no_other(ledger: Ledger) -> None:
    entry = await ledger.access(doctor(), "find-documents", judged(reading()))
    for offset, status in ((timedelta(minutes=5), 503), (-timedelta(minutes=5), 503), (timedelta(0), 200)):
        await ledger.pool.execute("delete from copy_watermarks where topic = $1 and partition = 1", TOPIC)
        await ledger.pool.execute(
            "insert into copy_watermarks (topic, partition, at) values ($1, 1, $2)", TOPIC, clock.now() + offset
        )
        assert await answers(ledger, professional_token(DOCTOR), f"/entries/{entry}/explanation") == {status}
