"""A hospital deposits: what is kept, what is told, what is refused at the door, and what happens when it asks twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.records.documents.domain import sealed_contents
from services.records.kit.announcements import announce
from services.records.kit.bodies import LARGE_AT_ONCE
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import DocumentReceived
from shared.crypto.keyring import Keyring
from shared.crypto.vault import WrappedKey
from shared.fhir.submission import Author, AuthorKind
from shared.messaging.outbox import append
from shared.values import Ins, NationalProfessionalId, SentTraits
from tests.infra.http.tokens import bearer, make_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import outbox
from tests.infra.platform.locks import SELECT_BLOCKED
from tests.infra.platform.waiting import UNTIL_DONE, eventually
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    RING,
    TEXT,
    RecordsApi,
    a_deposit,
    as_software,
    bundle_of,
    changed_bundle,
    codes,
    deposit_id,
    document_ids,
    traits_of,
)

SOMEBODY = Person(71)
FHIR = {"content-type": "application/fhir+json"}
COUNT_COMBINED = """
select count(*) from documents d
join document_combinations had on (had.bucket, had.record_id, had.document_id) = (d.bucket, d.record_id, d.id)
join combinations on combinations.id = had.combination_id
where combinations.facts = document_facts(d.status, d.life, d.archived, d.type, d.class_code, d.section, d.labels,
        d.masked_by, d.shown_to_representatives, d.deposited_by, d.in_secret)
  and (had.organisation_id, had.author_ids) = (d.organisation_id, d.author_ids)
  and had.depositor_id is not distinct from d.depositor_id"""


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    return shared_records_api


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


async def test_a_deposit_is_answered_with_a_transaction_response_that_says_it_is_invisible_yet(
    api: RecordsApi, record: UUID
) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    body = answer.json()
    assert (body["resourceType"], body["type"], len(body["entry"])) == ("Bundle", "transaction-response", 3)
    assert [entry["response"]["status"] for entry in body["entry"]] == ["201 Created"] * 3
    issue = body["entry"][1]["response"]["outcome"]["issue"][0]
    assert issue["severity"] == "information"
    assert "invisible until it is checked" in issue["diagnostics"]
    assert str(deposit_id(answer)) in body["entry"][0]["response"]["location"]


async def test_a_deposit_is_announced_with_the_version_of_the_record_that_it_saw(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS"))))
    [event] = await api.announced(DocumentReceived)
    assert event.record_id == record
    assert [event.document_id] == document_ids(answer)
    assert event.deposit_id == deposit_id(answer)
    assert event.seen == {"identity.records.v1": 1}
    assert (event.organisation_id, event.client_id, event.author_id) == (HOSPITAL, "software-1", DOCTOR)
    assert (event.type, event.class_code, event.section) == ("11488-4", "10", "CPT_REND")
    assert event.labels == ("N", "MASQUE_PS")


async def test_a_bulk_deposit_is_answered_when_its_documents_are_decided(api: RecordsApi, record: UUID) -> None:
    """So a backlog has no more documents in the pipeline than places, and those of others do not queue behind it."""
    bulk = make_token(
        "software", "software-1", organisation_id=HOSPITAL, scope="documents.deposit", client_class="bulk"
    )
    body = bundle_of(a_deposit(SOMEBODY))
    asked = asyncio.create_task(api.client.post("/fhir", content=body, headers={**bearer(bulk), **FHIR}))
    await eventually(lambda: api.pool.fetchval("select true from documents where status = 'received'"))
    assert not asked.done()
    [event] = await api.announced(DocumentReceived)
    await api.decide(event.document_id)
    assert (await asked).status_code == 200
    assert await api.pool.fetchval("select status from documents") == "published"


async def test_nothing_readable_stands_in_the_database(api: RecordsApi, record: UUID) -> None:
    deposit = a_deposit(SOMEBODY, title="Titre Très Reconnaissable", content=b"Contenu Reconnaissable " * 9)
    await api.deposit(bundle_of(deposit))
    for table in ("documents", "contents", "deposits", "deposit_requests", "records", "record_keys", "outbox"):
        for row in await api.pool.fetch(f"select * from {table}"):
            values = list(row.values())
            stored: bytes = b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
            for secret in ("Reconnaissable", SOMEBODY.ins, SOMEBODY.birth_name, str(deposit.unique_id)):
                assert secret.encode() not in stored, table


async def test_the_request_can_be_restored_to_the_byte(api: RecordsApi, record: UUID) -> None:
    bodies = [
        bundle_of(a_deposit(SOMEBODY)),
        bundle_of(a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"another" * 1000)),
        b"\n  " + bundle_of(a_deposit(SOMEBODY)).replace(b',"', b' ,\t"') + b"\n",
    ]
    for body in bodies:
        answer = await api.deposit(body)
        assert answer.status_code == 200
        assert await restored(api, record, deposit_id(answer)) == body
    stored = await api.pool.fetch("select length(body) as length from deposit_requests")
    assert all(row["length"] < 2500 for row in stored), "contents are not kept twice"


async def restored(api: RecordsApi, record: UUID, deposit: UUID) -> bytes:
    row = await api.pool.fetchrow("select kid, wrapped from record_keys where record_id = $1", record)
    assert row is not None
    key = api.vault.unwrap(record, WrappedKey(row["kid"], row["wrapped"]))
    sealed = await api.pool.fetchval("select body from deposit_requests where deposit_id = $1", deposit)
    contents = {
        row["document_id"]: sealed_contents.open_content(key, row["document_id"], row["content"])
        for row in await api.pool.fetch("select document_id, content from contents")
    }
    return sealed_contents.open_request(key, deposit, sealed, contents)


async def test_another_class_than_the_types_own_is_a_warning_and_does_not_count(api: RecordsApi, record: UUID) -> None:
    def send_another_class(bundle: dict) -> None:  # type: ignore[type-arg]
        bundle["entry"][1]["resource"]["category"][0]["coding"][0]["code"] = "42"

    answer = await api.deposit(changed_bundle(bundle_of(a_deposit(SOMEBODY)), send_another_class))
    assert answer.status_code == 200
    issues = answer.json()["entry"][1]["response"]["outcome"]["issue"]
    assert [(issue["severity"], issue["details"]["coding"][0]["code"]) for issue in issues] == [
        ("information", "deposit-accepted"),
        ("warning", "class-derived"),
    ]
    assert (await api.announced(DocumentReceived))[0].class_code == "10"


async def test_an_unknown_record_is_refused(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(Person(72))))
    assert (answer.status_code, codes(answer)) == (422, ["record-unknown"])


async def test_a_closed_record_is_refused_and_the_refusal_is_traced(api: RecordsApi, record: UUID) -> None:
    await api.open_record(SOMEBODY, status="closed", record_id=record)
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    assert (answer.status_code, codes(answer)) == (422, ["record-closed"])
    await expect_traced_refusal(api, record, "record-closed")


async def expect_traced_refusal(api: RecordsApi, record: UUID, reason: str) -> None:
    [trace] = await api.announced(AccessRecorded)
    assert (trace.record_id, trace.action, trace.outcome, trace.reason) == (
        record,
        "deposit-document",
        "refused",
        reason,
    )
    assert (trace.actor.kind, trace.actor.organisation_id, trace.actor.client_id) == (
        "software",
        HOSPITAL,
        "software-1",
    )
    assert await api.announced(DocumentReceived) == []
    assert await api.pool.fetchval("select count(*) from documents") == 0


@pytest.mark.parametrize(
    "traits",
    [
        replace(traits_of(SOMEBODY), birth_name="AUTRE"),
        replace(traits_of(SOMEBODY), given_name="AUTRE"),
        replace(traits_of(SOMEBODY), birth_date="1999-01-01"),
        replace(traits_of(SOMEBODY), birth_place="75056"),
        SentTraits(birth_date="1999-01-01"),
    ],
)
async def test_traits_that_differ_are_refused_and_the_refusal_is_traced(
    api: RecordsApi, record: UUID, traits: SentTraits
) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, traits=traits)))
    assert (answer.status_code, codes(answer)) == (422, ["traits-mismatch"])
    await expect_traced_refusal(api, record, "traits-mismatch")


@pytest.mark.parametrize(
    "traits",
    [
        SentTraits(),
        SentTraits(birth_name=SOMEBODY.birth_name.lower().replace("-", " ")),
        replace(traits_of(SOMEBODY), birth_place=None),
    ],
)
async def test_absent_traits_and_other_spellings_are_no_difference(
    api: RecordsApi, record: UUID, traits: SentTraits
) -> None:
    assert (await api.deposit(bundle_of(a_deposit(SOMEBODY, traits=traits)))).status_code == 200


async def test_a_record_is_found_under_every_key_of_the_ring(api: RecordsApi) -> None:
    older = Keyring({"hmac-1": RING["hmac-1"]})
    await api.open_record(SOMEBODY, ring=older)
    assert (await api.deposit(bundle_of(a_deposit(SOMEBODY)))).status_code == 200


async def test_a_record_whose_number_changed_is_found_by_the_new_one_only(api: RecordsApi, record: UUID) -> None:
    await api.open_record(Person(73), record_id=record)
    assert codes(await api.deposit(bundle_of(a_deposit(SOMEBODY)))) == ["record-unknown"]
    assert (await api.deposit(bundle_of(a_deposit(Person(73))))).status_code == 200


async def test_the_same_again_gets_the_same_answer_and_is_kept_once(api: RecordsApi, record: UUID) -> None:
    body = bundle_of(a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"second"))
    first, second = await api.deposit(body), await api.deposit(body)
    assert (first.status_code, second.status_code) == (200, 200)
    assert (first.content, first.headers["location"]) == (second.content, second.headers["location"])
    assert len(await api.announced(DocumentReceived)) == 2
    assert await counts(api) == kept(documents=2, deposits=1)


def kept(*, documents: int, deposits: int) -> dict[str, int]:
    """What `counts` says when nothing is missing and nothing is left over."""
    of_documents, of_deposits = ("documents", "contents", "document_combinations"), ("deposits", "deposit_requests")
    return {
        **dict.fromkeys(of_documents, documents),
        **dict.fromkeys((*of_deposits, "organisation_deposits"), deposits),
        "announced": documents,
    }


async def counts(api: RecordsApi) -> dict[str, int]:
    tables = (
        *("documents", "contents", "document_combinations"),
        *("deposits", "deposit_requests", "organisation_deposits"),
    )
    counts = {table: await api.pool.fetchval(f"select count(*) from {table}") for table in tables}
    return {**counts, "announced": len(await api.announced(DocumentReceived))}


async def test_the_same_again_is_the_same_after_publication(api: RecordsApi, record: UUID) -> None:
    body = bundle_of(a_deposit(SOMEBODY))
    first = await api.deposit(body)
    await api.decide(*document_ids(first))
    assert (await api.deposit(body)).headers["location"] == first.headers["location"]


@pytest.mark.parametrize("documents", [1, 2])
async def test_concurrent_identical_deposits_are_one(api: RecordsApi, record: UUID, documents: int) -> None:
    body = bundle_of(*(a_deposit(SOMEBODY, content=b"%d" % number) for number in range(documents)))
    answers = await asyncio.gather(*(api.deposit(body) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await counts(api) == kept(documents=documents, deposits=1)


async def test_a_deposit_waits_for_whoever_announces_of_its_record_so_that_its_announcement_comes_later(
    api: RecordsApi, record: UUID
) -> None:
    async with api.pool.acquire() as connection, connection.transaction():
        refused = AccessRecorded(
            record_id=record,
            actor=Actor(kind="patient", id=str(record)),
            action="read-document",
            outcome="refused",
            reason="blocked",
        )
        await append(connection, [announce(refused)])
        deposit_task = asyncio.create_task(api.deposit(bundle_of(a_deposit(SOMEBODY))))

        async def waits() -> bool:
            return bool(await api.pool.fetchval(SELECT_BLOCKED))

        await eventually(waits)
    assert (await deposit_task).status_code == 200
    assert [type(event) for event in await outbox(api.pool)][-2:] == [AccessRecorded, DocumentReceived]


async def test_a_new_document_has_the_combination_of_its_facts_and_keeps_it_through_publication(
    api: RecordsApi, record: UUID
) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY), a_deposit(SOMEBODY, labels=("N", "MASQUE_PS"))))
    assert await api.pool.fetchval(COUNT_COMBINED) == 2
    await api.decide(*document_ids(answer))
    assert await api.pool.fetchval(COUNT_COMBINED) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"content": b"other bytes"},
        {"labels": ("N", "MASQUE_PS")},
        {"title": "Autre titre"},
    ],
)
async def test_the_same_identifier_stands_for_one_thing_only(
    api: RecordsApi, record: UUID, changed: dict[str, object]
) -> None:
    deposit = a_deposit(SOMEBODY)
    first = await api.deposit(bundle_of(deposit))
    answer = await api.deposit(bundle_of(replace(deposit, **changed)))  # type: ignore[arg-type]
    if "title" in changed:
        assert answer.headers["location"] == first.headers["location"]
    else:
        assert (answer.status_code, codes(answer)) == (409, ["unique-id-taken"])
        [trace] = await api.announced(AccessRecorded)
        assert (trace.record_id, trace.outcome, trace.reason) == (record, "refused", "unique-id-taken")
    assert (await counts(api))["documents"] == 1


async def test_another_organisation_cannot_take_the_identifier(api: RecordsApi, record: UUID) -> None:
    body = bundle_of(a_deposit(SOMEBODY))
    await api.deposit(body)
    assert (await api.deposit(body, organisation=CLINIC)).status_code == 409


async def test_the_same_identifier_in_another_record_is_another_document(api: RecordsApi, record: UUID) -> None:
    other = Person(74)
    await api.open_record(other)
    deposit = a_deposit(SOMEBODY)
    first = await api.deposit(bundle_of(deposit))
    second = await api.deposit(bundle_of(a_deposit(other, unique_id=deposit.unique_id)))
    assert (first.status_code, second.status_code) == (200, 200)
    assert document_ids(first) != document_ids(second)


async def test_a_set_that_is_partly_known_is_refused_whole(api: RecordsApi, record: UUID) -> None:
    first, second, new = (a_deposit(SOMEBODY, content=text) for text in (b"one", b"two", b"three"))
    await api.deposit(bundle_of(first, second))
    for mixed in ((first, new), (first,), (first, second, new)):
        answer = await api.deposit(bundle_of(*mixed))
        assert (answer.status_code, codes(answer)) == (409, ["unique-id-taken"])
    assert await counts(api) == kept(documents=2, deposits=1)
    assert (await api.deposit(bundle_of(second, first))).status_code == 200, "the order does not matter"


async def test_after_a_refusal_a_new_attempt_is_a_new_deposit(api: RecordsApi, record: UUID) -> None:
    body = bundle_of(a_deposit(SOMEBODY))
    first = await api.deposit(body)
    await api.decide(*document_ids(first), reason="consent-opposed")
    second = await api.deposit(body)
    assert second.status_code == 200
    assert second.headers["location"] != first.headers["location"]
    assert len(await api.announced(DocumentReceived)) == 2


async def test_prefer_wait_answers_with_the_result(api: RecordsApi, record: UUID) -> None:
    for reason, code, severity in (
        ("feeding", "document-published", "information"),
        ("consent-opposed", "consent-opposed", "error"),
    ):
        waiting = asyncio.create_task(api.deposit(bundle_of(a_deposit(SOMEBODY)), prefer=UNTIL_DONE))
        await decide_when_received(api, reason)
        answer = await waiting
        assert answer.status_code == 200
        [issue] = answer.json()["entry"][1]["response"]["outcome"]["issue"]
        assert (issue["details"]["coding"][0]["code"], issue["severity"]) == (code, severity)


async def decide_when_received(api: RecordsApi, reason: str) -> None:
    async def received() -> UUID | None:
        counts: UUID | None = await api.pool.fetchval("select id from documents where status = 'received'")
        return counts

    await api.decide(await eventually(received), reason=reason)


async def test_prefer_wait_answers_without_a_result_when_none_comes(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)), prefer="wait=1")
    [issue] = answer.json()["entry"][1]["response"]["outcome"]["issue"]
    assert issue["details"]["coding"][0]["code"] == "deposit-accepted"


async def test_a_cda_about_another_patient_is_refused(api: RecordsApi, record: UUID) -> None:
    id_ = f'<id extension="{Person(75).ins}" root="1.2.250.1.213.1.4.10"/>'
    target = f"<recordTarget><patientRole>{id_}</patientRole></recordTarget>"
    cda = f'<ClinicalDocument xmlns="urn:hl7-org:v3">{target}</ClinicalDocument>'.encode()
    refused = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=cda, content_type="text/xml")))
    assert (refused.status_code, codes(refused)) == (422, ["patient-mismatch"])
    own = cda.replace(Person(75).ins.encode(), SOMEBODY.ins.encode())
    assert (await api.deposit(bundle_of(a_deposit(SOMEBODY, content=own, content_type="text/xml")))).status_code == 200


async def test_a_big_document_is_kept_too(api: RecordsApi, record: UUID) -> None:
    body = bundle_of(a_deposit(SOMEBODY, content=TEXT * 4000))
    answer = await api.deposit(body)
    assert answer.status_code == 200
    assert await restored(api, record, deposit_id(answer)) == body
    got = await api.get(f"/fhir/Binary/{document_ids(answer)[0]}", as_software())
    assert got.content == TEXT * 4000


async def test_an_ins_under_another_oid_of_its_class_finds_the_record(api: RecordsApi, record: UUID) -> None:
    demo = Ins(SOMEBODY.ins, "1.2.250.1.213.1.4.11")
    assert (await api.deposit(bundle_of(a_deposit(SOMEBODY, ins=demo)))).status_code == 200
    production = Ins(SOMEBODY.ins, "1.2.250.1.213.1.4.8")
    assert codes(await api.deposit(bundle_of(a_deposit(SOMEBODY, ins=production)))) == ["record-unknown"]


async def test_a_stranger_to_the_directory_cannot_break_a_deposit(api: RecordsApi, record: UUID) -> None:
    """An author's id that no event may carry is left out of it, and kept with the document."""
    odd = Author(AuthorKind.PROFESSIONAL, NationalProfessionalId("3" + "7" * 20 + "/CPE-" + "x" * 60))
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, authors=(odd,))))
    assert answer.status_code == 200, answer.text
    [event] = await api.announced(DocumentReceived)
    assert event.author_id is None


async def test_ids_that_nobody_knows_are_not_found(api: RecordsApi) -> None:
    for path in (f"/deposits/{uuid4()}", f"/fhir/Binary/{uuid4()}", "/fhir/Binary/x", "/fhir/DocumentReference/x"):
        assert (await api.get(path, as_software())).status_code == 404, path


async def test_slow_uploads_of_one_hospital_keep_nobody_elses_large_deposit_waiting(api: RecordsApi) -> None:
    """Places for large bodies are taken by bodies that are here, not by those that are still on their way."""
    ends = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await ends.wait()

    ours = FHIR | bearer(as_software())
    large, others = b'{"resourceType": "Bundle"}' + b" " * 1_200_000, FHIR | bearer(as_software(CLINIC))
    uploads = [
        asyncio.create_task(api.client.post("/fhir", content=slow(), headers=ours)) for _ in range(2 * LARGE_AT_ONCE)
    ]
    answer = await asyncio.wait_for(api.client.post("/fhir", content=large, headers=others), 10)
    assert answer.status_code == 422
    ends.set()
    assert {answer.status_code for answer in await asyncio.gather(*uploads)} == {400}
