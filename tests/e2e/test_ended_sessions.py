"""Sessions that identity has ended: what a still valid token can no longer do in the other services."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.consent.app import make_plan as plan_of_consent
from services.identity.app import make_worker
from services.notify.app import make_api as make_notify
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import SessionEnded
from shared.db.pool import Pool, transaction
from shared.http.ended_sessions import KEPT, keep_ended_sessions
from shared.runtime import clock
from shared.service.worker import at_work
from shared.terminology import oids
from tests.conftest import NewDatabase
from tests.infra.audit.ledger import Ledger, audit_api
from tests.infra.consent.consent_api import Record, consent_api
from tests.infra.http.tokens import TestKeys, bearer, patient_token
from tests.infra.identity import identity_api
from tests.infra.identity.accounts import run_identity_api, session
from tests.infra.load.documents import Person
from tests.infra.messaging import plumbing
from tests.infra.messaging.messages import message
from tests.infra.notify import notify
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import RecordsApi, a_deposit, run_records_api

DOCTOR, HOSPITAL = "899700000001", "1750000001"
CHANGES: tuple[tuple[str, str, Any], ...] = (
    ("PUT", f"authorisations/{DOCTOR}", None),
    ("DELETE", f"authorisations/{DOCTOR}", None),
    ("PUT", f"attending-doctors/{DOCTOR}", None),
    ("PUT", f"blocks/{DOCTOR}", None),
    ("DELETE", f"blocks/{DOCTOR}", None),
    ("PUT", f"feeding-objections/{HOSPITAL}", None),
    ("PUT", "emergency", {"break_glass": False, "regulation_centre": True, "masked_documents": True}),
)
WISHES = {"title": "Mes volontés", "type": "EXPPAT_1", "content_type": "text/plain", "content": "UGFyIMOpY3JpdC4="}
MASQUE = {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]}
MASK = [{"op": "add", "path": "/securityLabel/-", "value": MASQUE}]
OVER = (401, "session-over")


async def end(pool: Pool, *session_ids: UUID, earlier: Any = None) -> None:
    """Applies identity's event that these sessions have ended."""
    at = clock.now() - earlier if earlier else clock.now()
    async with transaction(pool) as connection:
        await keep_ended_sessions(connection, [message(SessionEnded(session_id=id, ended_at=at)) for id in session_ids])


