"""A hospital sends documents by HL7 v2 over MLLP: each message is acknowledged after its commit."""

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.records import loops
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived, DocumentWithdrawn
from shared.runtime import clock
from tests.infra.http.tokens import software_token
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import Ack, MessageParts, MllpClient, pid
from tests.infra.records.mllp import MllpTarget
from tests.infra.records.records_api import CLINIC, HOSPITAL, RecordsApi, as_patient

SOMEBODY, SOMEBODY_ELSE = Person(71), Person(72)


def oru(content: bytes, **changed: object) -> MessageParts:
    return replace(MessageParts(SOMEBODY, (content,)), **changed)  # type: ignore[arg-type]


async def published(api: RecordsApi, answer: Ack) -> list[UUID]:
    """Applies consent's permission to all that waits; returns the ids in the order of receipt."""
    assert answer.code == "AA", answer.raw
    rows = await api.pool.fetch("select id from documents where status = 'received' order by id")
    await api.decide(*(row["id"] for row in rows))
    return [row["id"] for row in rows]


async def labels_of(api: RecordsApi, document_id: UUID) -> list[str]:
    labels: list[str] = await api.pool.fetchval("select labels from documents where id = $1", document_id)
    return sorted(labels)


async def test_a_laboratory_s_result_is_deposited_and_can_be_read(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    content = a_cda(SOMEBODY, uuid4())
    answer = await hospital.send(oru(content, metadata={"MASQUE_PS": "Y", "INVISIBLE_PATIENT": "N"}).encoded())
    assert answer.answer == "AA"
    assert answer.segments["MSA"][2] == "M-1"
    assert answer.segments["MSH"][2:6] == ["PFI-X", "Organisation-X", "SIL-Y", "labo"]
    [received] = await api.announced(DocumentReceived)
    assert (received.record_id, received.organisation_id, received.client_id) == (record, HOSPITAL, "laboratoire")
    assert received.labels == ("N", "MASQUE_PS")
    [document] = await published(api, answer)
    read = await api.get(f"/fhir/Binary/{document}", software_token("software-1", HOSPITAL))
    assert read.content == content


async def test_n1_and_n3_of_one_message_are_one_deposit(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()), a_cda(SOMEBODY, uuid4())))
    assert (await hospital.send(message.encoded())).answer == "AA"
    assert len({event.deposit_id for event in await api.announced(DocumentReceived)}) == 1
    assert len(await api.announced(DocumentReceived)) == 2


