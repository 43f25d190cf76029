"""The metadata of a refused XDM archive are corrected; its files, and every other byte, stay."""

import contextlib
import hashlib
import random
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.records.deposits.domain.xdm_submissions import metadata_files, persons_of_archive
from services.records.deposits.usecases import quarantine_doors
from services.records.quarantine.domain.corrections import NotCorrectableError, checked_corrections
from shared.contracts.records import DocumentReceived
from shared.terminology import oids
from shared.xdm.archive import read_archive
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.mutations import spoiled_archive
from tests.infra.records.quarantine import (
    listed,
    only_one,
    outcomes,
    read_decided,
    send_archive,
    send_cda,
    shown,
    stored_requests,
)
from tests.infra.records.records_api import RecordsApi, ins_of
from tests.infra.records.xdms import XdmDocument, a_pdf, an_archive, cx, metadata_of

SOMEBODY, SOMEBODY_ELSE = Person(71), Person(72)
CDA_ID, PDF_ID = uuid4(), uuid4()
CDA = XdmDocument(a_cda(SOMEBODY, CDA_ID), SOMEBODY, str(CDA_ID))
PDF = a_pdf(SOMEBODY, PDF_ID)
INFO = [*CDA.info(), f"PID-3|{cx(SOMEBODY)}~IPP-1^^^&1.2.250.1.213.99.7&ISO^PI"]
OTHER_INFO = [value.replace(SOMEBODY.ins, SOMEBODY_ELSE.ins) for value in INFO]
TEST_INS = f"urn:oid:{oids.INS_NIR_TEST}|{SOMEBODY.ins}"


def with_slots(document: XdmDocument, **slots: list[str]) -> XdmDocument:
    return replace(document, slots=slots)


@pytest.mark.parametrize(
    ("wrong", "right", "code", "fields"),
    [
        (
            [with_slots(CDA, sourcePatientInfo=["PID-5|ÉGARÉE^Zoé^^^^^D~AUTRE^Lou^^^^^L", *INFO[1:]])],
            [
                with_slots(
                    CDA,
                    sourcePatientInfo=[
                        f"PID-5|ÉGARÉE^Zoé^^^^^D~{SOMEBODY.birth_name}^{SOMEBODY.given_name}^^^^^L",
                        *INFO[1:],
                    ],
                )
            ],
            "traits-mismatch",
            {"birth_name": SOMEBODY.birth_name, "given_name": SOMEBODY.given_name},
        ),
        (
            [with_slots(PDF, sourcePatientInfo=[INFO[0], "PID-7|19010203", "PID-8|U", "PID-11|^^^^^^BDL^^75056"])],
            [PDF],
            "traits-mismatch",
            {
                "birth_date": f"{SOMEBODY.birth_date:%Y-%m-%d}",
                "sex": SOMEBODY.sex,
                "birth_place": "99100",
            },
        ),
        (
            [with_slots(CDA, hash=["0" * 40])],
            [CDA],
            "hash-mismatch",
            {"hash": hashlib.sha1(CDA.content, usedforsecurity=False).hexdigest()},
        ),
        ([with_slots(PDF, size=["7"])], [PDF], "size-mismatch", {"size": str(len(PDF.content))}),
        (
            [
                replace(document, patient_id=cx(SOMEBODY_ELSE), slots={"sourcePatientInfo": OTHER_INFO})
                for document in (CDA, PDF)
            ],
            [replace(document, slots={"sourcePatientInfo": INFO}) for document in (CDA, PDF)],
            "patient-inconsistent",
            {"ins": TEST_INS},
        ),
    ],
    ids=["name", "other traits", "hash", "size", "ins"],
)
async def test_the_metadata_of_a_refused_archive_are_corrected_and_nothing_else(
    api: RecordsApi,
    record: UUID,
    wrong: list[XdmDocument],
    right: list[XdmDocument],
    code: str,
    fields: dict[str, str],
) -> None:
    refused = await send_archive(api, archive_of(wrong))
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    kept = await only_one(api)
    assert (kept["door"], kept["cause"]) == ("xdm", code)
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields=fields) == [("done", None)]
    assert (await shown(api, kept["id"]))["fields"].items() >= fields.items()
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
    assert await listed(api) == []
    received = await api.announced(DocumentReceived)
    assert {event.record_id for event in received} == {record}
    read = [await read_decided(api, event.document_id) for event in received]
    assert sorted(read) == sorted(document.content for document in right)
    assert await stored_requests(api) == [archive_of(right)]


