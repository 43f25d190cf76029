"""What a CDA says of itself is compared with the record and with the metadata that it comes with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived
from shared.fhir import cda_deposit, iti65
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    CLINIC,
    RecordsApi,
    a_deposit,
    bundle_of,
    changed_bundle,
    codes,
    document_ids,
)
from tests.records.deposits.test_replacing import by_id, by_unique_id, replacing

SOMEBODY = Person(71)
LETTER = (Path(__file__).parents[2] / "documents" / "consultation.xml").read_text("utf-8")
MOMENT = datetime(2026, 3, 12, 13, 15, tzinfo=UTC)
RPLC = '<relatedDocument typeCode="RPLC"><parentDocument><id root="{}"/></parentDocument></relatedDocument>'
_START, _END = LETTER.index("  <relatedDocument"), LETTER.index("  <componentOf>")


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    await api.be_fresh()
    return record_id


def cda(unique_id: UUID, *, replaces: UUID | None = None, **changed: str) -> bytes:
    """A letter about SOMEBODY; `changed`: other words for a name, a day, a code."""
    related = "" if replaces is None else RPLC.format(replaces)
    values = {
        "258077511402542": SOMEBODY.ins,
        "d’Ormesson-Lévy": changed.pop("birth_name", SOMEBODY.birth_name),
        '<given qualifier="BR">Odile<': f'<given qualifier="BR">{changed.pop("given_name", SOMEBODY.given_name)}<',
        "19580714": changed.pop("birth_date", f"{SOMEBODY.birth_date:%Y%m%d}"),
        'Code code="F"': f'Code code="{changed.pop("sex", "F" if SOMEBODY.sex == "female" else "M")}"',
        "75114": changed.pop("birth_place", "99100"),
        "4E5A8E0B-6E0C-4B57-9A5E-0C9E5D1F7A21": str(unique_id),
        **changed,
    }
    text = LETTER[:_START] + related + LETTER[_END:]
    for old, new in values.items():
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def submitted(content: bytes, unique_id: UUID, **changed: Any) -> iti65.Deposit:
    fields = {"content_type": "text/xml", "unique_id": f"urn:uuid:{unique_id}", "creation": MOMENT, **changed}
    return a_deposit(SOMEBODY, content=content, **fields)


async def deposited(api: RecordsApi, **changed: str) -> httpx2.Response:
    id = uuid4()
    return await api.deposit(bundle_of(submitted(cda(id, replaces=None, **changed), id)))


async def published(api: RecordsApi) -> tuple[UUID, UUID]:
    """A document here, and what its producer calls it."""
    id = uuid4()
    [document] = await api.publish(submitted(cda(id), id))
    return document, id


async def test_a_letter_about_the_person_is_taken_without_a_word(api: RecordsApi, record: UUID) -> None:
    answer = await deposited(api)
    assert answer.status_code == 200, answer.text
    assert warnings(answer) == []


@pytest.mark.parametrize(
    "trait",
    [
        {"birth_name": "DUPONT"},
        {"given_name": "Camille-Inventee"},
        {"birth_date": "19580715"},
        {"sex": "F" if SOMEBODY.sex == "male" else "M"},
        {"birth_place": "75114"},
    ],
    ids=str,
)
async def test_a_letter_about_another_person_under_the_same_ins_is_refused_whatever_its_metadata_say(
    api: RecordsApi, record: UUID, trait: dict[str, str]
) -> None:
    answer = await deposited(api, **trait)
    assert (answer.status_code, codes(answer)) == (422, ["traits-mismatch"])
    assert await api.announced(DocumentReceived) == []
    [refused] = await api.announced(AccessRecorded)
    assert (refused.action, refused.reason) == ("deposit-document", "traits-mismatch")


async def test_the_traits_of_the_header_count_where_the_metadata_have_none(api: RecordsApi, record: UUID) -> None:
    id = uuid4()
    body = bundle_of(submitted(cda(id, birth_name="DUPONT"), id, traits=iti65.NO_TRAITS))
    assert codes(await api.deposit(body)) == ["traits-mismatch"]


async def test_another_type_than_that_of_the_metadata_is_refused(api: RecordsApi, record: UUID) -> None:
    answer = await deposited(api, **{'code code="11488-4"': 'code code="34112-3"'})
    assert (answer.status_code, codes(answer)) == (422, ["type-mismatch"])


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({'effectiveTime value="20260312141500+0100"': 'effectiveTime value="20260312151500+0100"'}, "date-differs"),
        ({'effectiveTime value="20260312141500+0100"': 'effectiveTime value="20260310"'}, "date-differs"),
        ({'effectiveTime value="20260312141500+0100"': 'effectiveTime value="20260312"'}, None),
        ({'confidentialityCode code="N"': 'confidentialityCode code="R"'}, "confidentiality-differs"),
    ],
)
async def test_other_differences_are_told_and_the_metadata_count(
    api: RecordsApi, record: UUID, changed: dict[str, str], warning: str | None
) -> None:
    answer = await deposited(api, **changed)
    assert (answer.status_code, warnings(answer)) == (200, [warning] if warning else [])


async def test_another_identifier_than_that_of_the_metadata_is_told(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(submitted(cda(uuid4()), uuid4())))
    assert (answer.status_code, warnings(answer)) == (200, ["unique-id-differs"])


async def test_a_replacement_that_the_cda_declares_is_the_one_of_the_metadata(api: RecordsApi, record: UUID) -> None:
    (old, old_id), (other, other_id) = await published(api), await published(api)
    for target in (by_id(other), by_unique_id(f"urn:uuid:{other_id}")):
        id = uuid4()
        wrong = await api.deposit(relating(submitted(cda(id, replaces=old_id), id), target))
        assert (wrong.status_code, codes(wrong)) == (422, ["replacement-mismatch"])
    id = uuid4()
    right = await api.deposit(relating(submitted(cda(id, replaces=old_id), id), by_id(old)))
    assert (right.status_code, warnings(right)) == (200, [])


async def test_two_current_versions_of_one_document_cannot_be(api: RecordsApi, record: UUID) -> None:
    _, old_id = await published(api)
    id = uuid4()
    silent = changed_bundle(bundle_of(submitted(cda(id, replaces=old_id), id)), without_relation)
    refused = await api.deposit(silent)
    assert (refused.status_code, codes(refused)) == (422, ["replacement-mismatch"])
    elsewhere = await api.deposit(silent, organisation=CLINIC)
    assert elsewhere.status_code == 200, "a document of others is not disclosed"


async def test_a_cda_becomes_a_replacement_by_its_header_alone(api: RecordsApi, record: UUID) -> None:
    old, old_id = await published(api)
    body = cda_deposit.bundle_of_cda(cda(uuid4(), replaces=old_id))
    answer = await api.deposit(body)
    assert answer.status_code == 200, answer.text
    await api.decide(*document_ids(answer))
    assert await api.pool.fetchval("select life from documents where id = $1", old) == "superseded"


async def test_a_replacement_of_which_the_cda_says_nothing_is_told(api: RecordsApi, record: UUID) -> None:
    old, _ = await published(api)
    id = uuid4()
    answer = await api.deposit(relating(submitted(cda(id), id), by_id(old)))
    assert (answer.status_code, warnings(answer)) == (200, ["replacement-differs"])


def relating(deposit: iti65.Deposit, target: dict[str, Any]) -> bytes:
    """A submission of this document in the place of the target."""
    same = {name: getattr(deposit, name) for name in ("content", "content_type", "unique_id", "creation")}
    return replacing(target, person=SOMEBODY, **same)


def without_relation(bundle: Any) -> None:
    for entry in bundle["entry"]:
        entry["resource"].pop("relatesTo", None)


def warnings(answer: httpx2.Response) -> list[str]:
    """The codes of the warnings beside the documents."""
    issues = [
        issue
        for entry in orjson.loads(answer.content)["entry"]
        for issue in entry["response"].get("outcome", {}).get("issue", [])
    ]
    return [issue["details"]["coding"][0]["code"] for issue in issues if issue["severity"] == "warning"]
