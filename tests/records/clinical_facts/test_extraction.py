"""Facts are read after publication, once for each version, by a process that no document can stop."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.records.clinical_facts.adapters import extractor_process
from services.records.clinical_facts.adapters.extractor import Extractor, ExtractorStalledError
from services.records.clinical_facts.adapters.extractor_messages import ENCODER, ExtractionRequest
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION
from services.records.clinical_facts.domain.swaps import FactSwap
from services.records.clinical_facts.steps import extraction
from services.records.documents.domain import sealed_contents
from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from shared.crypto.keyring import SealBrokenError
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.erasure.erased_records import ErasureFinisher
from shared.terminology import oids
from tests.infra.erasure.erasing import erase, finish
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.deposited_facts import LABORATORY, a_report, a_synthesis
from tests.infra.records.facts import FactsAtWork
from tests.infra.records.records_api import a_deposit, as_patient, as_software, bundle_of, deposit_id

SOMEBODY, SOMEBODY_ELSE = Person(41), Person(42)
PENDING, READ = (None, None), ("read", None)


async def test_a_published_document_is_visible_before_its_facts_and_they_are_sealed_by_group(
    facts: FactsAtWork,
) -> None:
    record = await facts.api.open_record(SOMEBODY)
    document = await facts.publish(SOMEBODY, extracted=False)
    seen = await facts.api.get(f"/fhir/DocumentReference/{document}", as_patient(record))
    assert (seen.status_code, await facts.state(document)) == (200, PENDING)
    assert await facts.blocks(document) == {}

    await facts.extract(document)
    assert await facts.state(document) == READ
    blocks = await facts.blocks(document)
    assert [fact.kind for fact in blocks["summary"].facts] == ["problem", "allergy", "treatment"]
    assert (set(blocks), blocks["summary"].text_only) == ({"summary"}, 1)

    report = await facts.publish(SOMEBODY, a_report, kind=LABORATORY, values={"2345-7": "5.2"})
    blocks = await facts.blocks(report)
    assert ([fact.kind for fact in blocks["results"].facts], blocks["summary"].facts) == (["result"], ())
    rows = await facts.api.pool.fetch("select * from fact_blocks")
    assert {*rows[0].keys()} == {"bucket", "record_id", "fact_group", "document_id", "extractor_version", "block"}
    assert all(b"result" not in row["block"] and row["extractor_version"] == EXTRACTOR_VERSION for row in rows)


async def test_the_state_of_the_facts_is_told_with_its_reason_in_both_languages(facts: FactsAtWork) -> None:
    record = await facts.api.open_record(SOMEBODY)
    answer = await facts.api.deposit(bundle_of(a_deposit(SOMEBODY)))
    path = f"/deposits/{deposit_id(answer)}"

    async def progress(**headers: str) -> dict[str, str] | None:
        [document] = (await facts.api.get(path, as_software(), **headers)).json()["documents"]
        told: dict[str, str] | None = document["facts"]
        return told

    assert await progress() is None, "it is not published"
    [document] = [row["id"] for row in await facts.api.pool.fetch("select id from documents")]
    await facts.api.decide(document)
    assert (await progress() or {})["state"] == "pending"
    await facts.extract(document)
    assert await progress() == {
        "state": "none",
        "reason": "not-structured",
        "text": "This document holds no coded fact; read its text. It is not a structured document.",
    }
    french = await progress(**{"accept-language": "fr"}) or {}
    assert french["text"].endswith("Ce n’est pas un document structuré.")
    resource = (await facts.api.get(f"/fhir/DocumentReference/{document}", as_patient(record))).json()
    assert [(tag["code"], tag.get("display", "")[:13]) for tag in resource["meta"]["tag"]] == [
        ("none", "This document"),
        ("not-structured", ""),
    ]


async def test_what_cannot_be_read_is_a_result_and_holds_up_no_other_document(facts: FactsAtWork) -> None:
    await facts.api.open_record(SOMEBODY)
    kinds = {
        "unstructured": await facts.publish(SOMEBODY, a_cda, body="<nonXMLBody><text>Rien</text></nonXMLBody>"),
        "deep": await facts.publish(SOMEBODY, a_cda, body=_deep(60), extracted=False),
        "good": await facts.publish(SOMEBODY, extracted=False),
        "damaged": await facts.publish(SOMEBODY, extracted=False),
        "reimbursement": await facts.publish(SOMEBODY, kind="REMB", extracted=False),
    }
    await facts.api.pool.execute("update contents set content = '\\x00' where document_id = $1", kinds["damaged"])
    await facts.extract(*kinds.values())
    assert {name: await facts.state(document) for name, document in kinds.items()} == {
        "unstructured": ("none", "not-structured"),
        "deep": ("unreadable", "too-deep"),
        "good": READ,
        "damaged": ("unreadable", "content-damaged"),
        "reimbursement": ("none", "reimbursements"),
    }


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"ins": f'<id root="{oids.INS_NIR_TEST}" extension="{SOMEBODY_ELSE.ins}"/>'}, "other-patient"),
        ({"birth_name": "AUTRE"}, "other-patient"),
        ({"ins": "", "given_name": "", "birth_name": "", "sex": "UN", "birth_date": ""}, "identity-unchecked"),
    ],
)
async def test_a_document_that_is_not_about_the_holder_gives_no_fact(
    facts: FactsAtWork, header: dict[str, str], reason: str
) -> None:
    """Its deposit would be refused today: it came with an older release."""
    record = await facts.api.open_record(SOMEBODY)
    document = await facts.publish(SOMEBODY, extracted=False)
    await _overwrite(facts, record, document, a_synthesis(SOMEBODY, uuid4(), replaces=None, **header))
    await facts.extract(document)
    assert await facts.state(document) == ("unreadable", reason)
    assert (await facts.blocks(document))["summary"].facts == ()


async def test_a_reading_again_swaps_the_blocks_and_corrected_traits_lose_no_facts(
    facts: FactsAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await facts.api.open_record(SOMEBODY)
    document = await facts.publish(SOMEBODY)
    before = (await facts.blocks(document))["summary"].facts
    assert await facts.extract_again() == 0
    await facts.api.pool.execute("update records set traits = traits || jsonb_build_object('sex', 'test.00ff')")
    swaps: list[FactSwap] = []

    async def on_swap(_: Connection, seen: Sequence[FactSwap]) -> None:
        swaps.extend(seen)

    facts.context = replace(facts.context, on_swap=on_swap)
    monkeypatch.setattr(extraction, "EXTRACTOR_VERSION", EXTRACTOR_VERSION + 1)
    assert await facts.extract_again() == 1
    assert (await facts.blocks(document))["summary"].facts == before, "ids included"
    assert [(swap.document_id, swap.before, swap.after) for swap in swaps] == [(document, before, before)]
    assert await facts.extract_again() == 0
    assert await facts.api.pool.fetchval("select array_agg(extractor_version) from fact_blocks") == [
        EXTRACTOR_VERSION + 1
    ]


async def test_a_message_that_comes_again_reads_nothing_twice(facts: FactsAtWork) -> None:
    await facts.api.open_record(SOMEBODY)
    document = await facts.publish(SOMEBODY)
    [row] = await facts.api.pool.fetch("select xmin::text, block from fact_blocks")
    await facts.extract(document)
    assert await facts.api.pool.fetch("select xmin::text, block from fact_blocks") == [row]


async def test_a_document_that_ends_the_process_is_unreadable_and_the_next_one_is_read(facts: FactsAtWork) -> None:
    extractor = facts.context.extractor
    good = a_synthesis(SOMEBODY, uuid4())
    assert (await extractor.extract(uuid4(), "text/xml", good)).outcome == "read"
    assert extractor.pid is not None
    os.kill(extractor.pid, signal.SIGXCPU)
    reply = await extractor.extract(uuid4(), "text/xml", good)
    assert (reply.outcome, reply.reason) == ("unreadable", "time-limit")
    assert (await extractor.extract(uuid4(), "text/xml", good)).outcome == "read"


def test_an_error_of_the_extractor_is_a_reply_that_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("Amoxicilline")

    monkeypatch.setattr(extractor_process, "extract", fail)
    reply = extractor_process.read(ExtractionRequest(uuid4(), "text/xml", b"<a/>"))
    assert (reply.outcome, reply.reason, reply.error) == ("unreadable", "extractor-failed", "ValueError")
    assert b"Amoxicilline" not in ENCODER.encode(reply)


async def test_a_document_that_gets_no_answer_is_tried_three_times() -> None:
    extractor, document = Extractor(answer_within_s=0.0), uuid4()
    for _ in range(2):
        with pytest.raises(ExtractorStalledError):
            await extractor.extract(document, "text/xml", b"<a/>")
    assert (await extractor.extract(document, "text/xml", b"<a/>")).reason == "time-limit"
    assert extractor.pid is None


async def test_blocks_open_in_their_place_alone_and_go_with_the_record(facts: FactsAtWork) -> None:
    record = await facts.api.open_record(SOMEBODY)
    document, other = await facts.publish(SOMEBODY), await facts.publish(SOMEBODY, condition="I10")
    await facts.api.pool.execute(
        "update fact_blocks set block = (select block from fact_blocks where document_id = $1) where document_id = $2",
        document,
        other,
    )
    with pytest.raises(SealBrokenError):
        await facts.blocks(other)
    await erase(facts.api.pool, erase_record, record)
    await finish(facts.api.pool, ErasureFinisher("records", remove_rows), record)
    assert await facts.api.pool.fetchval("select count(*) from fact_blocks") == 0


def _deep(levels: int) -> str:
    """Returns a body with a statement below many others."""
    opened = '<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN"><code code="x"/>' * levels
    closed = "</act></entryRelationship>" * levels
    entry = f'<entry><act classCode="ACT" moodCode="EVN"><code code="x"/>{opened}{closed}</act></entry>'
    section = f"<section><text>Rien</text>{entry}</section>"
    return f"<structuredBody><component>{section}</component></structuredBody>"


async def _overwrite(facts: FactsAtWork, record: UUID, document: UUID, content: bytes) -> None:
    row = await facts.api.pool.fetchrow("select kid, wrapped from record_keys where record_id = $1", record)
    assert row is not None
    key = facts.api.vault.unwrap(record, WrappedKey(row["kid"], row["wrapped"]))
    sealed = sealed_contents.seal_content(key, document, content)
    await facts.api.pool.execute("update contents set content = $2 where document_id = $1", document, sealed)
