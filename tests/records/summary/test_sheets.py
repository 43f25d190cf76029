"""Reading the sheet: its form and its ETag, its trace, two records of a person, its cost in statements, its end."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from services.identity.relations.domain.emergency_contacts import PersonToCall, people_to_call_event
from services.records.clinical_facts.domain.model import FactKind
from services.records.copies.steps import apply_call_copies
from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from services.records.summary.domain.sheet import Chapter
from services.records.summary.domain.signatures import SignedLine
from services.records.summary.models import SummaryView
from shared.contracts.audit import MOST_IN_CLEAR, AccessRecorded, CombinationDecided
from shared.crypto.keyring import SealBrokenError
from shared.db.notifications import SEND
from shared.db.pool import Connection
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from tests.infra.erasure.erasing import erase, finish
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.records.records_api import (
    CALL_RING,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    ins_of,
)
from tests.infra.records.summary_records import a_fact, publish_facts, sign, write_facts

SOMEBODY, OTHER_RECORD = Person(92), Person(93)
ATTENDING = "899900000042"
GRANT = {"holder_id": OTHER_DOCTOR, "from": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorisations=[GRANT], attending_doctors=(ATTENDING,))
    await api.be_fresh()
    return record


async def read(api: RecordsApi, record: UUID, token: str) -> httpx2.Response:
    answer = await api.get(f"/records/{record}/summary", token)
    assert answer.status_code == 200, answer.text
    return answer


async def traces(api: RecordsApi) -> list[AccessRecorded]:
    return [event for event in await api.announced(AccessRecorded) if event.action == "read-summary"]


async def test_a_sheet_has_the_form_that_is_documented_and_the_etag_of_its_content(
    api: RecordsApi, record: UUID
) -> None:
    empty = await read(api, record, as_patient(record))
    assert (empty.json()["lines"], empty.headers["cache-control"]) == ([], "no-store")
    fact = a_fact(FactKind.ALLERGY)
    document = await publish_facts(api, SOMEBODY, [fact], text_only=2)
    first, second = await read(api, record, as_patient(record)), await read(api, record, as_patient(record))
    assert first.headers["etag"] == second.headers["etag"] != empty.headers["etag"]
    view = SummaryView.model_validate(first.json())
    [line] = view.lines
    assert (view.record_id, view.audience, view.counts.text_only) == (record, "patient-side", 2)
    assert (line.id, line.chapter, line.fact["code"]["coding"]["code"]) == (
        fact.id,
        Chapter.ALLERGIES,
        fact.code.coding.code if fact.code is not None and fact.code.coding is not None else None,
    )
    [source] = line.sources
    assert (source.document_id, source.title, str(source.day)) == (document, "Consultation inventée", "2026-10-01")


async def test_documents_that_are_not_read_yet_are_counted(api: RecordsApi, record: UUID) -> None:
    for state, reason in ((None, None), ("unreadable", "too-deep"), ("none", "not-structured"), ("none", None)):
        [document] = await api.publish(a_deposit(SOMEBODY))
        await api.pool.execute(
            "update documents set facts_state = $2, facts_reason = $3 where id = $1", document, state, reason
        )
    counts = (await read(api, record, as_patient(record))).json()["counts"]
    assert counts == {"text_only": 1, "unread": 1, "pending": 1}


async def test_a_reading_is_traced_with_the_source_versions_and_nothing_of_them(api: RecordsApi, record: UUID) -> None:
    fact = a_fact(FactKind.ALLERGY, "B16.2")
    seen = await publish_facts(api, SOMEBODY, [fact])
    masked = await publish_facts(api, SOMEBODY, [a_fact()], labels=("N", "MASQUE_PS"))
    await api.publish(a_deposit(SOMEBODY))
    await read(api, record, as_doctor(OTHER_DOCTOR))
    [trace] = await traces(api)
    assert (trace.outcome, trace.reason, trace.facts and trace.facts["action"]) == (
        "permitted",
        "authorised",
        "read-summary",
    )
    assert sorted((each.outcome, each.sources) for each in trace.combinations) == [
        ("permitted", (seen,)),
        ("refused", ()),
    ]
    text = trace.model_dump_json()
    assert "B16.2" not in text
    assert str(fact.id) not in text
    assert str(masked) not in text
    assert (await api.get(f"/records/{record}/summary", as_doctor("899900000034"))).status_code == 404
    assert [(event.outcome, event.reason) for event in await traces(api)][1:] == [("refused", "not-authorised")]


def test_a_trace_of_very_many_sources_is_packed() -> None:
    sources = tuple(UUID(int=number) for number in range(MOST_IN_CLEAR))
    combination = CombinationDecided(facts={"section": "CPT_REND"}, outcome="permitted", reason="x", sources=sources)
    event = AccessRecorded.model_validate(
        {
            "record_id": UUID(int=1),
            "actor": {"kind": "professional", "id": OTHER_DOCTOR},
            "action": "read-summary",
            "outcome": "permitted",
            "reason": "authorised",
            "combinations": [combination],
        }
    )
    packed = event.packed()
    assert (packed.combinations, packed.combinations_packed is None) == ((), False)
    assert AccessRecorded.model_validate_json(packed.model_dump_json()).combinations == (combination,)


async def test_of_two_records_of_a_person_each_gives_its_lines_under_its_own_rights(api: RecordsApi) -> None:
    first, second = await api.open_record(SOMEBODY), await api.open_record(OTHER_RECORD)
    await api.choose(first, 1, authorisations=[GRANT])
    await api.choose(second, 1)
    here = await publish_facts(api, SOMEBODY, [a_fact()])
    there = await publish_facts(api, OTHER_RECORD, [a_fact()])
    await api.open_record(SOMEBODY, record_id=first, linked_to=second)
    await api.open_record(OTHER_RECORD, record_id=second, linked_to=first)
    await api.be_fresh()

    async def shown(token: str) -> set[str]:
        lines = (await read(api, first, token)).json()["lines"]
        assert all(source["title"] for line in lines for source in line["sources"])
        return {source["document_id"] for line in lines for source in line["sources"]}

    assert await shown(as_patient(first)) == {str(here), str(there)}
    assert await shown(as_doctor(OTHER_DOCTOR)) == {str(here)}
    await api.choose(second, 2, authorisations=[GRANT])
    assert await shown(as_doctor(OTHER_DOCTOR)) == {str(here), str(there)}
    assert len({event.record_id for event in await traces(api)}) == 2


async def test_masking_a_source_takes_its_lines_away_and_with_them_what_was_signed(
    api: RecordsApi, record: UUID
) -> None:
    fact, other = a_fact(), a_fact()
    document, kept = await publish_facts(api, SOMEBODY, [fact]), await publish_facts(api, SOMEBODY, [other])
    version = await sign(
        api,
        SOMEBODY,
        ATTENDING,
        SignedLine("confirmed", Chapter.PROBLEMS, fact, clock.now(), document),
        SignedLine("confirmed", Chapter.PROBLEMS, other, clock.now(), kept),
    )

    async def states(token: str) -> dict[str, str]:
        lines = (await read(api, record, token)).json()["lines"]
        return {line["sources"][0]["document_id"]: line["state"] for line in lines}

    assert await states(as_doctor(OTHER_DOCTOR)) == {str(document): "confirmed", str(kept): "confirmed"}
    await api.pool.execute("update documents set labels = '{N,MASQUE_PS}' where id = $1", document)
    assert await states(as_doctor(OTHER_DOCTOR)) == {str(kept): "confirmed"}
    assert await states(as_doctor(ATTENDING)) == {str(document): "confirmed", str(kept): "confirmed"}
    assert (await api.get(f"/fhir/Binary/{version}", as_doctor(OTHER_DOCTOR))).status_code == 404
    await api.pool.execute("update documents set labels = '{N,MASQUE_PS}' where id = $1", version)
    assert await states(as_doctor(OTHER_DOCTOR)) == {str(kept): "proposed"}
    await api.pool.execute("update documents set life = 'deleted' where id = $1", version)
    assert await states(as_doctor(ATTENDING)) == {str(document): "proposed", str(kept): "proposed"}


async def test_facts_that_are_read_anew_replace_the_lines_and_leave_the_signed_ones(
    api: RecordsApi, record: UUID
) -> None:
    fact = a_fact()
    document = await publish_facts(api, SOMEBODY, [fact])
    await sign(api, SOMEBODY, ATTENDING, SignedLine("confirmed", Chapter.PROBLEMS, fact, clock.now(), document))
    await write_facts(api, document, [a_fact(code="J45")])
    lines = (await read(api, record, as_patient(record))).json()["lines"]
    assert [(line["state"], line["fact"].get("marks")) for line in lines] == [
        ("confirmed", ["source-changed"]),
        ("proposed", None),
    ]


async def test_a_sheet_takes_at_most_two_statements_more_than_a_search(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = a_fact()
    document = await publish_facts(api, SOMEBODY, [fact])
    await sign(api, SOMEBODY, ATTENDING, SignedLine("confirmed", Chapter.PROBLEMS, fact, clock.now(), document))
    counted = _counting(monkeypatch)
    query = {"patient_identifier": f"{ins_of(SOMEBODY).system}|{SOMEBODY.ins}", "status": "current"}
    token, statements = as_doctor(OTHER_DOCTOR), {}
    for name in ("warm", "search", "sheet"):
        counted.clear()
        if name == "search":
            assert (await api.search(token, **query)).status_code == 200
        else:
            await read(api, record, token)
        statements[name] = len(counted)
    assert 0 < statements["sheet"] <= statements["search"] + 2, counted


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the statements from now on, without notifications, which are sent some time after the request."""
    counted: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        original = getattr(asyncpg.Connection, name)

        async def counting(self: Connection, query: str, *args: Any, _run: Any = original, **kwargs: Any) -> Any:
            if query != SEND:
                counted.append(query)
            return await _run(self, query, *args, **kwargs)

        monkeypatch.setattr(asyncpg.Connection, name, counting)
    return counted