async def test_new_replaced_deleted_by_mdm(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    first, second = uuid4(), uuid4()
    new = oru(a_cda(SOMEBODY, first), event="T02", transcription=f"TXA|1|18748-4|TEXT|2026||||||||{first}")
    [old_id] = await published(api, await hospital.send(new.encoded()))
    content = a_cda(SOMEBODY, second, replaces=first)
    transcription = f"TXA|1|18748-4|TEXT|2026||||||||{second}|{first}"
    replacement = oru(content, event="T10", result="C", order="RO", control_id="M-2", transcription=transcription)
    [new_id] = await published(api, await hospital.send(replacement.encoded()))
    deletion = oru(content, event="T04", result="D", order="CA", control_id="M-3")
    assert (await hospital.send(deletion.encoded())).answer == "AA"
    rows = await api.pool.fetch("select id, life from documents")
    assert {row["id"]: row["life"] for row in rows} == {old_id: "deleted", new_id: "deleted"}
    assert {event.document_id for event in await api.announced(DocumentWithdrawn)} == {old_id, new_id}
    again = replace(deletion, control_id="M-4")
    assert (await hospital.send(again.encoded())).answer == "AA", "it is deleted already, by the same organisation"


async def test_a_replacement_waits_until_what_it_replaces_is_checked(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    first = uuid4()
    assert (await hospital.send(oru(a_cda(SOMEBODY, first)).encoded())).answer == "AA"
    content = a_cda(SOMEBODY, uuid4(), replaces=first)
    sending = asyncio.create_task(hospital.send(oru(content, result="C", order="RO", control_id="M-2").encoded()))
    rows = await api.pool.fetch("select id from documents")
    await api.decide(*(row["id"] for row in rows))
    assert (await sending).answer == "AA"


async def test_the_same_message_gets_the_same_acknowledgement_and_doubles_nothing(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    message = oru(a_cda(SOMEBODY, uuid4()))
    first = await hospital.send(message.encoded())
    assert (await hospital.send(message.encoded())).raw == first.raw
    under_a_new_id = await hospital.send(replace(message, control_id="M-2").encoded())
    assert under_a_new_id.answer == "AA"
    assert len(await api.announced(DocumentReceived)) == 1
    other_bytes_of_the_control_id = oru(a_cda(SOMEBODY, uuid4()))
    assert (await hospital.send(other_bytes_of_the_control_id.encoded())).answer == "AA"
    assert len(await api.announced(DocumentReceived)) == 2


async def test_a_refusal_is_judged_again(api: RecordsApi, hospital: MllpClient) -> None:
    message = oru(a_cda(SOMEBODY, uuid4())).encoded()
    assert (await hospital.send(message)).answer == "AE 207 902"
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    assert (await hospital.send(message)).answer == "AA"


CONTENT = a_cda(SOMEBODY, UUID(int=7))


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (oru(CONTENT, msh={9: "SIU^S12"}), "AR 200"),
        (oru(CONTENT, msh={9: "ORU^R30"}), "AR 201"),
        (oru(CONTENT, msh={11: "X"}), "AR 202"),
        (oru(CONTENT, msh={12: "2.2"}), "AR 203"),
        (oru(CONTENT, msh={3: "AUTRE"}), "AR 207 901"),
        (oru(CONTENT, pid=""), "AE 100"),
        (oru(CONTENT, control_id=""), "AE 101"),
        (oru(CONTENT, pid=pid(SOMEBODY).replace(SOMEBODY.ins, "")), "AE 101"),
        (oru(b"Document medical"), "AE 102"),
        (oru(b"<ClinicalDocument/>"), "AE 102"),
        (oru(CONTENT, metadata={"MASQUE_PS": "X"}), "AE 103"),
        (oru(CONTENT, type_code="11502-2"), "AE 103"),
        (oru(a_cda(SOMEBODY, UUID(int=8), type="34105-7"), type_code="34105-7"), "AE 103"),
        (oru(CONTENT, order="CA"), "AE 207 906"),
        (oru(CONTENT, event="T02", result="C", order="SC"), "AE 207 906"),
        (oru(a_cda(SOMEBODY, UUID(int=9), ins="")), "AE 207 903"),
        (oru(CONTENT, pid=pid(SOMEBODY_ELSE)), "AE 207 904"),
        (oru(CONTENT, pid=pid(SOMEBODY, birth_name="AUTRE")), "AE 207 904"),
        (oru(CONTENT, structure="1750000002"), "AE 207 901"),
        (oru(a_cda(SOMEBODY_ELSE, UUID(int=10)), pid=pid(SOMEBODY_ELSE)), "AE 207 902"),
        (oru(a_cda(SOMEBODY, UUID(int=11), birth_name="AUTRE"), pid=pid(SOMEBODY, birth_name="AUTRE")), "AE 207 904"),
        (oru(CONTENT, result="C", order="RO"), "AE 207 900"),
        (oru(a_cda(SOMEBODY, UUID(int=12), replaces=UUID(int=13)), result="C", order="RO"), "AE 207 900"),
        (oru(CONTENT, result="D", order="CA"), "AE 207 900"),
        (oru(CONTENT, event="T02", transcription="TXA|1|18748-4|TEXT|2026||||||||1.2.3"), "AE 207 900"),
        (oru(CONTENT, metadata={"MASQUE_PS": "Y", "INVISIBLE_PATIENT": "Y"}), "AA"),
    ],
)
async def test_the_first_fault_that_holds_is_acknowledged(
    api: RecordsApi, record: UUID, hospital: MllpClient, message: MessageParts, answer: str
) -> None:
    acknowledged = await hospital.send(message.encoded())
    assert acknowledged.answer == answer, acknowledged.raw.decode()
    assert SOMEBODY.birth_name.encode() not in acknowledged.raw
    assert SOMEBODY.ins.encode() not in acknowledged.raw
    if answer != "AA":
        assert not await api.announced(DocumentReceived)


async def test_another_organisation_s_document_is_neither_replaced_nor_deleted(
    api: RecordsApi, record: UUID, mllp: MllpTarget, hospital: MllpClient
) -> None:
    await mllp.register("clinique", organisation_id=CLINIC, applications=("DPI|clinique",))
    first = uuid4()
    await published(api, await hospital.send(oru(a_cda(SOMEBODY, first)).encoded()))
    of_clinic = {"msh": {3: "DPI", 4: "clinique"}, "structure": CLINIC}
    content = a_cda(SOMEBODY, uuid4(), replaces=first)
    replacing = oru(content, result="C", order="RO", **of_clinic)
    assert (await hospital.send(replacing.encoded())).answer == "AE 207 901"
    deleting = oru(a_cda(SOMEBODY, first), result="D", order="CA", **of_clinic)
    assert (await hospital.send(deleting.encoded())).answer == "AE 207 901"
    refused = [event for event in await api.announced(AccessRecorded) if event.outcome == "refused"]
    assert [(event.action, event.reason) for event in refused] == [
        ("replace-document", "not-own-document"),
        ("delete-document", "not-own-document"),
    ]


async def test_a_document_for_others_than_the_dmp_is_accepted_and_not_kept(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    assert (await hospital.send(oru(b"no CDA", metadata={"DESTDMP": "N"}).encoded())).answer == "AA"
    assert not await api.announced(DocumentReceived)


async def test_without_leave_to_change_labels_a_replacement_keeps_those_of_what_it_replaces(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    await published(api, await hospital.send(oru(a_cda(SOMEBODY, first), metadata={"MASQUE_PS": "Y"}).encoded()))
    keeping = oru(a_cda(SOMEBODY, second, replaces=first), result="C", order="RO", metadata={"MODIF_CONF_CODE": "N"})
    [kept] = await published(api, await hospital.send(keeping.encoded()))
    assert await labels_of(api, kept) == ["MASQUE_PS", "N"]
    changing = replace(keeping, contents=(a_cda(SOMEBODY, third, replaces=second),), metadata={"MODIF_CONF_CODE": "Y"})
    [changed] = await published(api, await hospital.send(changing.encoded()))
    assert await labels_of(api, changed) == ["N"]


async def test_no_message_lifts_the_mask_of_the_patient(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    first = uuid4()
    [document] = await published(api, await hospital.send(oru(a_cda(SOMEBODY, first)).encoded()))
    patch = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
    masked = await api.client.patch(
        f"/fhir/DocumentReference/{document}",
        json=patch,
        headers={"authorization": f"Bearer {as_patient(record)}", "content-type": "application/json-patch+json"},
    )
    assert masked.status_code == 200, masked.text
    changing = oru(
        a_cda(SOMEBODY, uuid4(), replaces=first),
        result="C",
        order="RO",
        metadata={"MODIF_CONF_CODE": "Y", "MASQUE_PS": "N"},
    )
    [replacement] = await published(api, await hospital.send(changing.encoded()))
    assert await labels_of(api, replacement) == ["MASQUE_PS", "N"]


@pytest.mark.parametrize(("is_minor", "labels"), [(True, ["INVISIBLE_REPRESENTANTS_LEGAUX", "N"]), (False, ["N"])])
async def test_a_secret_connection_hides_from_representatives_of_a_minor_alone(
    api: RecordsApi, record: UUID, hospital: MllpClient, is_minor: bool, labels: list[str]
) -> None:
    await api.name_people(record, 1, is_minor=is_minor)
    answer = await hospital.send(oru(a_cda(SOMEBODY, uuid4()), metadata={"CONNEXION_SECRETE": "Y"}).encoded())
    [document] = await published(api, answer)
    assert await labels_of(api, document) == labels


@pytest.mark.parametrize(
    ("wanted", "accepted", "refused"),
    [("AL", True, True), ("NE", False, False), ("ER", False, True), ("SU", True, False), ("Ô", True, True)],
)
async def test_msh_16_decides_which_acknowledgements_are_sent(
    api: RecordsApi, record: UUID, hospital: MllpClient, wanted: str, accepted: bool, refused: bool
) -> None:
    last = oru(a_cda(SOMEBODY, uuid4()), control_id="last")
    for content, is_sent in ((a_cda(SOMEBODY, uuid4()), accepted), (b"no CDA", refused)):
        asked = oru(content, msh={16: wanted}, control_id="asked")
        hospital.writer.write(b"\x0b" + asked.encoded() + b"\x1c\r")
        following = await hospital.send(last.encoded())
        assert (following.segments["MSA"][2] == "asked") is is_sent
        if is_sent:
            assert (await hospital.receive()).segments["MSA"][2] == "last"


async def test_an_acknowledgement_that_arrives_is_not_answered(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    hospital.writer.write(b"\x0bMSH|^~\\&|A|B|C|D|2026||ACK^R01^ACK|1|P|2.5\rMSA|AA|M-9\r\x1c\r")
    assert (await hospital.send(oru(a_cda(SOMEBODY, uuid4())).encoded())).segments["MSA"][2] == "M-1"


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("8859/15", "utf-8"),
        ("8859/15", "iso8859-15"),
        ("8859/1", "latin-1"),
        ("", "iso8859-15"),
    ],
)
async def test_any_line_end_and_character_set_is_read(
    api: RecordsApi, record: UUID, hospital: MllpClient, line_end: str, charset: str, codec: str
) -> None:
    content = a_cda(SOMEBODY, uuid4())
    message = oru(content, charset=charset, line_end=line_end, metadata={"MASQUE_PS": "Y"})
    answer = await hospital.send(message.encoded(codec))
    assert answer.answer == "AA", answer.raw
    [document] = await published(api, answer)
    read = await api.get(f"/fhir/Binary/{document}", software_token("software-1", HOSPITAL))
    assert read.content == content


@pytest.mark.parametrize("spelling", ["unpadded", "broken", "broken-unpadded"])
async def test_base64_is_read_with_and_without_padding_and_line_breaks(
    api: RecordsApi, record: UUID, hospital: MllpClient, spelling: str
) -> None:
    content = a_cda(SOMEBODY, uuid4(), text="x")
    while len(content) % 3 != 1:
        content += b" "
    encoded = base64.b64encode(content).decode()
    spelt = encoded.rstrip("=") if "unpadded" in spelling else encoded
    if "broken" in spelling:
        spelt = "\r".join(spelt[at : at + 76] for at in range(0, len(spelt), 76))
    message = oru(content).text().replace(encoded, spelt)
    [document] = await published(api, await hospital.send(message.encode()))
    read = await api.get(f"/fhir/Binary/{document}", software_token("software-1", HOSPITAL))
    assert read.content == content


async def test_other_delimiters_are_read_from_the_header(api: RecordsApi, record: UUID, hospital: MllpClient) -> None:
    text = oru(a_cda(SOMEBODY, uuid4())).text().replace("~", "˜")
    assert (await hospital.send(text.encode())).answer == "AA"


async def test_messages_wait_while_nobody_can_tell_who_is_registered(
    api: RecordsApi, record: UUID, mllp: MllpTarget, hospital: MllpClient
) -> None:
    await mllp.be_fresh(clock.now().replace(year=2020))
    message = oru(a_cda(SOMEBODY, uuid4())).encoded()
    assert (await hospital.send(message)).answer == "AR 207"
    await mllp.be_fresh()
    assert (await hospital.send(message)).answer == "AA"


async def test_a_deactivated_client_sends_nothing_more_and_its_connection_ends(
    api: RecordsApi, record: UUID, mllp: MllpTarget, hospital: MllpClient
) -> None:
    assert (await hospital.send(oru(a_cda(SOMEBODY, uuid4())).encoded())).answer == "AA"
    await mllp.register(status="inactive")
    refused = await hospital.send(oru(a_cda(SOMEBODY, uuid4()), control_id="M-2").encoded())
    assert refused.answer == "AR 207 901"
    async with asyncio.timeout(20):
        assert await hospital.reader.read() == b""


async def test_software_without_the_scope_sends_nothing(
    api: RecordsApi, record: UUID, mllp: MllpTarget, hospital: MllpClient
) -> None:
    await mllp.register(scopes=("something.else",))
    assert (await hospital.send(oru(a_cda(SOMEBODY, uuid4())).encoded())).answer == "AR 207 901"


async def test_what_is_no_message_is_rejected_and_the_connection_goes_on(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    for raw in (b"", b"MSH", b"hello", b"MSH|||||||", b"\xff\xfe" * 10, b"MSH|^~\\&|"):
        assert (await hospital.send(raw)).answer.startswith("AR"), raw
    assert (await hospital.send(oru(a_cda(SOMEBODY, uuid4())).encoded())).answer == "AA"


async def test_old_acknowledgements_are_swept_and_the_message_is_then_handled_anew(
    api: RecordsApi, record: UUID, hospital: MllpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = oru(a_cda(SOMEBODY, uuid4())).encoded()
    assert (await hospital.send(message)).answer == "AA"
    monkeypatch.setattr(loops, "SWEEP_EVERY_S", 0)
    await loops.sweep_received_messages(api.pool)
    assert await api.pool.fetchval("select count(*) from received_messages") == 1
    monkeypatch.setattr(loops, "MESSAGES_KEPT", -timedelta(minutes=1))
    await loops.sweep_received_messages(api.pool)
    assert await api.pool.fetchval("select count(*) from received_messages") == 0
    assert (await hospital.send(message)).answer == "AA"
    assert await api.pool.fetchval("select count(*) from documents") == 1
