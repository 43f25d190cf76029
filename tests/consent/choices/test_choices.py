"""A person's choices over HTTP: who may change them, what a change announces, and when it is in force."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from services.consent.app import make_api
from services.consent.choices.steps import copy_records
from services.consent.choices.store import states as store
from services.consent.settings import Settings
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.db.pool import Pool, transaction
from shared.http.tokens import TokenVerifier
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.consent.consent_api import enter
from tests.infra.http.tokens import (
    SETTINGS,
    TestKeys,
    bearer,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)
from tests.infra.messaging.messages import message, outbox
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.waiting import UNTIL_DONE

DOCTOR, NURSE, HOSPITAL = "899700000001", "899700000002", "1750000001"


@pytest.fixture
async def client(new_database: NewDatabase) -> AsyncIterator[httpx2.AsyncClient]:
    database = await new_database("consent")
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
        )
    )
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://consent") as http_client:
            yield http_client


def pool_of(client: httpx2.AsyncClient) -> Pool:
    pool: Pool = client._transport.app.state.pool  # type: ignore[attr-defined] # the app behind the transport
    return pool


@pytest.fixture
async def record_id(client: httpx2.AsyncClient) -> UUID:
    opened = uuid4()
    await enter(pool_of(client))
    async with transaction(pool_of(client)) as connection:
        await copy_records(connection, [message(record_changed(opened))])
        await connection.execute("delete from outbox")
    return opened


class Patient:
    """The holder of a record at the keyboard."""

    def __init__(self, client: httpx2.AsyncClient, record_id: UUID) -> None:
        self.client, self.record_id = client, record_id

    async def __call__(self, method: str, path: str, **headers: str) -> httpx2.Response:
        sent = {**bearer(patient_token(self.record_id)), **headers}
        return await self.client.request(method, f"/records/{self.record_id}/{path}", headers=sent)

    async def choices(self) -> dict[str, object]:
        answer = await self("GET", "choices")
        assert answer.status_code == 200, answer.text
        choices: dict[str, object] = answer.json()
        return choices

    async def put_in_force(self, version: int) -> None:
        async with transaction(pool_of(self.client)) as connection:
            await store.raise_versions_in_force(connection, {self.record_id: version})


@pytest.fixture
def patient(client: httpx2.AsyncClient, record_id: UUID) -> Patient:
    return Patient(client, record_id)


async def test_at_first_nobody_is_authorised(patient: Patient) -> None:
    choices = await patient.choices()
    assert choices["version"] == 1
    assert choices["status"] == "on-its-way"
    assert (choices["authorised"], choices["blocked"], choices["feeding_objections"]) == ([], [], [])


async def test_a_change_is_a_new_version_on_its_way_and_announced_with_its_trace(patient: Patient) -> None:
    answer = await patient("PUT", f"authorisations/{DOCTOR}")
    assert (answer.status_code, answer.json()) == (202, {"version": 2, "status": "on-its-way"})
    state, access = await outbox(pool_of(patient.client))
    assert isinstance(state, ConsentStateChanged)
    assert (state.record_id, state.version, state.authorised) == (patient.record_id, 2, (DOCTOR,))
    assert isinstance(access, AccessRecorded)
    assert (access.action, access.outcome, access.subject_id) == ("authorise-professional", "permitted", DOCTOR)
    assert (access.actor.kind, access.actor.id, access.state_version) == ("patient", str(patient.record_id), 2)


async def test_each_change_and_its_undoing_says_its_own_action(patient: Patient) -> None:
    for method, path in (
        ("PUT", f"authorisations/{DOCTOR}"),
        ("DELETE", f"authorisations/{DOCTOR}"),
        ("PUT", f"blocks/{DOCTOR}"),
        ("DELETE", f"blocks/{DOCTOR}"),
        ("PUT", f"feeding-objections/{HOSPITAL}"),
        ("DELETE", f"feeding-objections/{HOSPITAL}"),
    ):
        assert (await patient(method, path)).status_code == 202
    events = await outbox(pool_of(patient.client))
    assert [event.action for event in events if isinstance(event, AccessRecorded)] == [
        "authorise-professional",
        "end-authorisation",
        "block-professional",
        "unblock-professional",
        "object-to-feeding",
        "withdraw-feeding-objection",
    ]
    states = [event for event in events if isinstance(event, ConsentStateChanged)]
    assert [state.version for state in states] == [2, 3, 4, 5, 6, 7]
    assert [state.blocked for state in states] == [(), (), (DOCTOR,), (), (), ()]
    assert [state.feeding_objections for state in states] == [(), (), (), (), (HOSPITAL,), ()]


async def test_a_change_that_changes_nothing_is_the_same_version_and_is_not_announced(patient: Patient) -> None:
    await patient("PUT", f"authorisations/{DOCTOR}")
    announced = len(await outbox(pool_of(patient.client)))
    again = await patient("PUT", f"authorisations/{DOCTOR}")
    assert (again.status_code, again.json()) == (202, {"version": 2, "status": "on-its-way"})
    await patient.put_in_force(2)
    again = await patient("PUT", f"authorisations/{DOCTOR}")
    assert (again.status_code, again.json()) == (200, {"version": 2, "status": "in-force"})
    assert (await patient("DELETE", f"blocks/{NURSE}")).json()["version"] == 2
    assert len(await outbox(pool_of(patient.client))) == announced


async def test_a_block_ends_the_authorisation(patient: Patient) -> None:
    await patient("PUT", f"authorisations/{DOCTOR}")
    await patient("PUT", f"authorisations/{NURSE}")
    await patient("PUT", f"blocks/{DOCTOR}")
    choices = await patient.choices()
    assert (choices["authorised"], choices["blocked"]) == ([NURSE], [DOCTOR])
    await patient("DELETE", f"blocks/{DOCTOR}")
    assert (await patient.choices())["authorised"] == [NURSE]


async def test_a_blocked_professional_cannot_be_authorised_before_the_block_is_lifted(patient: Patient) -> None:
    await patient("PUT", f"blocks/{DOCTOR}")
    refused = await patient("PUT", f"authorisations/{DOCTOR}")
    assert (refused.status_code, refused.json()["code"]) == (409, "professional-blocked")
    assert "Unblock first" in refused.json()["detail"]
    assert (await patient.choices())["version"] == 2
    await patient("DELETE", f"blocks/{DOCTOR}")
    assert (await patient("PUT", f"authorisations/{DOCTOR}")).status_code == 202


async def test_who_prefers_to_wait_is_answered_when_the_change_is_in_force(patient: Patient) -> None:
    request = asyncio.create_task(patient("PUT", f"authorisations/{DOCTOR}", prefer=UNTIL_DONE))
    while (await patient.choices())["version"] != 2:
        assert not request.done()
    await patient.put_in_force(2)
    answer = await request
    assert (answer.status_code, answer.json()) == (200, {"version": 2, "status": "in-force"})


async def test_who_has_waited_in_vain_is_told_that_it_is_on_its_way(patient: Patient) -> None:
    answer = await patient("PUT", f"authorisations/{DOCTOR}", prefer="wait=1")
    assert (answer.status_code, answer.json()["status"]) == (202, "on-its-way")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("path", [f"authorisations/{DOCTOR}", f"blocks/{DOCTOR}", f"feeding-objections/{HOSPITAL}"])
async def test_nobody_but_the_patient_of_the_record_changes_a_choice(patient: Patient, method: str, path: str) -> None:
    tokens = {
        patient_token(uuid4()): (404, "not-found"),
        professional_token(NURSE): (403, "change-not-permitted"),
        software_token("software-1", HOSPITAL): (403, "change-not-permitted"),
        operator_token(): (403, "forbidden"),
    }
    url = f"/records/{patient.record_id}/{path}"
    for token, expected in tokens.items():
        answer = await patient.client.request(method, url, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == expected
    assert (await patient.client.request(method, url)).status_code == 401
    assert (await patient.choices())["version"] == 1


async def test_choices_of_another_record_are_answered_like_those_of_a_record_that_does_not_exist(
    patient: Patient,
) -> None:
    headers = bearer(patient_token(uuid4()))
    existing = await patient.client.get(f"/records/{patient.record_id}/choices", headers=headers)
    missing = await patient.client.get(f"/records/{uuid4()}/choices", headers=headers)
    assert existing.status_code == missing.status_code == 404
    assert existing.content == missing.content


@pytest.mark.parametrize("wrong", ["Dupont", "x", "8", "8 99", "8" * 65, "8997%00001", "8997{0001}", "é1750000001"])
async def test_what_is_no_national_identifier_is_refused(patient: Patient, wrong: str) -> None:
    for path in ("authorisations", "blocks", "feeding-objections"):
        assert (await patient("PUT", f"{path}/{wrong}")).status_code == 422
    assert (await patient.choices())["version"] == 1


async def test_while_a_record_is_being_opened_the_patient_is_asked_to_come_again(client: httpx2.AsyncClient) -> None:
    early = Patient(client, uuid4())
    for answer in (await early("GET", "choices"), await early("PUT", f"blocks/{DOCTOR}")):
        assert (answer.status_code, answer.json()["code"]) == (503, "record-not-ready")
        assert answer.headers["retry-after"]


async def test_changes_at_the_same_time_are_made_one_after_the_other(patient: Patient) -> None:
    doctors = [f"8997000000{number:02}" for number in range(12)]
    answers = await asyncio.gather(*[patient("PUT", f"authorisations/{doctor}") for doctor in doctors])
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 14))
    assert (await patient.choices())["authorised"] == doctors
    states = [event for event in await outbox(pool_of(patient.client)) if isinstance(event, ConsentStateChanged)]
    assert [(state.version, len(state.authorised)) for state in states] == [(n + 1, n) for n in range(1, 13)]


async def test_the_history_says_who_made_which_version_and_cannot_be_rewritten(patient: Patient) -> None:
    await patient("PUT", f"authorisations/{DOCTOR}")
    await patient("PUT", f"blocks/{DOCTOR}")
    pool = pool_of(patient.client)
    rows = await pool.fetch(
        "select version, action, subject_id, actor_kind, actor_id from state_changes where record_id = $1 order by 1",
        patient.record_id,
    )
    person = ("patient", str(patient.record_id))
    assert [tuple(row) for row in rows] == [
        (1, "open-record", None, "system", "consent"),
        (2, "authorise-professional", DOCTOR, *person),
        (3, "block-professional", DOCTOR, *person),
    ]
    for statement in ("update state_changes set action = 'x'", "delete from state_changes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_the_api_describes_itself(client: httpx2.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert set(described["paths"]) == {
        "/fhir/Consent",
        "/fhir/Consent/_search",
        "/fhir/Consent/{id}",
        "/matrices",
        "/matrices/{name}",
        "/matrices/{name}/diff",
        "/matrices/{name}/activation",
        "/records/{record_id}/choices",
        "/records/{record_id}/choices/history",
        "/records/{record_id}/choices/versions/{version}",
        "/records/{record_id}/authorisations/{holder_id}",
        "/records/{record_id}/attestations/{structure_id}",
        "/records/{record_id}/attestation-objections/{structure_id}",
        "/records/{record_id}/blocks/{holder_id}",
        "/records/{record_id}/attending-doctors/{professional_id}",
        "/records/{record_id}/care-team",
        "/records/{record_id}/emergency",
        "/records/{record_id}/hidden-sections/{section}",
        "/records/{record_id}/default-label",
        "/records/{record_id}/feeding-objections/{structure_id}",
        "/records/{record_id}/applications/{application_id}",
        "/directory",
    }
