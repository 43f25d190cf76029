"""The patient's list: who did what, refusals included, and not a word about what the patient must not see."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.audit.app import make_api
from services.audit.ledger.steps.write_entries import write_entries
from services.audit.settings import Settings
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.contracts.notify import AlertSent, AlertWithheld
from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRefused
from shared.db.pool import Pool, transaction
from shared.http.tokens import TokenVerifier
from shared.public_names import copy_names
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.audit.keys import KEYS, MOTIVES
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
from tests.infra.messaging.plumbing import document_received
from tests.infra.platform.databases import Database

DOCTOR, HOSPITAL = "899700000001", "1750000001"


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
            keys=KEYS,
        )
    )
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://audit") as http_client:
            yield http_client


class Life:
    """One record's life as audit is told of it: each event a second after the one before."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client, self.record_id = client, uuid4()
        self.pool: Pool = client._transport.app.state.pool  # type: ignore[attr-defined] # the app behind the transport
        self._time = clock.now() - timedelta(hours=1)

    async def tell(self, *events: Event) -> None:
        messages = []
        for event in events:
            self._time += timedelta(seconds=1)
            messages.append(message(event, time=self._time))
        async with transaction(self.pool) as connection:
            await write_entries(MOTIVES, connection, messages)

    async def deposit(self, *labels: str) -> DocumentReceived:
        event = document_received(self.record_id).model_copy(update={"labels": labels or ("N",)})
        await self.tell(event)
        return event

    async def publish(self, deposit: DocumentReceived, *labels: str) -> None:
        now = clock.now()
        ids: dict[str, Any] = deposit.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})
        label_codes = labels or deposit.labels
        await self.tell(
            DocumentPublished(**ids, labels=label_codes, decision_id=uuid4(), received_at=now, published_at=now)
        )

    async def refuse(self, deposit: DocumentReceived, reason: str) -> None:
        ids: dict[str, Any] = deposit.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})
        await self.tell(DocumentRefused(**ids, reason=reason, decision_id=uuid4(), refused_at=clock.now()))

    async def access(self, actor: Actor, action: str, outcome: str, reason: str, **more: Any) -> None:
        fact = {"action": action, "outcome": outcome, "reason": reason, **more}
        await self.tell(AccessRecorded.model_validate({"record_id": self.record_id, "actor": actor, **fact}))

    async def page(self, **query: Any) -> dict[str, Any]:
        headers = bearer(patient_token(self.record_id))
        answer = await self.client.get(f"/records/{self.record_id}/accesses", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def lines(self, **query: Any) -> list[tuple[str, str, str]]:
        return [
            (access["action"], access["outcome"], access["reason"]) for access in (await self.page(**query))["accesses"]
        ]

    @property
    def patient(self) -> Actor:
        return Actor(kind="patient", id=str(self.record_id), client_id="portal")


@pytest.fixture
def life(client: httpx2.AsyncClient) -> Life:
    return Life(client)


def doctor(id: str = DOCTOR) -> Actor:
    return Actor(kind="professional", id=id, profession="10", organisation_id=HOSPITAL)


async def name_them(pool: Pool) -> None:
    person = ProfessionalChanged(professional_id=DOCTOR, version=1, name="Dr Alix Marbeuf", profession="10")
    place = StructureChanged(structure_id=HOSPITAL, version=1, name="Hôpital des Trois Rivières")
    async with transaction(pool) as connection:
        await copy_names(connection, [message(person), message(place)])


async def test_the_patient_sees_who_did_what_with_their_names_newest_first(life: Life) -> None:
    await name_them(life.pool)
    deposit = await life.deposit()
    await life.publish(deposit)
    await life.access(life.patient, "authorise-professional", "permitted", "own-record", subject_id=DOCTOR)
    await life.access(doctor(), "read-document", "permitted", "authorised", document_id=deposit.document_id)
    await life.access(life.patient, "object-to-feeding", "permitted", "own-record", subject_id=HOSPITAL)
    read_by, authorised, published, received = (await life.page())["accesses"][1:]
    assert read_by["who"] == {
        "kind": "professional",
        "you": False,
        "id": DOCTOR,
        "name": "Dr Alix Marbeuf",
        "profession": "10",
    }
    assert read_by["organisation"] == {"id": HOSPITAL, "name": "Hôpital des Trois Rivières"}
    assert read_by["document_id"] == str(deposit.document_id)
    assert authorised["who"] == {"kind": "patient", "you": True, "id": None, "name": None, "profession": None}
    assert authorised["subject"] == {"id": DOCTOR, "name": "Dr Alix Marbeuf"}
    assert (published["action"], published["organisation"]["name"]) == (
        "publish-document",
        "Hôpital des Trois Rivières",
    )
    assert (received["who"]["kind"], received["who"]["name"]) == ("software", "Hôpital des Trois Rivières")
    assert (await life.page())["accesses"][0]["subject"] == {"id": HOSPITAL, "name": "Hôpital des Trois Rivières"}


async def test_refusals_are_shown_with_who_what_and_why(life: Life) -> None:
    await name_them(life.pool)
    deposit = await life.deposit()
    await life.refuse(deposit, "consent-opposed")
    await life.access(doctor(), "find-documents", "refused", "blocked")
    blocked, refused, received = (await life.page())["accesses"]
    assert (blocked["who"]["id"], blocked["action"], blocked["outcome"], blocked["reason"]) == (
        DOCTOR,
        "find-documents",
        "refused",
        "blocked",
    )
    assert (refused["action"], refused["outcome"], refused["reason"]) == (
        "deposit-document",
        "refused",
        "consent-opposed",
    )
    named_views = (refused["who"], refused["organisation"], received["organisation"])
    assert {view["name"] for view in named_views} == {"Hôpital des Trois Rivières"}


async def test_a_document_invisible_to_the_patient_is_betrayed_by_no_line(life: Life) -> None:
    hidden = await life.deposit("N", "INVISIBLE_PATIENT")
    await life.publish(hidden)
    also_refused = await life.deposit("R", "INVISIBLE_PATIENT")
    await life.refuse(also_refused, "labels-not-allowed")
    document = {"document_id": hidden.document_id}
    await life.access(doctor(), "read-document", "permitted", "authorised", **document)
    await life.access(doctor(), "read-document", "refused", "blocked", **document)
    await life.access(life.patient, "read-document", "refused", "invisible-to-patient", **document)
    page = await life.page()
    assert page == {"accesses": [], "next": None, "own_hidden": 0}
    hidden_ids = [str(hidden.document_id), str(also_refused.document_id)]
    assert not any(document_id in str(page) for document_id in hidden_ids)


async def test_a_document_made_visible_shows_its_whole_history_and_an_old_word_hides_it_no_more(life: Life) -> None:
    hidden = await life.deposit("N", "INVISIBLE_PATIENT")
    await life.access(doctor(), "read-document", "permitted", "authorised", document_id=hidden.document_id)
    assert await life.lines() == []
    await life.publish(hidden, "N")
    async with transaction(life.pool) as connection:
        await write_entries(MOTIVES, connection, [message(hidden, time=clock.now() - timedelta(days=1))])
    assert {action for action, _, _ in await life.lines()} == {"deposit-document", "read-document", "publish-document"}


async def test_a_document_made_invisible_disappears_with_its_history(life: Life) -> None:
    deposit = await life.deposit()
    assert len(await life.lines()) == 1
    await life.publish(deposit, "N", "INVISIBLE_PATIENT")
    assert await life.lines() == []


async def test_an_access_that_reaches_the_ledger_before_the_documents_labels_is_not_shown_before_them(
    life: Life,
) -> None:
    coming = document_received(life.record_id)
    await life.access(doctor(), "read-document", "permitted", "authorised", document_id=coming.document_id)
    assert await life.lines() == []
    await life.tell(coming)
    assert len(await life.lines()) == 2


async def test_checks_and_alerts_are_no_lines_of_the_list(life: Life) -> None:
    deposit = await life.deposit()
    alert_fields = {"record_id": life.record_id, "alert_id": uuid4(), "kind": "document", "caused_by": uuid4()}
    about = {**alert_fields, "document_id": deposit.document_id, "handled_at": clock.now()}
    await life.tell(AlertSent.model_validate(about), AlertWithheld.model_validate({**about, "reason": "invisible"}))
    assert await life.lines() == [("deposit-document", "permitted", "received")]


async def test_another_patients_attempt_is_told_without_saying_whose_record_the_other_has(life: Life) -> None:
    other = uuid4()
    await life.access(Actor(kind="patient", id=str(other)), "find-documents", "refused", "not-own-record")
    [line] = (await life.page())["accesses"]
    assert line["who"] == {"kind": "patient", "you": False, "id": None, "name": None, "profession": None}
    assert str(other) not in str(line)


async def test_whoever_is_refused_again_and_again_fills_nobodys_list(life: Life) -> None:
    documents = [await life.deposit() for _ in range(2)]
    for number in range(30):
        document = documents[number % 2].document_id
        await life.access(doctor(), "read-document", "refused", "blocked", document_id=document)
    await life.access(doctor("899700000009"), "read-document", "refused", "blocked")
    for _ in range(2):
        await life.access(life.patient, "authorise-professional", "permitted", "own-record", subject_id=DOCTOR)
    page = await life.page()
    lines = [(access["who"]["id"], access["reason"], access["times"]) for access in page["accesses"]]
    own_line = (None, "own-record", 1)
    refused = [("899700000009", "blocked", 1), (DOCTOR, "blocked", 30)]
    assert lines == [own_line, own_line, *refused, *[(HOSPITAL, "received", 1)] * 2]
    folded = page["accesses"][3]
    assert folded["document_id"] is None
    assert folded["first_at"] < folded["occurred_at"]
    assert page["accesses"][2]["first_at"] is None
    assert [(access["reason"], access["times"]) for access in (await life.page(limit=10))["accesses"]][-1] == (
        "blocked",
        7,
    )


async def test_pages_follow_one_another_without_gap_or_repetition(life: Life) -> None:
    for number in range(7):
        await life.access(doctor(f"89970000000{number}"), "find-documents", "permitted", "authorised")
    at_once = clock.now() - timedelta(minutes=30)
    same_time = [
        AccessRecorded(
            record_id=life.record_id, actor=doctor(), action="find-documents", outcome="refused", reason=f"blocked-{n}"
        )
        for n in range(4)
    ]
    async with transaction(life.pool) as connection:
        await write_entries(MOTIVES, connection, [message(event, time=at_once) for event in same_time])
    seen: list[str] = []
    page = await life.page(limit=2)
    while True:
        seen += [access["event_id"] for access in page["accesses"]]
        assert len(page["accesses"]) <= 2
        if page["next"] is None:
            break
        page = await life.page(limit=2, before=page["next"])
    assert len(seen) == len(set(seen)) == 11
    everything = [access["event_id"] for access in (await life.page(limit=200))["accesses"]]
    assert seen == everything
    times = [access["occurred_at"] for access in (await life.page(limit=200))["accesses"]]
    assert times == sorted(times, reverse=True)
    assert await life.lines(before=(at_once - timedelta(hours=2)).isoformat()) == []


async def test_the_asking_is_announced_before_the_list_is_given_and_comes_back_as_a_line(life: Life) -> None:
    assert await life.lines() == []
    [announced] = await outbox(life.pool)
    assert isinstance(announced, AccessRecorded)
    assert (announced.record_id, announced.action, announced.outcome) == (life.record_id, "list-accesses", "permitted")
    assert (announced.actor.kind, announced.actor.id) == ("patient", str(life.record_id))
    await life.tell(announced)
    assert (await life.page())["accesses"][0]["who"]["you"] is True


async def test_without_its_trace_the_list_is_not_given(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OSError

    await life.deposit()
    monkeypatch.setattr("services.audit.accesses.usecases.list_accesses.append", fail)
    answer = await life.client.get(f"/records/{life.record_id}/accesses", headers=bearer(patient_token(life.record_id)))
    assert answer.status_code == 503
    assert "deposit-document" not in answer.text


async def test_nobody_but_the_patient_of_the_record_is_given_the_list(life: Life) -> None:
    await life.deposit()
    url = f"/records/{life.record_id}/accesses"
    for token in (professional_token(DOCTOR), software_token("software-1", HOSPITAL), operator_token()):
        assert (await life.client.get(url, headers=bearer(token))).status_code == 403
    stranger = bearer(patient_token(uuid4()))
    other_tokens, missing = (
        await life.client.get(url, headers=stranger),
        await life.client.get(f"/records/{uuid4()}/accesses", headers=stranger),
    )
    assert other_tokens.status_code == missing.status_code == 404
    assert other_tokens.content == missing.content
    assert (await life.client.get(url)).status_code == 401
    assert not [event for event in await outbox(life.pool) if isinstance(event, AccessRecorded)]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"before": "yesterday"}, {"before": "_"}]
)
async def test_a_wrong_question_is_told_what_is_wrong(life: Life, query: dict[str, Any]) -> None:
    headers = bearer(patient_token(life.record_id))
    answer = await life.client.get(f"/records/{life.record_id}/accesses", params=query, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid", "cursor-invalid")