async def test_whom_to_call_is_shown_with_the_medical_profile_and_kept_under_the_records_key(
    api: RecordsApi, record: UUID
) -> None:
    sister = PersonToCall("emergency", "Dominique INVENTÉE", "+33639980001", "sœur")
    neighbour = PersonToCall("help", "Alix INVENTÉE", "+33639980002", "voisin")
    await api.call(record, 2, sister, neighbour)
    await api.call(record, 1)
    names = {}
    for token in (as_patient(record), as_doctor(OTHER_DOCTOR), as_doctor(ATTENDING)):
        shown = (await read(api, record, token)).json()["people_to_call"]
        names[token] = [(person["role"], person["name"], person["phone"]) for person in shown]
    called = [("emergency", "Dominique INVENTÉE", "+33639980001"), ("help", "Alix INVENTÉE", "+33639980002")]
    assert [*names.values()] == [called] * 3
    stored = await api.pool.fetchval("select sealed from people_to_call")
    assert b"INVENT" not in stored
    await api.choose(record, 2, authorisations=[GRANT], attending_doctors=(ATTENDING,), hidden_sections=("SYNTH_PML",))
    assert (await read(api, record, as_doctor(OTHER_DOCTOR))).json()["people_to_call"] == []
    assert len((await read(api, record, as_doctor(ATTENDING))).json()["people_to_call"]) == 2
    await api.call(record, 3)
    assert (await read(api, record, as_patient(record))).json()["people_to_call"] == []


