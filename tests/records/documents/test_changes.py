"""Labels, archive and deletion of one document: who may, in force with the answer, told with the facts."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.records.deposits.steps.apply_deposit_decisions import apply_deposit_decisions
from services.records.documents.domain.json_patch import IS_DELETED
from shared.access import Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentPublished, DocumentRelabelled, DocumentWithdrawn
from shared.db.pool import transaction
from shared.fhir.write import IS_ARCHIVED
from shared.terminology import oids
from tests.infra.http.tokens import bearer, make_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import fetch_row
from tests.infra.platform.waiting import eventually
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
    as_software,
    bundle_of,
    codes,
    decided,
    deposit_id,
    document_ids,
    named,
    times_held,
)

SOMEBODY = Person(87)
PATCH = {"content-type": "application/json-patch+json"}
REPRESENTATIVE, CARER = uuid4(), uuid4()
MASK = {
    "op": "add",
    "path": "/securityLabel/-",
    "value": {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]},
}
UNMASK = {"op": "remove", "path": "/securityLabel/1"}
ARCHIVE = {"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": True}}
DELETE = {"op": "replace", "path": "/status", "value": "entered-in-error"}


TRE_A10 = oids.TRE_A10_SYSTEM


def over_first(code: str, system: str | None = None) -> dict[str, Any]:
    coding = {"code": code} if system is None else {"system": system, "code": code}
    return {"op": "replace", "path": "/securityLabel/0", "value": {"coding": [coding]}}


def hide(code: str) -> dict[str, Any]:
    return {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """OTHER_DOCTOR is authorised, DOCTOR writes."""
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await api.name_people(record_id, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")])
    return record_id


async def patch(
    api: RecordsApi, document: UUID, token: str, *operations: dict[str, Any], **headers: str
) -> httpx2.Response:
    return await api.client.patch(
        f"/fhir/DocumentReference/{document}",
        content=orjson.dumps(operations),
        headers={**bearer(token), **PATCH, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


def labels(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [label["coding"][0]["code"] for label in answer.json()["securityLabel"]]


async def test_the_patient_masks_and_it_is_in_force_with_the_answer(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    path, reader = f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR)
    assert (await api.get(path, reader)).status_code == 200
    answer = await patch(api, document, as_patient(record), MASK)
    assert (labels(answer), answer.headers["etag"]) == (["N", "MASQUE_PS"], 'W/"2"')
    assert answer.json()["meta"]["versionId"] == "2"
    assert (await api.get(path, reader)).status_code == 404
    assert (await api.get(path, as_doctor(DOCTOR))).status_code == 200, "the author goes on reading it"
    [event] = await api.announced(DocumentRelabelled)
    assert (event.change, event.labels, event.actor.kind, event.document_id) == (
        "mask",
        ("N", "MASQUE_PS"),
        "patient",
        document,
    )
    assert isinstance(decide(decode_facts(event.facts)), Permit)
    assert labels(await patch(api, document, as_patient(record), UNMASK)) == ["N"]
    assert (await api.get(path, reader)).status_code == 200


async def test_a_mask_of_the_patient_is_lifted_by_the_patients_side_alone(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for masker, lifters in (
        (as_patient(record), [acting("carer", CARER, record)]),
        (acting("representative", REPRESENTATIVE, record), [as_patient(record)]),
    ):
        assert labels(await patch(api, document, masker, MASK)) == ["N", "MASQUE_PS"]
        for author in (as_doctor(DOCTOR), as_software()):
            refused = await patch(api, document, author, UNMASK)
            assert (refused.status_code, codes(refused)) == (403, ["forbidden"])
            assert "masked-by-patient" in refused.text
            refusal = (await api.announced(AccessRecorded))[-1]
            assert (refusal.action, refusal.outcome, refusal.reason) == (
                "label-document",
                "refused",
                "masked-by-patient",
            )
        for lifter in lifters:
            assert labels(await patch(api, document, lifter, UNMASK)) == ["N"]


async def test_an_author_hides_from_the_patient_and_shows_again(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    hidden = await patch(api, document, as_doctor(DOCTOR), hide("INVISIBLE_PATIENT"))
    assert labels(hidden) == ["N", "INVISIBLE_PATIENT"]
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 404
    mask = await patch(api, document, as_software(), MASK)
    assert mask.status_code == 403, "not both masked and invisible to the patient"
    swap = await patch(api, document, as_software(), UNMASK, MASK)
    assert labels(swap) == ["N", "MASQUE_PS"], "what is lifted is lifted first"
    assert [event.change for event in await api.announced(DocumentRelabelled)] == [
        "hide-from-patient",
        "show-to-patient",
        "mask",
    ]
    versions = [event.version for event in await api.announced(DocumentRelabelled)]
    assert versions == [2, 3, 4], "two changes of one request have two versions"
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 200


async def test_showing_to_representatives_is_final(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX")))
    mother = acting("representative", REPRESENTATIVE, record)
    assert (await api.get(f"/fhir/Binary/{document}", mother)).status_code == 404
    assert labels(await patch(api, document, as_doctor(DOCTOR), UNMASK)) == ["N"]
    assert (await api.get(f"/fhir/Binary/{document}", mother)).status_code == 200
    again = await patch(api, document, as_doctor(DOCTOR), hide("INVISIBLE_REPRESENTANTS_LEGAUX"))
    assert (again.status_code, "lifting-is-final" in again.text) == (403, True)


async def test_an_archived_document_is_read_and_marked(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    archived = await patch(api, document, as_software(), ARCHIVE)
    assert archived.json()["extension"] == [{"url": IS_ARCHIVED, "valueBoolean": True}]
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 200
    back = await patch(
        api, document, as_doctor(DOCTOR), {"op": "replace", "path": "/extension/0/valueBoolean", "value": False}
    )
    assert "extension" not in back.json()
    assert (await patch(api, document, as_patient(record), ARCHIVE)).status_code == 403


@pytest.mark.parametrize(
    "operations",
    [
        (DELETE,),
        (
            {"op": "replace", "path": "/status", "value": "superseded"},
            {"op": "add", "path": "/extension/-", "value": {"url": IS_DELETED, "valueBoolean": True}},
        ),
    ],
)
async def test_a_deleted_document_is_gone_for_everybody(
    api: RecordsApi, record: UUID, operations: tuple[dict[str, Any], ...]
) -> None:
    [document, other] = await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"other"))
    assert (await patch(api, document, as_patient(record), *operations)).status_code == 403, "it is not the patient's"
    answer = await patch(api, document, as_doctor(DOCTOR), *operations)
    assert (answer.status_code, answer.json()["status"]) == (200, "entered-in-error")
    [event] = await api.announced(DocumentWithdrawn)
    assert (event.document_id, event.actor.id) == (document, DOCTOR)
    for token in (as_patient(record), as_doctor(DOCTOR), as_doctor(OTHER_DOCTOR), as_software()):
        assert (await api.get(f"/fhir/Binary/{document}", token)).status_code == 404
    searchset = await api.search(as_patient(record), patient=str(record), status="current,superseded,entered-in-error")
    assert [entry["resource"]["id"] for entry in searchset.json()["entry"]] == [str(other)]
    assert (await patch(api, document, as_doctor(DOCTOR), *operations)).status_code == 404
    assert await api.pool.fetchval("select count(*) from contents where document_id = $1", document) == 1


async def test_who_may_not_know_of_a_document_gets_the_answer_for_what_is_not_there(
    api: RecordsApi, record: UUID
) -> None:
    [plain, hidden] = await api.publish(
        a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"hidden", labels=("N", "INVISIBLE_PATIENT"))
    )
    stranger, admin = as_patient(uuid4()), make_token("administrator", "admin-1")
    cases = [
        (plain, stranger),
        (plain, as_doctor("899900000042")),
        (plain, as_doctor(OTHER_DOCTOR)),
        (plain, as_software(CLINIC)),
        (hidden, as_patient(record)),
        (hidden, acting("carer", CARER, record)),
        (plain, admin),
    ]
    for document, token in cases:
        answers = [await patch(api, document_id, token, MASK) for document_id in (document, uuid4())]
        assert answers[0].status_code == (403 if token == admin else 404), document
        assert answers[0].content == answers[1].content
    assert await api.announced(DocumentRelabelled) == []
    refusals = [event for event in await api.announced(AccessRecorded) if event.outcome == "refused"]
    assert len(refusals) == len(cases)


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "replace", "path": "/title", "value": "x"}], 405),
        ([{"op": "replace", "path": "/content/0/attachment/title", "value": "x"}], 405),
        ([{"op": "replace", "path": "/extension[url:'http://other.example']/valueBoolean", "value": True}], 422),
        ([{"op": "replace", "path": f"/extension[url:'{IS_ARCHIVED}']", "value": True}], 422),
        ([{"op": "replace", "path": "/status", "value": "superseded"}], 422),
        ([{"op": "remove", "path": "/securityLabel/0"}], 422),
        ([{"op": "remove", "path": "/securityLabel"}], 422),
        ([{"op": "replace", "path": "/securityLabel", "value": []}], 422),
        ([{"op": "add", "path": "/securityLabel/-", "value": {"coding": []}}], 422),
        ([{"op": "add", "path": "/securityLabel/0/text", "value": "MASQUE_PS"}], 422),
        ([{"op": "replace", "path": "/securityLabel/0/coding/0/display", "value": "MASQUE_PS"}], 422),
        ([ARCHIVE, {**ARCHIVE, "path": "/extension/0", "value": {"url": IS_ARCHIVED, "valueBoolean": False}}], 422),
        ([{"op": "replace", "path": "/extension/0/valueBoolean", "value": True}], 422),
        ([{"op": "replace", "path": "/securityLabel/9", "value": {}}], 422),
        ([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "R"}]}}], 422),
        ([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "SECRET"}]}}], 422),
        ([{"op": "add", "path": "/securityLabel/-", "value": "MASQUE_PS"}], 422),
        ([{"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": "true"}}], 422),
        ([{"op": "add", "path": "/extension/-", "value": {"url": "http://other.example", "valueBoolean": True}}], 422),
        ([{"op": "replace", "path": "/status", "value": "current "}], 422),
        ([{"op": "test", "path": "/status", "value": "superseded"}, MASK], 422),
        ([{"op": "move", "from": "/status", "path": "/securityLabel"}], 422),
        ([{"op": "remove", "path": "/status"}], 422),
        ([{"op": "remove", "path": "/securityLabel/00"}], 422),
        ([], 422),
        ([MASK] * 21, 422),
    ],
)
async def test_a_patch_that_cannot_be_is_refused_and_nothing_changes(
    api: RecordsApi, record: UUID, operations: list[dict[str, Any]], status: int
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    assert (await patch(api, document, as_patient(record), *operations)).status_code == status
    assert await api.pool.fetchval("select version from documents") == 1


async def test_labels_are_set_and_lifted_as_the_guide_writes_it(api: RecordsApi, record: UUID) -> None:
    """TD3.3a and b: a label is written over N, and N over the label, each time at /securityLabel/0."""
    [document] = await api.publish(a_deposit(SOMEBODY))
    cases = [
        (as_patient(record), oids.TRE_A07_SYSTEM, "MASQUE_PS", "MASQUE_PS", ("mask", "unmask")),
        (as_doctor(DOCTOR), TRE_A10, "INVISIBLE_MASQUE_PATIENT", "MASQUE_PS", ("mask", "unmask")),
        (
            as_doctor(DOCTOR),
            TRE_A10,
            "INVISIBLE_PATIENT",
            "INVISIBLE_PATIENT",
            ("hide-from-patient", "show-to-patient"),
        ),
    ]
    for who, system, code, label, changes in cases:
        set_ = await patch(api, document, who, over_first(code, system))
        assert labels(set_) == ["N", label]
        lifted = await patch(api, document, who, over_first("N", oids.CONFIDENTIALITY_SYSTEM))
        assert labels(lifted) == ["N"], "an answer of 200 without effect would leave it hidden"
        again = await patch(api, document, who, over_first("N", oids.CONFIDENTIALITY_SYSTEM))
        assert (labels(again), again.headers["etag"]) == (["N"], lifted.headers["etag"])
        assert tuple(event.change for event in (await api.announced(DocumentRelabelled))[-2:]) == changes


async def test_normal_that_does_not_say_what_is_lifted_is_refused_and_lifts_nothing(
    api: RecordsApi, record: UUID
) -> None:
    for hidden, words in (
        (("INVISIBLE_PATIENT", "MASQUE_PS"), over_first("N")),
        (("INVISIBLE_REPRESENTANTS_LEGAUX",), over_first("N")),
        (("MASQUE_PS",), hide("N")),
    ):
        [document] = await api.publish(a_deposit(SOMEBODY))
        for code in hidden:
            who = as_patient(record) if code == "MASQUE_PS" and len(hidden) == 1 else as_doctor(DOCTOR)
            if code == "MASQUE_PS" and len(hidden) > 1:
                await api.pool.execute("update documents set labels = labels || '{MASQUE_PS}' where id = $1", document)
            else:
                assert (await patch(api, document, who, hide(code))).status_code == 200
        refused = await patch(api, document, as_doctor(DOCTOR), words)
        assert (refused.status_code, codes(refused)) == (422, ["label-ambiguous"])
        kept = await api.pool.fetchval("select labels from documents where id = $1", document)
        assert set(kept) == {"N", *hidden}


async def test_normal_over_a_mask_leaves_what_representatives_do_not_see(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS")))
    lifted = await patch(api, document, as_doctor(DOCTOR), over_first("N"))
    assert labels(lifted) == ["N", "INVISIBLE_REPRESENTANTS_LEGAUX"]


async def test_a_document_is_archived_as_the_guide_writes_it(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for value in (True, False, False):
        path = f"/extension[url:'{IS_ARCHIVED}']/valueBoolean"
        answer = await patch(api, document, as_doctor(DOCTOR), {"op": "replace", "path": path, "value": value})
        assert answer.status_code == 200
        assert ("extension" in answer.json()) is value
    assert [event.change for event in await api.announced(DocumentRelabelled)] == ["archive", "unarchive"]


async def test_all_that_is_asked_for_is_done_or_nothing(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    answer = await patch(api, document, as_patient(record), MASK, hide("INVISIBLE_PATIENT"))
    assert answer.status_code == 403
    assert await api.pool.fetchval("select labels from documents") == ["N"]
    assert await api.announced(DocumentRelabelled) == []


async def test_what_is_so_already_changes_nothing(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))
    answer = await patch(api, document, as_patient(record), {"op": "test", "path": "/status", "value": "current"})
    assert (labels(answer), answer.headers["etag"]) == (["N", "MASQUE_PS"], 'W/"1"')
    assert await api.announced(DocumentRelabelled) == []


async def test_an_older_version_is_told_from_the_present_one(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    token = as_patient(record)
    etag = (await api.get(f"/fhir/DocumentReference/{document}", token)).headers["etag"]
    assert labels(await patch(api, document, token, MASK, if_match=etag)) == ["N", "MASQUE_PS"]
    late = await patch(api, document, token, UNMASK, if_match=etag)
    assert (late.status_code, codes(late)) == (412, ["version-differs"])
    assert (await patch(api, document, token, UNMASK, if_match="one")).status_code == 422


async def test_another_media_type_is_not_taken(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    answer = await patch(api, document, as_patient(record), MASK, content_type="application/fhir+json")
    assert answer.status_code == 415


async def test_who_masks_waits_for_the_readers_of_the_record(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    async with transaction(api.pool) as reader:
        await reader.execute("select id from records where id = $1 for share", record)
        before = times_held()

        async def tried() -> bool:
            return times_held() > before

        masking = asyncio.create_task(patch(api, document, as_patient(record), MASK))
        await eventually(tried)
        assert not masking.done()
    assert (await masking).status_code == 200


async def test_new_documents_are_masked_where_the_patient_wants_it(api: RecordsApi, record: UUID) -> None:
    """Even beside the author's INVISIBLE_PATIENT; and the mask is the patient's."""
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, labels=("N", "INVISIBLE_PATIENT"))))
    [document] = document_ids(answer)
    decision = decided(record, document, deposit_id(answer)).model_copy(update={"mask": True})
    async with transaction(api.pool) as connection:
        await apply_deposit_decisions(connection, [message(decision)])
    [published] = await api.announced(DocumentPublished)
    assert published.labels == ("N", "INVISIBLE_PATIENT", "MASQUE_PS")
    row = await fetch_row(api.pool, "select labels, masked_by from documents")
    assert (row["labels"], row["masked_by"]) == (["N", "INVISIBLE_PATIENT", "MASQUE_PS"], "patient")
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 404
    lifted = await patch(api, document, as_doctor(DOCTOR), {"op": "remove", "path": "/securityLabel/2"})
    assert (lifted.status_code, "masked-by-patient" in lifted.text) == (403, True)


async def test_a_blocked_author_corrects_and_sees_nothing_of_what_it_changes(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, blocked=[DOCTOR, HOSPITAL])
    for author in (as_doctor(DOCTOR), as_software()):
        looked = await patch(api, document, author, {"op": "test", "path": "/status", "value": "current"})
        done = await patch(api, document, author, ARCHIVE)
        assert (looked.status_code, looked.content) == (done.status_code, done.content) == (204, b"")
        assert (await api.get(f"/fhir/DocumentReference/{document}", author)).status_code == 404
    [event] = await api.announced(DocumentRelabelled)
    assert event.change == "archive"


async def test_a_patient_who_masks_what_its_author_masked_makes_the_mask_the_patients(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))
    assert labels(await patch(api, document, as_patient(record), MASK)) == ["N", "MASQUE_PS"]
    lifted = await patch(api, document, as_doctor(DOCTOR), UNMASK)
    assert lifted.status_code == 403
    assert "masked-by-patient" in lifted.text
    again = await patch(api, document, as_patient(record), MASK)
    assert again.headers["etag"] == 'W/"2"', "what is so already is no change"


async def test_a_patch_that_cannot_be_is_told_to_the_ledger_which_decides_nothing_of_it(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    beyond = {"op": "remove", "path": "/securityLabel/7"}
    assert (await patch(api, document, as_patient(record), beyond)).status_code == 422
    assert (await patch(api, document, as_patient(record), MASK, if_match='W/"9"')).status_code == 412
    refused = await api.announced(AccessRecorded)
    assert [(refusal.action, refusal.outcome, refusal.reason, refusal.facts) for refusal in refused] == [
        ("label-document", "refused", "patch-invalid", None),
        ("label-document", "refused", "version-differs", None),
    ]
