"""The person's side and professionals deposit: what may come in, by whom, and who may change it afterwards."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentWithdrawn
from shared.runtime import clock
from shared.terminology import oids
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    bundle_of,
    codes,
    document_ids,
    named,
)

SOMEBODY = Person(88)
MOTHER, NEIGHBOUR, STRANGER = uuid4(), uuid4(), uuid4()
WISHES = {"title": "Mes volontés", "type": "EXPPAT_1", "content_type": "text/plain", "content": "UGFyIMOpY3JpdC4="}
DELETE = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
MASK = [
    {
        "op": "add",
        "path": "/securityLabel/-",
        "value": {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]},
    }
]
PATCH = {"content-type": "application/json-patch+json"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await api.name_people(
        record_id, 1, representatives=[named(MOTHER)], carers=[named(NEIGHBOUR, "carer")], is_minor=True
    )
    await api.be_fresh()
    return record_id


async def put(api: RecordsApi, record_id: UUID, token: str, id: UUID | None = None, **fields: Any) -> httpx2.Response:
    body = orjson.dumps({**WISHES, **fields})
    return await api.client.put(
        f"/records/{record_id}/documents/{id or uuid4()}",
        content=body,
        headers={**bearer(token), "content-type": "application/json"},
    )


async def added(api: RecordsApi, record_id: UUID, token: str, **fields: Any) -> UUID:
    answer = await put(api, record_id, token, **fields)
    assert answer.status_code == 201, answer.text
    document_id = UUID(answer.json()["documents"][0]["document_id"])
    await api.decide(document_id)
    return document_id


async def patch(api: RecordsApi, token: str, document_id: UUID, operations: list[Any]) -> httpx2.Response:
    return await api.client.patch(
        f"/fhir/DocumentReference/{document_id}",
        content=orjson.dumps(operations),
        headers={**bearer(token), **PATCH},
    )


def as_carer(record_id: UUID) -> str:
    return acting("carer", NEIGHBOUR, record_id)


def as_mother(record_id: UUID) -> str:
    return acting("representative", MOTHER, record_id)


async def test_a_patient_adds_a_document_that_is_read_again_to_the_byte(api: RecordsApi, record: UUID) -> None:
    document_id = await added(api, record, as_patient(record))
    read = await api.get(f"/fhir/Binary/{document_id}", as_patient(record))
    assert read.content == base64.b64decode(WISHES["content"])
    reference = (await api.get(f"/fhir/DocumentReference/{document_id}", as_patient(record))).json()
    assert reference["subject"] == {"reference": f"Patient/{record}"}
    assert reference["content"][0]["attachment"]["title"] == "Mes volontés"
    [received] = await api.announced(DocumentReceived)
    assert (received.actor.kind, received.actor.id, received.replaced) == ("patient", str(record), None)
    [published] = await api.announced(DocumentPublished)
    assert published.deposited_by == "patient"


async def test_the_same_id_with_the_same_content_is_the_same_document_and_with_another_a_conflict(
    api: RecordsApi, record: UUID
) -> None:
    id, token = uuid4(), as_patient(record)
    first, again = await put(api, record, token, id), await put(api, record, token, id)
    assert first.status_code == again.status_code == 201
    assert first.json()["deposit_id"] == again.json()["deposit_id"]
    other = await put(api, record, token, id, content="QXV0cmUu")
    assert (other.status_code, other.json()["code"]) == (409, "unique-id-taken")
    assert len(await api.announced(DocumentReceived)) == 1


@pytest.mark.parametrize("who", [as_patient, as_mother, as_carer])
async def test_each_of_the_persons_side_deposits_its_types_and_no_hospital_report(
    api: RecordsApi, record: UUID, who: Any
) -> None:
    assert (await put(api, record, who(record), type="DOCPAT01")).status_code == 201
    refused = await put(api, record, who(record), type="34112-3")
    assert refused.status_code == 403
    assert "type-not-yours" in refused.json()["detail"]
    refusals = [event for event in await api.announced(AccessRecorded) if event.outcome == "refused"]
    assert [(event.action, event.reason, event.facts["document_type"]) for event in refusals] == [
        ("deposit-document", "type-not-yours", "34112-3")
    ]


async def test_who_may_not_act_for_the_holder_is_answered_as_if_there_were_no_record(
    api: RecordsApi, record: UUID
) -> None:
    await api.name_people(
        record, 2, carers=[named(NEIGHBOUR, "carer", until=clock.now() - timedelta(minutes=1))], is_minor=True
    )
    for token in (as_carer(record), acting("carer", STRANGER, record), as_patient(uuid4())):
        refused, missing = await put(api, record, token), await put(api, uuid4(), token)
        assert refused.status_code == missing.status_code == 404
        assert refused.content == missing.content
    refusals = [event.reason for event in await api.announced(AccessRecorded)]
    assert refusals == ["not-own-record"] * 3


async def test_on_old_copies_a_carer_is_told_to_try_again_and_the_holder_deposits(
    api: RecordsApi, record: UUID
) -> None:
    await api.be_fresh(clock.now() - timedelta(hours=1))
    refused = await put(api, record, as_carer(record))
    assert (refused.status_code, refused.json()["code"]) == (503, "cannot-be-checked-now")
    assert (await put(api, record, as_patient(record))).status_code == 201


async def test_a_closed_record_takes_nothing_and_says_so_to_the_holder_alone(api: RecordsApi, record: UUID) -> None:
    await api.open_record(SOMEBODY, status="closed", record_id=record)
    holder, carer = await put(api, record, as_patient(record)), await put(api, record, as_carer(record))
    assert (holder.status_code, holder.json()["code"]) == (422, "record-closed")
    assert (carer.status_code, carer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content": "pas du base64"}, "base64-invalid"),
        ({"content_type": "application/pdf"}, "media-type-differs"),
        ({"type": "99999-9"}, "type-unknown"),
        ({"title": ""}, "invalid"),
        ({"content_type": "text/html"}, "invalid"),
        ({"author": "me"}, "invalid"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_its_reason(
    api: RecordsApi, record: UUID, fields: dict[str, Any], code: str
) -> None:
    answer = await put(api, record, as_patient(record), **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await api.announced(DocumentReceived) == []


async def test_a_carer_hides_and_deletes_what_it_deposited_and_no_other_document_of_the_person(
    api: RecordsApi, record: UUID
) -> None:
    own = await added(api, record, as_carer(record))
    holders = await added(api, record, as_patient(record))
    assert (await patch(api, as_carer(record), own, MASK)).status_code == 200
    refused = await patch(api, as_carer(record), holders, DELETE)
    assert refused.status_code == 403
    assert "not-own-document" in refused.text
    assert (await patch(api, as_carer(record), own, DELETE)).status_code == 200
    [gone] = await api.announced(DocumentWithdrawn)
    assert (gone.document_id, gone.actor.kind) == (own, "carer")
    assert (await patch(api, as_patient(record), holders, DELETE)).status_code == 200


async def test_the_holder_keeps_a_document_from_representatives_who_find_nothing_of_it(
    api: RecordsApi, record: UUID
) -> None:
    hidden = await added(api, record, as_patient(record), hidden_from_representatives=True)
    assert (await api.get(f"/fhir/Binary/{hidden}", as_patient(record))).status_code == 200
    refused = await api.get(f"/fhir/Binary/{hidden}", as_mother(record))
    missing = await api.get(f"/fhir/Binary/{uuid4()}", as_mother(record))
    assert (refused.status_code, refused.content) == (missing.status_code, missing.content)
    rejection = await put(api, record, as_mother(record), hidden_from_representatives=True)
    assert rejection.status_code == 403
    followed = await api.get("/deposits?since=2026-01-01T00:00:00Z", as_mother(record))
    assert followed.json()["deposits"] == []


async def test_a_professional_deposits_and_keeps_access_though_another_is_the_author(
    api: RecordsApi, record: UUID
) -> None:
    token = professional_token(OTHER_DOCTOR, organisation_id=HOSPITAL)
    answer = await api.client.post(
        "/fhir",
        content=bundle_of(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS"))),
        headers={**bearer(token), "content-type": "application/fhir+json"},
    )
    assert answer.status_code == 200, answer.text
    [document_id] = document_ids(answer)
    [received] = await api.announced(DocumentReceived)
    assert (received.actor.kind, received.actor.id, received.mode) == ("professional", OTHER_DOCTOR, "normal")
    await api.decide(document_id)
    for author in (DOCTOR, OTHER_DOCTOR):
        assert (await api.get(f"/fhir/Binary/{document_id}", as_doctor(author))).status_code == 200
    followed = await api.get(answer.headers["location"], token)
    assert followed.json()["documents"][0]["status"] == "published"


async def test_a_deposit_in_a_minors_secret_connection_is_told_as_such(api: RecordsApi, record: UUID) -> None:
    token = make_token("professional", OTHER_DOCTOR, profession="10", organisation_id=HOSPITAL, mode="secret")
    answer = await api.client.post(
        "/fhir",
        content=bundle_of(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX"))),
        headers={**bearer(token), "content-type": "application/fhir+json"},
    )
    [document_id] = document_ids(answer)
    [received] = await api.announced(DocumentReceived)
    assert received.mode == "secret"
    await api.decide(document_id)
    show = [{"op": "remove", "path": "/securityLabel/1"}]
    shown = await patch(api, as_patient(record), document_id, show)
    assert shown.status_code == 200, "a minor shows what was deposited in secret"


async def test_occupational_medicine_deposits_nothing(api: RecordsApi, record: UUID) -> None:
    token = make_token(
        "professional", OTHER_DOCTOR, profession="10", organisation_id=HOSPITAL, never="occupational-medicine"
    )
    answer = await api.client.post(
        "/fhir",
        content=bundle_of(a_deposit(SOMEBODY)),
        headers={**bearer(token), "content-type": "application/fhir+json"},
    )
    assert (answer.status_code, codes(answer)) == (403, ["forbidden"])