def archive_of(documents: list[XdmDocument]) -> bytes:
    """Returns an archive whose SubmissionSet is about SOMEBODY."""
    return an_archive(*documents, metadata=metadata_of(documents, set_patient=cx(SOMEBODY)).encode())


async def test_an_archive_gets_the_type_and_the_ins_that_it_lacked(api: RecordsApi, record: UUID) -> None:
    typed = replace(PDF, codes={"type": [("34105-7", "Inconnu", oids.LOINC)]})
    assert (await send_archive(api, an_archive(CDA, typed))).json()["code"] == "type-unknown"
    assert (await send_archive(api, an_archive(replace(PDF, patient_id=None)))).json()["code"] == "ins-missing"
    of_type, of_ins = await listed(api)
    assert await outcomes(api, "corrections", ids=[of_type["id"]], fields={"type": "11488-4"}) == [("done", None)]
    assert await outcomes(api, "corrections", ids=[of_ins["id"]], fields={"ins": TEST_INS}) == [("done", None)]
    assert await outcomes(api, "resendings", ids=[of_type["id"]]) == [("done", None)]
    assert await outcomes(api, "resendings", ids=[of_ins["id"]]) == [("refused", "unique-id-taken")]
    assert {event.type for event in await api.announced(DocumentReceived)} == {"18748-4", "11488-4"}


@pytest.mark.parametrize(
    ("documents", "fields"),
    [
        ([CDA, with_slots(PDF, size=["7"])], {"size": "3"}),
        ([CDA, with_slots(PDF, hash=["0" * 40])], {"type": "11488-4"}),
        ([replace(PDF, slots={"hash": ["0" * 40], "sourcePatientInfo": None})], {"birth_name": "AUTRE"}),
    ],
    ids=["size of several", "type of several", "traits that are not stated"],
)
async def test_what_an_archive_does_not_state_once_is_not_corrected(
    api: RecordsApi, record: UUID, documents: list[XdmDocument], fields: dict[str, str]
) -> None:
    assert (await send_archive(api, archive_of(documents))).status_code == 422
    kept = await only_one(api)
    refused = ("refused", "not-correctable")
    assert await outcomes(api, "corrections", ids=[kept["id"]], fields=fields) == [refused]


def test_no_bytes_break_the_reading_and_the_correction_of_an_archive() -> None:
    door = quarantine_doors.xdm_door(None, None, 20_000_000)  # type: ignore[arg-type]  # neither is asked for here
    corrections = [
        checked_corrections({"ins": TEST_INS, "sex": "male", "birth_place": "75056"}, door.fields),
        checked_corrections({"type": "11488-4", "hash": "0" * 40, "size": "1"}, door.fields),
    ]
    corrected = 0
    for number in range(400):
        body = spoiled_archive(random.Random(number))
        door.stated_fields(body)
        with contextlib.suppress(NotCorrectableError):
            again = door.corrected(body, corrections[number % 2])
            assert door.stated_fields(again) is not None
            assert metadata_names(again) == metadata_names(body)
            corrected += 1
    assert corrected > 20


def metadata_names(body: bytes) -> list[str]:
    return [file.name for file in metadata_files(read_archive(body, 20_000_000))]


def test_whom_an_archive_is_about_is_known_without_any_cda_in_it() -> None:
    stated = persons_of_archive(an_archive(a_pdf(SOMEBODY, uuid4())), 10_000_000)
    assert (stated.documents, stated.envelope) == (frozenset(), frozenset({ins_of(SOMEBODY)}))
    assert persons_of_archive(b"PK no archive", 10_000_000).subjects == frozenset()


async def test_a_refused_archive_is_sent_again_as_it_is(api: RecordsApi, record: UUID) -> None:
    old, new = uuid4(), uuid4()
    body = an_archive(XdmDocument(a_cda(SOMEBODY, new, replaces=old), SOMEBODY, str(new), replaces=True))
    refused = await send_archive(api, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "replaced-document-unknown")
    kept = await only_one(api)
    assert (kept["door"], (await shown(api, kept["id"]))["correctable"][0]) == ("xdm", "ins")
    [first] = (await send_cda(api, a_cda(SOMEBODY, old))).json()["documents"]
    await api.decide(UUID(first["document_id"]))
    assert await outcomes(api, "resendings", ids=[kept["id"]]) == [("done", None)]
