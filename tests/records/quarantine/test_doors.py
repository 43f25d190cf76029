"""What a door refuses for a cause that a hospital can mend is kept, corrected and sent again."""

import base64
import hashlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.records.deposits.usecases import quarantine_doors
from services.records.quarantine.domain.causes import MENDABLE
from services.records.quarantine.steps.keep_refused import RequestSubjects, find_subjects
from shared.contracts.records import DocumentReceived
from shared.fhir import cda_deposit
from shared.terminology import oids
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import MessageParts, MllpClient, pid
from tests.infra.records.quarantine import (
    act,
    listed,
    only_one,
    outcomes,
    read_decided,
    send_cda,
    shown,
    stored_requests,
)
from tests.infra.records.records_api import (
    RecordsApi,
    a_deposit,
    as_software,
    bundle_of,
    changed_bundle,
    codes,
    ins_of,
    traits_of,
)

SOMEBODY, SOMEBODY_ELSE = Person(71), Person(72)


def a_document(bundle: Any) -> Any:
    """Returns the DocumentReference of a Bundle."""
    [document] = [entry["resource"] for entry in bundle["entry"] if "masterIdentifier" in entry["resource"]]
    return document


def with_type(code: str) -> Any:
    """Returns a change of the type."""

    def change(bundle: Any) -> None:
        a_document(bundle)["type"]["coding"][0]["code"] = code

    return change


def with_attachment(**changed: Any) -> Any:
    """Returns a change of the attachment."""

    def change(bundle: Any) -> None:
        a_document(bundle)["content"][0]["attachment"] |= changed

    return change


WRONG_NAME = replace(traits_of(SOMEBODY), birth_name="AUTRE")
BODY = bundle_of(a_deposit(SOMEBODY))
CONTENT = next(entry["resource"]["data"] for entry in orjson.loads(BODY)["entry"] if "data" in entry["resource"])
SHA1 = hashlib.sha1(base64.b64decode(CONTENT), usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        (bundle_of(a_deposit(SOMEBODY, traits=WRONG_NAME)), "traits-mismatch", {"birth_name": SOMEBODY.birth_name}),
        (changed_bundle(BODY, with_type("34105-7")), "type-unknown", {"type": "11488-4"}),
        (
            changed_bundle(BODY, with_attachment(hash="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            "hash-mismatch",
            {"hash": base64.b64encode(SHA1).decode()},
        ),
        (
            changed_bundle(BODY, with_attachment(size=7)),
            "size-mismatch",
            {"size": str(len(base64.b64decode(CONTENT)))},
        ),
    ],
    ids=["traits", "type", "hash", "size"],
)
async def test_a_refused_bundle_is_corrected_and_sent_again(
    api: RecordsApi, record: UUID, body: bytes, code: str, fields: dict[str, str]
) -> None:
    refused = await api.deposit(body)
    assert (refused.status_code, codes(refused)) == (422, [code])
    kept = await only_one(api)
    assert (kept["door"], kept["cause"], kept["size"]) == ("fhir", code, len(body))
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("refused", code)]
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields=fields) == [("done", None)]
    assert (await shown(api, kept["id"]))["fields"].items() >= fields.items()
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
    assert await listed(api) == []
    [received] = await api.announced(DocumentReceived)
    assert received.record_id == record
    read = await read_decided(api, received.document_id)
    assert read == base64.b64decode(CONTENT), "the document's bytes are those that were sent"


async def test_the_ins_of_a_bundle_is_corrected_everywhere_in_its_envelope(api: RecordsApi, record: UUID) -> None:
    mistyped = cda_deposit.bundle_of_cda(a_cda(SOMEBODY, uuid4())).replace(
        SOMEBODY.ins.encode(), SOMEBODY_ELSE.ins.encode()
    )
    assert codes(await api.deposit(mistyped)) == ["patient-mismatch"]
    kept = await only_one(api)
    assert kept["size"] is not None, "the document is about a person with an open record"
    ins = f"urn:oid:{oids.INS_NIR_TEST}|{SOMEBODY.ins}"
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields={"ins": ins}) == [("done", None)]
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]


async def test_a_refused_cda_is_sent_again_with_its_labels_and_never_rewritten(api: RecordsApi, record: UUID) -> None:
    old = uuid4()
    body = a_cda(SOMEBODY, uuid4(), replaces=old)
    headers = {**bearer(as_software()), "content-type": "text/xml"}
    refused = await api.client.post("/cda?visibility=MASQUE_PS", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "replaced-document-unknown")
    kept = await only_one(api)
    assert (await shown(api, kept["id"]))["correctable"] == []
    fields = {"birth_name": "AUTRE"}
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields=fields) == [("refused", "correction-invalid")]
    [first] = (await send_cda(api, a_cda(SOMEBODY, old))).json()["documents"]
    await api.decide(UUID(first["document_id"]))
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
    received = next(event for event in await api.announced(DocumentReceived) if "MASQUE_PS" in event.labels)
    assert await read_decided(api, received.document_id) == body


