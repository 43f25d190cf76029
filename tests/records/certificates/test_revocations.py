"""A document that is taken back takes its certificates with it; who may see it, and an erasure, do not."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
from msgspec import structs

from services.records.certificates.steps.changed_doses import revoke_changed_doses
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.swaps import FactSwap
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime
from services.records.erasure.steps import erase_record
from services.records.recovery.steps import recover_documents
from services.records.revocations import store
from services.records.revocations.domain import CertificateSource, source_of
from services.records.revocations.steps import new_rid
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import DocumentWithdrawn
from shared.contracts.topics import ACCESSES, RECORDS_DOCUMENTS
from shared.db.pool import transaction
from shared.fhir.write import IS_ARCHIVED
from shared.messaging.outbox.lost import SentRecord
from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime import clock
from tests.infra.erasure.erasing import erased
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.records.certificates import KEYS
from tests.infra.records.records_api import HOSPITAL, RecordsApi, a_deposit, as_doctor, as_patient

SOMEBODY = Person(87)
PLACE = "/certificates/.well-known"
"""Where the issuer's URL leads."""
MASK = {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}
ARCHIVE = {"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": True}}
DELETE = {"op": "replace", "path": "/status", "value": "entered-in-error"}


@pytest.fixture
def card() -> str:
    """A certificate of this test: the published lists only grow."""
    return new_rid()


@pytest.fixture
def other_card() -> str:
    return new_rid()


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


async def certify(api: RecordsApi, record: UUID, document: UUID, rid: str) -> None:
    async with transaction(api.pool) as connection:
        await store.insert_sources(connection, [CertificateSource(record, document, KEYS.active, rid)])


async def revoked(api: RecordsApi, *rids: str) -> set[str]:
    """Returns which of these stand in the list that verifiers fetch, whose version the key states."""
    listed = (await api.client.get(f"{PLACE}/crl/{KEYS.active}.json")).json()
    (key,) = (await api.client.get(f"{PLACE}/jwks.json")).json()["keys"]
    assert (listed["kid"], listed["method"], listed["ctr"]) == (KEYS.active, "rid", key["crlVersion"])
    assert listed["ctr"] == 1 + len(listed["rids"])
    return {rid for rid in listed["rids"] if rid in rids}


async def patch(api: RecordsApi, document: UUID, token: str, operation: dict[str, Any]) -> httpx2.Response:
    headers = {**bearer(token), "content-type": "application/json-patch+json"}
    path = f"/fhir/DocumentReference/{document}"
    answer = await api.client.patch(path, content=orjson.dumps([operation]), headers=headers)
    assert answer.status_code in (200, 204), answer.text
    return answer


async def test_keys_and_lists_are_published_to_everybody_below_the_issuers_url(api: RecordsApi) -> None:
    answer = await api.client.get(f"{PLACE}/jwks.json")
    (key,) = answer.json()["keys"]
    assert key == KEYS.published({KEYS.active: key["crlVersion"]})[0]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await api.client.get(f"{PLACE}/crl/unknown.json")).status_code == 404
    assert await revoked(api) == set()


async def test_a_deleted_document_revokes_the_certificates_that_rest_on_it_alone(
    api: RecordsApi, record: UUID, card: str, other_card: str
) -> None:
    document, other = await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY))
    await certify(api, record, document, card)
    await certify(api, record, other, card)
    await certify(api, record, other, other_card)
    await patch(api, document, as_doctor(), DELETE)
    assert await revoked(api, card, other_card) == {card}
    await patch(api, other, as_doctor(), DELETE)
    assert await revoked(api, card, other_card) == {card, other_card}


async def test_a_mask_and_an_archived_document_revoke_nothing(api: RecordsApi, record: UUID, card: str) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await certify(api, record, document, card)
    await patch(api, document, as_patient(record), MASK)
    await patch(api, document, as_doctor(), ARCHIVE)
    assert await revoked(api, card) == set()


async def test_a_replaced_document_revokes_its_certificates_once_its_replacement_is_published(
    api: RecordsApi, record: UUID, card: str
) -> None:
    first = a_deposit(SOMEBODY)
    [document] = await api.publish(first)
    await certify(api, record, document, card)
    await api.publish(a_deposit(SOMEBODY, replaces=first.unique_id))
    assert await revoked(api, card) == {card}


async def test_an_erased_record_leaves_the_published_list_and_nothing_else(
    api: RecordsApi, record: UUID, card: str, other_card: str
) -> None:
    document, other = await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY))
    await certify(api, record, document, card)
    await certify(api, record, other, other_card)
    await patch(api, document, as_doctor(), DELETE)
    async with transaction(api.pool) as connection:
        await erase_record(connection, [message(erased(record))])
    assert await api.pool.fetchval("select count(*) from certificate_sources") == 0
    assert await revoked(api, card, other_card) == {card}, "what its owner keeps stays valid, or revoked"
    await certify(api, record, other, other_card)
    assert await api.pool.fetchval("select count(*) from certificate_sources") == 0


async def test_what_a_database_has_lost_is_restored_and_revoked_from_what_was_announced(
    api: RecordsApi, record: UUID, card: str, other_card: str
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    actor = Actor(kind="patient", id=str(record), client_id="client")
    sources = [CertificateSource(record, document, KEYS.active, rid) for rid in (card, other_card)]
    issues = [
        AccessRecorded(
            record_id=record,
            actor=actor,
            action="issue-certificate",
            outcome="permitted",
            reason="own-record",
            document_id=document,
            subject_id=source.subject,
        )
        for source in sources
    ]
    assert [source_of(event) for event in issues] == sources
    withdrawal = DocumentWithdrawn(
        record_id=record,
        document_id=document,
        deposit_id=uuid4(),
        organisation_id=HOSPITAL,
        actor=actor,
        rules_version="7",
        facts={},
        withdrawn_at=clock.now(),
    )
    places = [(ACCESSES["records"].name, event) for event in issues] + [(RECORDS_DOCUMENTS.name, withdrawal)]
    sent = [
        SentRecord(TopicPartition(topic, 0), n, str(record), uuid4(), event.ce_type, event.model_dump_json().encode())
        for n, (topic, event) in enumerate(places)
    ]
    async with transaction(api.pool) as connection:
        await recover_documents(connection, sent)
    assert await revoked(api, card, other_card) == {card, other_card}


async def test_a_dose_that_is_read_otherwise_than_it_was_certified_revokes_its_certificates(
    api: RecordsApi, record: UUID, card: str, other_card: str
) -> None:
    document, other = await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY))
    await certify(api, record, document, card)
    await certify(api, record, other, other_card)
    vaccine = Concept(Coding("J07BD52", "2.16.840.1.113883.6.73"))
    dose = ClinicalFact(
        id=uuid4(),
        kind=FactKind.VACCINATION,
        status="given",
        source=FactSource("0/1"),
        code=vaccine,
        time=FactTime("2025-03-01"),
    )
    reworded = structs.replace(dose, comments=("Bien toléré.",), source=FactSource("0/1", section="11369-6"))
    corrected = structs.replace(dose, time=FactTime("2025-03-02"))
    async with transaction(api.pool) as connection:
        swaps = [
            FactSwap(record, document, (dose,), (corrected,)),
            FactSwap(record, other, (dose,), (reworded, corrected)),
        ]
        await revoke_changed_doses(connection, swaps)
    assert await revoked(api, card, other_card) == {card}