async def test_a_list_that_comes_before_its_record_is_kept_and_a_damaged_one_refused(api: RecordsApi) -> None:
    early = uuid4()
    await api.call(early, 1, PersonToCall("trusted", "Alix INVENTÉE", "+33639980002", "voisin"))
    await api.open_record(SOMEBODY, record_id=early)
    assert [person["role"] for person in (await read(api, early, as_patient(early))).json()["people_to_call"]] == [
        "trusted"
    ]
    other = people_to_call_event(CALL_RING, uuid4(), 2, ())
    moved = message(other.model_copy(update={"record_id": early}))
    async with api.pool.acquire() as connection:
        with pytest.raises(SealBrokenError):
            await apply_call_copies(api.vault, CALL_RING, connection, [moved])


async def test_what_was_signed_is_erased_with_the_record(api: RecordsApi, record: UUID) -> None:
    fact = a_fact()
    document = await publish_facts(api, SOMEBODY, [fact])
    await sign(api, SOMEBODY, ATTENDING, SignedLine("confirmed", Chapter.PROBLEMS, fact, clock.now(), document))
    await api.call(record, 1)
    await erase(api.pool, erase_record, record)
    await finish(api.pool, ErasureFinisher("records", remove_rows), record)
    assert await api.pool.fetchval("select count(*) from summary_versions") == 0
    assert await api.pool.fetchval("select count(*) from people_to_call") == 0
    assert (await api.get(f"/records/{record}/summary", as_patient(record))).status_code == 404