async def test_a_refused_message_is_corrected_in_pid_and_sent_again(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    content = a_cda(SOMEBODY, uuid4())
    message = MessageParts(
        SOMEBODY, (content,), pid=pid(SOMEBODY, ins=SOMEBODY_ELSE.ins, birth_name="ÉGARÉE"), charset="8859/15"
    )
    raw = message.encoded("iso8859-15")
    assert (await hospital.send(raw)).answer == "AE 207 904"
    kept = await only_one(api)
    assert (kept["door"], kept["cause"], kept["client_id"]) == ("hl7v2", "patient-mismatch", "laboratoire")
    fields = {"ins": f"urn:oid:{oids.INS_NIR_TEST}|{SOMEBODY.ins}", "birth_name": SOMEBODY.birth_name}
    assert (await shown(api, kept["id"]))["fields"]["birth_name"] == "ÉGARÉE"
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields=fields) == [("done", None)]
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
    [received] = await api.announced(DocumentReceived)
    assert (received.record_id, received.client_id) == (record, "software-1")
    assert await read_decided(api, received.document_id) == content


async def test_a_correction_of_pid_leaves_every_other_byte(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    original = MessageParts(
        SOMEBODY,
        (a_cda(SOMEBODY, uuid4()),),
        pid=pid(SOMEBODY, birth_date="19550101"),
        charset="8859/15",
        metadata={"INVISIBLE_PATIENT": "N"},
        line_end="\r\n",
    )
    assert (await hospital.send(original.encoded("iso8859-15"))).answer == "AE 207 904"
    kept = await only_one(api)
    await act(api, "corrections", ids=[kept["id"]], fields={"birth_date": f"{SOMEBODY.birth_date:%Y-%m-%d}"})
    await act(api, "resendings")
    [body] = await stored_requests(api)
    assert body == replace(original, pid=pid(SOMEBODY)).encoded("iso8859-15")


async def test_a_message_whose_verbs_differ_is_kept_with_what_to_do(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),), result="C", order="NW")
    assert (await hospital.send(message.encoded())).answer == "AE 207 906"
    answer = await api.get("/quarantine/causes", as_software())
    [cause] = answer.json()["causes"]
    assert (cause["cause"], cause["submissions"], cause["with_content"]) == ("verb-mismatch", 1, 1)
    assert cause["what_to_do"].startswith("MSH-9.2, OBX-11 and ORC-1 contradict")
    assert cause["what_to_do_fr"].startswith("MSH-9.2, OBX-11 et ORC-1 se contredisent")


async def test_what_no_hospital_can_mend_here_is_not_kept(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    assert (await api.deposit(b"{}")).status_code == 400
    assert (await send_cda(api, b"<a/>")).status_code == 422
    no_document = MessageParts(SOMEBODY, (b"nothing",))
    assert (await hospital.send(no_document.encoded())).code == "AE"
    assert (await hospital.send(no_document.encoded().replace(b"SIL-Y", b"OTHER"))).code == "AR"
    assert await listed(api) == []


async def test_the_same_request_again_is_one_row(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    """The sender repeats a message when the answer is lost, as after a crash between keeping and answering."""
    body = bundle_of(a_deposit(SOMEBODY, traits=WRONG_NAME))
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),), pid=pid(SOMEBODY, birth_name="AUTRE")).encoded()
    for _ in range(2):
        assert codes(await api.deposit(body)) == ["traits-mismatch"]
        assert (await hospital.send(message)).answer == "AE 207 904"
    assert sorted(kept["door"] for kept in await listed(api)) == ["fhir", "hl7v2"]


async def test_a_crash_between_acceptance_and_removal_is_harmless(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.deposit(changed_bundle(BODY, with_type("34105-7")))
    kept = await only_one(api)
    await act(api, "corrections", ids=[kept["id"]], fields={"type": "11488-4"})

    async def crash(*_: object) -> bool:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr("services.records.quarantine.usecases.resend_quarantined.delete_submission", crash)
        body = {"ids": [kept["id"]]}
        lost = await api.client.post("/quarantine/resendings", json=body, headers=bearer(as_software()))
    assert lost.status_code == 503
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
    assert len(await api.announced(DocumentReceived)) == 1
    assert await listed(api) == []


async def test_what_is_dropped_while_it_is_sent_again_stays_dropped(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.deposit(changed_bundle(BODY, with_type("34105-7")))
    kept = await only_one(api)

    async def dropped_meanwhile(*arguments: Any) -> RequestSubjects:
        await act(api, "removals", ids=[kept["id"]])
        return await find_subjects(*arguments)

    monkeypatch.setattr("services.records.quarantine.usecases.resend_quarantined.find_subjects", dropped_meanwhile)
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("refused", "type-unknown")]
    assert await listed(api) == []


async def test_a_refusal_stands_where_nothing_can_be_kept(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("services.records.quarantine.steps.keep_refused.find_subjects", away)
    assert codes(await api.deposit(changed_bundle(BODY, with_type("34105-7")))) == ["type-unknown"]


def test_each_cause_says_what_to_do_in_both_languages() -> None:
    for cause, advice in MENDABLE.items():
        assert advice.english.endswith("."), cause
        assert advice.french.endswith("."), cause
        assert advice.english != advice.french, cause


def test_no_bytes_break_the_reading_of_an_envelope() -> None:
    door = quarantine_doors.fhir_door(None, None)  # type: ignore[arg-type]  # neither is asked for here
    for body in (b"", b"[]", b'{"entry": 1}', b'{"entry": [{"resource": {"resourceType": "Patient", "name": 7}}]}'):
        assert not list(door.persons_of(body))
        assert door.stated_fields(body) == {}
    assert ins_of(SOMEBODY) in set(door.persons_of(BODY))
