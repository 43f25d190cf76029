"""What the patient side states on the sheet: proposed, marked with who declares it, and seen as its document is."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.records.clinical_facts.domain.model import NAMES_DISAGREE, SYSTEM_UNKNOWN, ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import TextValue
from services.records.statements.domain.stated_facts import place_of_directives, stated_facts_of
from services.records.statements.domain.statements import PatientStatement, StatedCode
from shared.contracts.audit import AccessRecorded
from shared.terminology.statements import statement_kinds
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import DOCTOR, RecordsApi, as_doctor, as_patient, named
from tests.infra.records.summary_records import a_fact, publish_facts

SOMEBODY, CARER, DOCUMENT = Person(97), uuid4(), UUID(int=1)
DONATION = statement_kinds()["organ-donation"].label_fr
CIM_10 = "2.16.840.1.113883.6.3"
PROFILE = {
    "form": "health-profile",
    "statements": [
        {"kind": "allergy", "text": "Amoxicilline", "since": "2011"},
        {"kind": "disease", "text": "Asthme", "code": {"system": CIM_10, "code": "J45"}},
        {"kind": "lifestyle-tobacco", "text": "Ancien fumeur"},
    ],
}
WISHES = {"form": "wishes", "statements": [{"kind": "organ-donation", "position": "refuses"}]}
DIRECTIVES = {
    "form": "directives",
    "statements": [
        {"kind": "directive", "text": "Pas de réanimation"},
        {"kind": "directive-place", "text": "Chez ma sœur"},
    ],
}
NOTE = {"form": "note", "statements": [{"kind": "note", "text": "Pour ma prochaine consultation"}]}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorised=[DOCTOR])
    await api.name_people(record, 1, carers=[named(CARER, "carer")])
    await api.be_fresh()
    return record


async def state(api: RecordsApi, record: UUID, body: dict[str, Any], token: str | None = None, **more: Any) -> UUID:
    """Deposits statements, of the holder unless a token says otherwise, and publishes them."""
    path, headers = f"/records/{record}/statements/{uuid4()}", bearer(token or as_patient(record))
    answer = await api.client.put(path, json={**body, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    document = UUID(answer.json()["documents"][0]["document_id"])
    await api.decide(document)
    return document


async def read(api: RecordsApi, record: UUID, token: str) -> dict[str, Any]:
    answer = await api.get(f"/records/{record}/summary", token)
    assert answer.status_code == 200, answer.text
    sheet: dict[str, Any] = answer.json()
    return sheet


def labels(sheet: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the chapter and the words of each line."""
    codes = [(line["chapter"], line["fact"]["code"]) for line in sheet["lines"]]
    return [(chapter, code.get("text") or code["coding"]["display"]) for chapter, code in codes]


async def test_statements_are_lines_that_say_who_declares_them(api: RecordsApi, record: UUID) -> None:
    profile = await state(api, record, PROFILE)
    await state(api, record, {**PROFILE, "statements": PROFILE["statements"][1:2]}, acting("carer", CARER, record))
    await state(api, record, NOTE)
    sheet = await read(api, record, as_doctor(DOCTOR))
    assert labels(sheet) == [("allergies", "Amoxicilline"), ("problems", "Asthme"), ("problems", "Asthme")]
    assert {(line["origin"], line["state"], line["confirmable"]) for line in sheet["lines"]} == {
        ("patient-side", "proposed", False)
    }
    assert sorted(line["declaration"]["role"] for line in sheet["lines"]) == ["carer", "patient", "patient"]
    assert sheet["lines"][0]["sources"][0]["document_id"] == str(profile)
    assert sheet["counts"] == {"text_only": 0, "unread": 0, "pending": 1}, "a note is words alone"


