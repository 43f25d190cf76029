"""A document takes the place of another: whose it may be, at its publication, once, and what it takes over."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from shared.access import decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRefused, DocumentReplaced
from shared.terminology import oids
from shared.terminology.documents import document_type
from tests.infra.http.tokens import bearer, make_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    bundle_of,
    changed_bundle,
    codes,
    document_ids,
    named,
)

SOMEBODY = Person(89)
PATCH = {"content-type": "application/json-patch+json"}
MASKED = {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]}
REPRESENTATIVES = {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}]}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await api.be_fresh()
    return record_id


def replacing(target: dict[str, Any], *more: dict[str, Any], person: Person = SOMEBODY, **changed: Any) -> bytes:
    """A submission whose document takes the place of the target."""

    def relate(bundle: Any) -> None:
        document = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DocumentReference")
        document["relatesTo"] = [{"code": "replaces", "target": reference} for reference in (target, *more)]

    return changed_bundle(bundle_of(a_deposit(person, **changed)), relate)


def by_id(document_id: UUID) -> dict[str, Any]:
    return {"reference": f"DocumentReference/{document_id}"}


def by_unique_id(unique_id: str) -> dict[str, Any]:
    return {"identifier": {"system": "urn:ietf:rfc:3986", "value": unique_id}}


async def status_of(api: RecordsApi, document_id: UUID, token: str) -> str:
    answer = await api.get(f"/fhir/DocumentReference/{document_id}", token)
    return str(answer.json().get("status", answer.status_code))


async def labels_of(api: RecordsApi, document_id: UUID) -> list[str]:
    row = await api.pool.fetchrow("select labels, masked_by from documents where id = $1", document_id)
    assert row is not None
    return [*row["labels"], str(row["masked_by"])]


async def patch(api: RecordsApi, token: str, document_id: UUID, *operations: dict[str, Any]) -> httpx2.Response:
    return await api.client.patch(
        f"/fhir/DocumentReference/{document_id}",
        content=orjson.dumps(operations),
        headers={**bearer(token), **PATCH},
    )


async def test_the_old_one_is_superseded_in_the_moment_in_which_the_new_one_is_published(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    answer = await api.deposit(replacing(by_id(old)))
    [new] = document_ids(answer)
    assert await status_of(api, old, as_patient(record)) == "current", "until the new one is checked"
    received = (await api.announced(DocumentReceived))[-1]
    seen = decode_facts(received.replaced | {"action": "replace", "actor_kind": "software"})
    assert (seen.own_deposit, seen.document_status) == (True, "published")
    await api.decide(new)
    assert await status_of(api, old, as_patient(record)) == "superseded"
    [event] = await api.announced(DocumentReplaced)
    assert (event.document_id, event.replaced_by, event.actor.kind) == (old, new, "software")
    listed = await api.search(as_patient(record), patient=f"Patient/{record}", status="current")
    assert [entry["resource"]["id"] for entry in listed.json()["entry"]] == [str(new)]
    both = await api.search(as_patient(record), patient=f"Patient/{record}", status="superseded")
    assert [entry["resource"]["id"] for entry in both.json()["entry"]] == [str(old)], "superseded is readable"


async def test_the_producers_identifier_names_it_as_well(api: RecordsApi, record: UUID) -> None:
    first = a_deposit(SOMEBODY)
    [old] = await api.publish(first)
    assert first.unique_id is not None
    [new] = document_ids(await api.deposit(replacing(by_unique_id(first.unique_id))))
    await api.decide(new)
    assert await status_of(api, old, as_patient(record)) == "superseded"


async def test_the_same_replacement_again_is_the_same_deposit_though_the_old_one_is_gone(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    body = replacing(by_id(old))
    first = await api.deposit(body)
    await api.decide(*document_ids(first))
    again = await api.deposit(body)
    assert again.status_code == 200
    assert again.headers["location"] == first.headers["location"]


async def test_what_is_unknown_of_another_organisation_or_replaced_already_is_refused_alike(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    [foreign] = await api.publish(a_deposit(SOMEBODY), organisation=CLINIC)
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    await api.decide(new)
    answers = [await api.deposit(replacing(by_id(document_id))) for document_id in (uuid4(), foreign, old)]
    answers.append(await api.deposit(replacing(by_unique_id(f"urn:uuid:{uuid4()}"))))
    assert {(answer.status_code, *codes(answer)) for answer in answers} == {(422, "replaced-document-unknown")}
    assert len({answer.content for answer in answers}) == 1
    refused = [event for event in await api.announced(AccessRecorded) if event.action == "replace-document"]
    assert [refusal.reason for refusal in refused] == [
        "not-own-document",
        "not-own-document",
        "not-published",
        "not-own-document",
    ]
    assert len(await api.announced(DocumentReceived)) == 3


async def test_a_document_takes_the_place_of_one_at_most(api: RecordsApi, record: UUID) -> None:
    first, second = await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY))
    answer = await api.deposit(replacing(by_id(first), by_id(second)))
    assert (answer.status_code, codes(answer)) == (422, ["replaces-several"])


async def test_of_two_that_would_take_the_same_place_the_first_does_and_the_other_is_refused(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    [first] = document_ids(await api.deposit(replacing(by_id(old))))
    [second] = document_ids(await api.deposit(replacing(by_id(old))))
    await api.decide(first, second)
    statuses = [await status_of(api, document_id, as_patient(record)) for document_id in (first, second)]
    assert sorted(statuses) == ["404", "current"]
    [refused] = await api.announced(DocumentRefused)
    assert refused.reason == "replaced-already"
    assert len(await api.announced(DocumentReplaced)) == 1


async def test_a_refused_replacement_leaves_the_old_one_as_it_is(api: RecordsApi, record: UUID) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    await api.decide(new, reason="record-closed")
    assert await status_of(api, old, as_patient(record)) == "current"
    assert await api.announced(DocumentReplaced) == []


async def test_the_patients_mask_goes_over_to_the_new_version_and_its_author_cannot_lift_it(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    masked = await patch(api, as_patient(record), old, {"op": "add", "path": "/securityLabel/-", "value": MASKED})
    assert masked.status_code == 200
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    await api.decide(new)
    assert await labels_of(api, new) == ["N", "MASQUE_PS", "patient"]
    assert (await api.announced(DocumentPublished))[-1].labels == ("N", "MASQUE_PS")
    assert (await api.get(f"/fhir/Binary/{new}", as_doctor(OTHER_DOCTOR))).status_code == 404
    lifted = await patch(api, as_doctor(), new, {"op": "remove", "path": "/securityLabel/1"})
    assert lifted.status_code == 403
    assert "masked-by-patient" in lifted.text


async def test_what_representatives_do_not_see_they_do_not_see_of_a_new_version_without_the_label(
    api: RecordsApi, record: UUID
) -> None:
    mother = uuid4()
    await api.name_people(record, 1, representatives=[named(mother)], is_minor=True)
    secret = make_token("professional", DOCTOR, profession="10", organisation_id=HOSPITAL, mode="secret")
    answer = await api.client.post(
        "/fhir",
        content=bundle_of(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX"))),
        headers={**bearer(secret), "content-type": "application/fhir+json"},
    )
    [old] = document_ids(answer)
    await api.decide(old)
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    received = (await api.announced(DocumentReceived))[-1]
    assert "INVISIBLE_REPRESENTANTS_LEGAUX" in received.labels, "the ledger's list is restricted from then on"
    await api.decide(new)
    published = (await api.announced(DocumentPublished))[-1]
    assert published.labels == ("N", "INVISIBLE_REPRESENTANTS_LEGAUX"), "so is who is told by mail"
    for document in (old, new):
        assert (await api.get(f"/fhir/Binary/{document}", acting("representative", mother, record))).status_code == 404
    assert (await api.get(f"/fhir/Binary/{new}", as_patient(record))).status_code == 200
    shown = await patch(api, as_patient(record), new, {"op": "remove", "path": "/securityLabel/1"})
    assert shown.status_code == 200, "the minor shows what was deposited in secret, in the new version too"


async def test_labels_that_were_set_while_a_new_version_was_checked_are_its_labels_too(
    api: RecordsApi, record: UUID
) -> None:
    for code in ("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS"):
        [old] = await api.publish(a_deposit(SOMEBODY))
        [new] = document_ids(await api.deposit(replacing(by_id(old))))
        hide = {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}
        assert (await patch(api, as_doctor(), old, hide)).status_code == 200
        await api.decide(new)
        assert code in await labels_of(api, new)


async def test_what_was_shown_to_representatives_while_a_new_version_was_checked_stays_shown(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX")))
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    shown = await patch(api, as_doctor(), old, {"op": "remove", "path": "/securityLabel/1"})
    assert shown.status_code == 200
    await api.decide(new)
    assert await labels_of(api, new) == ["N", "None"]


async def test_the_door_leaves_blocks_and_objections_to_consent(api: RecordsApi, record: UUID) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, blocked=[HOSPITAL], feeding_objections=[HOSPITAL])
    kind = document_type("11502-2")
    assert kind is not None
    assert (await api.deposit(replacing(by_id(old), type=kind))).status_code == 200
    received = (await api.announced(DocumentReceived))[-1]
    assert (received.type, received.replaced["document_type"]) == ("11502-2", "11488-4")


async def test_a_new_version_does_not_hide_from_representatives_what_was_shown_for_ever(
    api: RecordsApi, record: UUID
) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX")))
    shown = await patch(api, as_doctor(), old, {"op": "remove", "path": "/securityLabel/1"})
    assert shown.status_code == 200
    hiding = replacing(by_id(old), labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX"))
    refused = await api.deposit(hiding)
    assert refused.status_code == 403
    assert "lifting-is-final" in refused.text
    [new] = document_ids(await api.deposit(replacing(by_id(old))))
    await api.decide(new)
    again = await patch(api, as_doctor(), new, {"op": "add", "path": "/securityLabel/-", "value": REPRESENTATIVES})
    assert again.status_code == 403


async def test_software_of_the_organisation_replaces_what_a_colleague_deposited(api: RecordsApi, record: UUID) -> None:
    [old] = await api.publish(a_deposit(SOMEBODY))
    body = replacing(by_id(old), authors=a_deposit(SOMEBODY).authors)
    answer = await api.deposit(body, organisation=HOSPITAL)
    assert answer.status_code == 200