def status_and_code(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def test_no_choice_is_changed_with_a_token_whose_session_was_ended(new_database: NewDatabase) -> None:
    async with consent_api(await new_database("consent")) as api:
        record = await api.open_record()
        stolen, living = uuid4(), uuid4()
        await end(api.pool, stolen)
        for verb, path, body in CHANGES:
            answer = await record.ask(verb, path, body, token=patient_token(record.id, stolen))
            assert status_and_code(answer) == OVER, path
        assert [(entry.outcome, entry.reason) for entry in await record.entries()] == [("refused", "session-over")] * 7
        kept = await record.ask("PUT", f"blocks/{DOCTOR}", token=patient_token(record.id, living))
        assert (kept.status_code, kept.json()["version"]) == (202, 2)


@pytest.fixture
async def records_api(new_database: NewDatabase) -> AsyncIterator[RecordsApi]:
    async with run_records_api(await new_database("records")) as api:
        await api.be_fresh()
        yield api


async def test_no_document_is_labelled_or_added_with_a_token_whose_session_was_ended(records_api: RecordsApi) -> None:
    api = records_api
    person, stolen = Person(88), uuid4()
    record_id = await api.open_record(person)
    await api.choose(record_id, 1)
    await api.be_fresh()
    [document_id] = await api.publish(a_deposit(person))
    await end(api.pool, stolen)
    for id, expected in ((stolen, 401), (uuid4(), 200)):
        headers = bearer(patient_token(record_id, id)) | {"content-type": "application/json-patch+json"}
        answer = await api.client.patch(
            f"/fhir/DocumentReference/{document_id}", content=orjson.dumps(MASK), headers=headers
        )
        assert answer.status_code == expected, answer.text
    for id, expected in ((stolen, 401), (uuid4(), 201)):
        path, headers = f"/records/{record_id}/documents/{uuid4()}", bearer(patient_token(record_id, id))
        assert (await api.client.put(path, json=WISHES, headers=headers)).status_code == expected
    refused = [access for access in await api.announced(AccessRecorded) if access.reason == "session-over"]
    assert [(entry.action, entry.outcome) for entry in refused] == [("label-document", "refused")]


async def test_the_ledger_is_not_shown_with_a_token_whose_session_was_ended(new_database: NewDatabase) -> None:
    async with audit_api(await new_database("audit")) as client:
        ledger, stolen = Ledger(client), uuid4()
        await ledger.record()
        await end(ledger.pool, stolen)
        paths = [f"/records/{ledger.record_id}/accesses", f"/records/{ledger.record_id}/emergencies"]
        for path in [*paths, f"/entries/{uuid4()}/explanation"]:
            headers = bearer(patient_token(ledger.record_id, stolen))
            assert status_and_code(await client.get(path, headers=headers)) == OVER, path
        for path in paths:
            headers = bearer(patient_token(ledger.record_id, uuid4()))
            assert (await client.get(path, headers=headers)).status_code == 200


async def test_no_alert_is_switched_off_with_a_token_whose_session_was_ended(new_database: NewDatabase) -> None:
    app = make_notify(notify.settings(await new_database("notify"), None), TestKeys())
    record_id, stolen = uuid4(), uuid4()
    async with app.router.lifespan_context(app):
        await end(app.state.pool, stolen)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://notify") as client:
            path, body = f"/records/{record_id}/preferences", {"document": False, "consultation": False}
            answer = await client.put(path, json=body, headers=bearer(patient_token(record_id, stolen)))
            assert status_and_code(answer) == OVER
            kept = await client.put(path, json=body, headers=bearer(patient_token(record_id, uuid4())))
            assert kept.status_code == 200


async def test_an_ended_session_is_forgotten_once_none_of_its_tokens_can_live(new_database: NewDatabase) -> None:
    async with consent_api(await new_database("consent")) as api:
        old, late, new = uuid4(), uuid4(), uuid4()
        await end(api.pool, old)
        await api.pool.execute("update ended_sessions set ended_at = ended_at - $1::interval", KEPT)
        await end(api.pool, late, earlier=KEPT * 2)
        await end(api.pool, new, new)
        assert [row["session_id"] for row in await api.pool.fetch("select session_id from ended_sessions")] == [new]


async def test_signing_out_everywhere_ends_what_a_stolen_token_changes_elsewhere(
    new_database: NewDatabase, kafka: Topics
) -> None:
    identity, consent = await new_database("identity"), await new_database("consent")
    of_identity = identity_api.settings_of(identity, kafka=kafka.settings("identity"), accounts={"refusal_s": 0})
    async with AsyncExitStack() as stack:
        run_records_api = await stack.enter_async_context(run_identity_api(identity, settings=of_identity))
        record_id, stolen = await run_records_api.open_account(), await run_records_api.sign_in()
        worker = make_worker(of_identity)
        await stack.enter_async_context(worker.router.lifespan_context(worker))
        await stack.enter_async_context(at_work(plan_of_consent(TestKeys()), plumbing.settings(consent, kafka)))
        record = Record(await stack.enter_async_context(consent_api(consent)), record_id)
        token, changed = stolen["access_token"], f"blocks/{DOCTOR}"

        async def is_permitted() -> bool:
            return (await record.ask("PUT", changed, token=token)).status_code in (200, 202)

        async def is_over() -> bool:
            return status_and_code(await record.ask("PUT", changed, token=token)) == OVER

        await eventually(is_permitted)
        assert (await run_records_api.client.delete("/devices", headers=session(stolen))).status_code == 204
        await eventually(is_over)
