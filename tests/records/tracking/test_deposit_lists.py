"""A FHIR client follows its deposit: the List that the answer names, and what a DocumentReference says meanwhile."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.audit import AccessRecorded
from shared.fhir.deposit_status import DEPOSIT_STATUS
from shared.fhir.facts_state import FACTS_STATE
from shared.fhir.outcomes import ERROR_CODES
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    CLINIC,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    deposit_id,
    document_ids,
)

SOMEBODY = Person(92)


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


def codings(concept: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(coding["system"], coding["code"]) for coding in concept]


async def test_the_list_says_what_became_of_each_document(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(*(a_deposit(SOMEBODY, content=content) for content in (b"1", b"2", b"3"))))
    documents = document_ids(answer)
    [location] = [
        entry["response"]["location"]
        for entry in answer.json()["entry"]
        if entry["response"]["location"].startswith("List/")
    ]
    await api.decide(documents[0])
    await api.decide(documents[1], reason="blocked")
    listed = (await api.get(f"/fhir/{location}", as_software())).json()
    assert (listed["id"], listed["code"]["coding"][0]["code"]) == (str(deposit_id(answer)), "submissionset")
    assert [entry["item"]["reference"] for entry in listed["entry"]] == [f"DocumentReference/{id}" for id in documents]
    assert [codings(entry["flag"]["coding"]) for entry in listed["entry"]] == [
        [(DEPOSIT_STATUS, "published")],
        [(DEPOSIT_STATUS, "refused"), (ERROR_CODES, "consent-opposed")],
        [(DEPOSIT_STATUS, "received")],
    ]


async def test_the_list_of_another_organisation_is_answered_like_none(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    for id, token, status in (
        (deposit_id(answer), as_software(CLINIC), 404),
        (uuid4(), as_software(), 404),
        ("none", as_software(), 404),
        (deposit_id(answer), as_doctor(), 403),
    ):
        refused = await api.get(f"/fhir/List/{id}", token)
        assert (refused.status_code, refused.json()["resourceType"]) == (status, "OperationOutcome")


async def read(api: RecordsApi, document: UUID) -> dict[str, Any]:
    resource: dict[str, Any] = (await api.get(f"/fhir/DocumentReference/{document}", as_software())).json()
    return resource


async def test_a_refused_document_was_entered_in_error_and_its_depositor_reads_why(
    api: RecordsApi, record: UUID
) -> None:
    """FHIR R4, DocumentReference.status: superseded would claim a newer version, current that it counts."""
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    received = await read(api, document)
    assert (received["status"], codings(received["meta"]["tag"])) == ("current", [(DEPOSIT_STATUS, "received")])
    await api.decide(document, reason="blocked")
    refused = await read(api, document)
    assert refused["status"] == "entered-in-error"
    assert codings(refused["meta"]["tag"]) == [(DEPOSIT_STATUS, "refused"), (ERROR_CODES, "consent-opposed")]
    everything = "current,superseded,entered-in-error"
    assert (await api.search(as_patient(record), patient=str(record), status=everything)).json()["total"] == 0
    assert (await api.get(f"/fhir/DocumentReference/{document}", as_patient(record))).status_code == 404


async def test_a_published_document_bears_no_mark_of_its_deposit(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    assert {tag["system"] for tag in (await read(api, document))["meta"]["tag"]} == {FACTS_STATE}


async def test_a_patch_of_a_refused_document_is_entered_as_what_was_asked(api: RecordsApi, record: UUID) -> None:
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    await api.decide(document, reason="consent-opposed")
    mask = {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}
    delete = {"op": "replace", "path": "/status", "value": "entered-in-error"}
    for operation, action in ((mask, "label-document"), (delete, "delete-document")):
        answer = await api.client.patch(
            f"/fhir/DocumentReference/{document}",
            json=[operation],
            headers={**bearer(as_software()), "content-type": "application/json-patch+json"},
        )
        assert answer.status_code == 404
        assert (await api.announced(AccessRecorded))[-1].action == action