async def test_of_directives_and_donation_it_is_shown_that_they_exist_and_where(api: RecordsApi, record: UUID) -> None:
    await state(api, record, WISHES)
    await state(api, record, DIRECTIVES)
    sheet = await read(api, record, as_doctor(DOCTOR))
    directives, wishes, donation = "Directives anticipées", "Volontés et droits du patient", DONATION
    shown = {words: line["where"] for (_, words), line in zip(labels(sheet), sheet["lines"], strict=True)}
    assert shown == {directives: "Chez ma sœur", wishes: None, donation: None}
    page = await api.client.get(
        f"/records/{record}/summary", headers={**bearer(as_doctor(DOCTOR)), "accept": "text/html"}
    )
    for text in (DONATION, "kept: Chez ma sœur", "national register of refusals", "Declared by the patient"):
        assert text in page.text
    assert "refuses" not in str(sheet)
    assert "réanimation" not in str(sheet) + page.text


async def test_a_statement_is_seen_and_traced_as_its_document_is(api: RecordsApi, record: UUID) -> None:
    masked = await state(api, record, PROFILE, masked=True)
    seen = await state(api, record, WISHES)
    of_doctor = labels(await read(api, record, as_doctor(DOCTOR)))
    assert {chapter for chapter, _ in of_doctor} == {"directives"}
    assert ("allergies", "Amoxicilline") in labels(await read(api, record, as_patient(record)))
    events = [event for event in await api.announced(AccessRecorded) if event.action == "read-summary"]
    traced = {id for each in events[0].combinations for id in each.sources}
    assert traced == {seen}
    assert masked in {id for each in events[-1].combinations for id in each.sources}


async def test_what_a_laboratory_reports_stays_a_line_of_its_own(api: RecordsApi, record: UUID) -> None:
    await state(api, record, PROFILE)
    await publish_facts(api, SOMEBODY, [a_fact(FactKind.PROBLEM, "J45", negated=True)])
    lines = [line for line in (await read(api, record, as_doctor(DOCTOR)))["lines"] if line["chapter"] == "problems"]
    assert sorted((line["origin"], len(line["sources"]), line["conflict"]) for line in lines) == [
        ("document", 1, None),
        ("patient-side", 1, None),
    ]


def fact(kind: str, text: str | None, *code: str, **more: Any) -> ClinicalFact:
    coded = StatedCode(*code) if code else None
    [made] = stated_facts_of(DOCUMENT, [PatientStatement(kind, text, coded, **more)])
    return made


def test_the_words_and_the_code_of_a_statement_hide_nothing_of_each_other() -> None:
    plain = fact("disease", "Asthme léger", CIM_10, "J45", "Asthme").code
    longer = fact("disease", "asthme", CIM_10, "J45", "Asthme, sans précision").code
    other = fact("disease", "Asthme", CIM_10, "J44", "BPCO")
    assert plain is not None
    assert longer is not None
    assert other.code is not None
    assert (plain.label, longer.label, other.code.label) == ("Asthme léger", "Asthme, sans précision", "BPCO")
    assert (other.code.text, other.marks) == ("Asthme", (NAMES_DISAGREE,))
    unknown = fact("disease", "Asthme", "1.2.3.4", "X", "Autre")
    assert unknown.code is not None
    assert (unknown.code.coding, unknown.marks) == (None, (SYSTEM_UNKNOWN,))


def test_dates_and_kinds_of_statements_are_those_of_facts() -> None:
    surgery, implant = fact("surgery", "Genou", since="2011-05"), fact("implant", "Prothèse", since="2012")
    assert surgery.time is not None
    assert implant.time is not None
    assert (surgery.time.at, implant.time.start, implant.is_implant) == ("2011-05", "2012", True)
    pregnancy = fact("pregnancy", "Depuis le printemps")
    assert pregnancy.value == TextValue("Depuis le printemps")
    disability = fact("disability", "Surdité")
    assert disability.category is not None
    assert (disability.kind, disability.category.text) == (FactKind.PROBLEM, "Handicap")


def test_several_places_of_directives_are_all_named() -> None:
    places = [PatientStatement("directive-place", text) for text in ("Chez ma sœur", "À la mairie", "Chez ma sœur")]
    assert place_of_directives(places) == "Chez ma sœur ; À la mairie"
    assert list(stated_facts_of(DOCUMENT, places)) == []
