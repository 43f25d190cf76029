"""May this reader see this line: every kind of reader, every state of a source, every kind of line."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.records.clinical_facts.domain.model import FactKind
from services.records.summary.domain.sheet import Chapter
from services.records.summary.domain.signatures import SignedLine
from shared.fhir.submission import Author, AuthorKind
from shared.terminology.documents import document_type
from shared.values import NationalProfessionalId, NationalStructureId
from tests.infra.http.tokens import make_token, operator_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Databases
from tests.infra.records.mixes import acting, in_mode
from tests.infra.records.records_api import (
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    as_doctor,
    as_patient,
    as_software,
    named,
    run_records_api,
)
from tests.infra.records.summary_records import a_fact, publish_facts, sign

SOMEBODY = Person(91)
ATTENDING, AUTHOR, BLOCKED, UNKNOWN, NURSE = (f"8999000001{number:02}" for number in range(5))
WRITER = Author(AuthorKind.PROFESSIONAL, NationalProfessionalId(AUTHOR), NationalStructureId(HOSPITAL), "G15_10/SM26")
AT = datetime(2026, 11, 1, tzinfo=UTC)
CHAPTERS = {
    FactKind.BLOOD_GROUP: Chapter.BLOOD_GROUP,
    FactKind.ALLERGY: Chapter.ALLERGIES,
    FactKind.TREATMENT: Chapter.TREATMENTS,
    FactKind.PROBLEM: Chapter.PROBLEMS,
    FactKind.PROCEDURE: Chapter.PROCEDURES,
    FactKind.DEVICE: Chapter.IMPLANTS,
    FactKind.PREGNANCY: Chapter.PREGNANCY,
    FactKind.VACCINATION: Chapter.VACCINATIONS,
    FactKind.DIRECTIVE: Chapter.DIRECTIVES,
}
CURRENT: dict[str, dict[str, Any]] = {
    "ordinary": {},
    "masked": {"labels": ("N", "MASQUE_PS")},
    "invisible to the patient": {"labels": ("N", "INVISIBLE_PATIENT")},
    "invisible to representatives": {"labels": ("N", "INVISIBLE_REPRESENTANTS_LEGAUX")},
    "in a hidden section": {"type": document_type("11502-2")},
    "of a type that no doctor reads": {"type": document_type("ATTEST-RESID")},
    "of a type that no nurse reads": {"type": document_type("68599-0")},
    "archived": {},
    "of the author": {"labels": ("N", "MASQUE_PS"), "authors": (WRITER,)},
}
GONE: dict[str, dict[str, Any]] = {"superseded": {}, "deleted": {}, "refused at deposit": {}}
SOURCES = {**CURRENT, **GONE}
SET_STATE = {
    "archived": "update documents set archived = true where id = $1",
    "superseded": "update documents set life = 'superseded' where id = $1",
    "deleted": "update documents set life = 'deleted' where id = $1",
    "refused at deposit": "update documents set status = 'refused', unique_id = null where id = $1",
}

_OF_DOCTORS = {"ordinary", "invisible to the patient", "invisible to representatives", "archived"} | {
    "of a type that no nurse reads"
}
_HIDDEN = {"masked", "in a hidden section", "of the author"}
_ALL_OF_DOCTORS = _OF_DOCTORS | _HIDDEN
_OF_PATIENT = {*CURRENT} - {"invisible to the patient"}
_OF_OTHERS = _OF_PATIENT - {"invisible to representatives"}
SEEN: dict[str, set[str] | int] = {
    "patient": _OF_PATIENT,
    "representative": _OF_OTHERS,
    "carer": _OF_OTHERS,
    "application with the section of reports": {"ordinary", "masked", "archived", "of the author"},
    "authorised doctor": _OF_DOCTORS,
    "médecin traitant": _ALL_OF_DOCTORS,
    "authorised nurse": _OF_DOCTORS - {"of a type that no nurse reads"},
    "author without a right to the record": {"of the author"},
    "break-glass": _OF_DOCTORS,
    "regulation centre": _OF_DOCTORS,
    "doctor without a right": 404,
    "blocked doctor": 404,
    "software of the depositor": 403,
    "operator": 403,
}
"""The sources whose lines each reader sees, or the status of the answer."""
SHEETS_SEEN = {name for name, seen in SEEN.items() if isinstance(seen, set)} - {
    "application with the section of reports",
    "author without a right to the record",
}
"""The readers to whom the rules show a version of the sheet by itself: the statements in it are shown to them."""


@dataclass(frozen=True)
class World:
    """A record with a source of every state, and its readers."""

    api: RecordsApi
    record: UUID
    sources: Mapping[str, UUID]
    tokens: Mapping[str, str]

    async def sheet(self, reader: str) -> dict[str, Any]:
        """Returns the sheet of a reader."""
        answer = await self.api.get(f"/records/{self.record}/summary", self.tokens[reader])
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


@pytest_asyncio.fixture(scope="module")
async def world(databases: Databases) -> AsyncIterator[World]:
    database = await databases.new("records")
    async with run_records_api(database) as api:
        yield await _filled(api)
    await databases.give_back(database)


async def _filled(api: RecordsApi) -> World:
    record, mother, carer = await api.open_record(SOMEBODY), uuid4(), uuid4()
    grants = [{"holder_id": id, "from": "2026-01-01T00:00:00Z"} for id in (OTHER_DOCTOR, NURSE, BLOCKED)]
    await api.choose(
        record,
        1,
        authorisations=grants,
        blocked=(BLOCKED,),
        attending_doctors=(ATTENDING,),
        hidden_sections=("BIOLOGIE",),
        emergency={"break_glass": True, "regulation_centre": True, "masked_documents": False},
        applications=[{"application_id": "app-1", "sections": ["CPT_REND"], "from": "2026-01-01T00:00:00Z"}],
    )
    await api.name_people(record, 1, representatives=[named(mother)], carers=[named(carer, "carer")])
    await api.be_fresh()
    sources, lines = {}, []
    for name, changed in SOURCES.items():
        proposed = [a_fact(kind) for kind in CHAPTERS]
        confirmed, rejected = a_fact(), a_fact()
        document = await publish_facts(api, SOMEBODY, [*proposed, confirmed, rejected], text_only=1, **changed)
        lines += [
            SignedLine("confirmed", Chapter.PROBLEMS, confirmed, AT, document),
            SignedLine("rejected", Chapter.PROBLEMS, rejected, AT, sources=(document,), reason="erreur"),
        ]
        sources[name] = document
    lines.append(SignedLine("stated", Chapter.PROBLEMS, a_fact(), AT))
    await sign(api, SOMEBODY, ATTENDING, *lines)
    for name, statement in SET_STATE.items():
        await api.pool.execute(statement, sources[name])
    tokens = {
        "patient": as_patient(record),
        "representative": acting("representative", mother, record),
        "carer": acting("carer", carer, record),
        "application with the section of reports": make_token("application", "app-1"),
        "authorised doctor": as_doctor(OTHER_DOCTOR),
        "médecin traitant": as_doctor(ATTENDING),
        "authorised nurse": professional_token(NURSE, "60"),
        "author without a right to the record": as_doctor(AUTHOR),
        "break-glass": in_mode("bris_de_glace", record, UNKNOWN),
        "regulation centre": in_mode("centre_15", record, UNKNOWN),
        "doctor without a right": as_doctor(UNKNOWN),
        "blocked doctor": as_doctor(BLOCKED),
        "software of the depositor": as_software(HOSPITAL),
        "operator": operator_token(),
    }
    assert set(tokens) == set(SEEN)
    return World(api, record, sources, tokens)


@pytest.mark.parametrize("reader", sorted(SEEN))
async def test_each_reader_sees_the_lines_of_the_sources_that_are_theirs_to_see(world: World, reader: str) -> None:
    seen = SEEN[reader]
    if isinstance(seen, int):
        answer = await world.api.get(f"/records/{world.record}/summary", world.tokens[reader])
        assert answer.status_code == seen
        return
    sheet = await world.sheet(reader)
    names = {str(document): name for name, document in world.sources.items()}
    shown: set[tuple[str, str, str]] = set()
    for line in sheet["lines"]:
        for source in line["sources"]:
            shown.add((names[source["document_id"]], line["chapter"], line["state"]))
    signs = reader in SHEETS_SEEN
    assert shown == {(name, str(chapter), "proposed") for name in seen for chapter in CHAPTERS.values()} | {
        (name, "problems", "confirmed" if signs else "proposed") for name in seen
    } | {(name, "problems", "rejected" if signs else "proposed") for name in seen} | (
        {("superseded", "problems", "confirmed")} if signs else set()
    )
    assert sheet["counts"]["text_only"] == len(seen)
    assert [line["origin"] for line in sheet["lines"]].count("doctor") == signs
    assert sheet["may_hold_masked"] is (sheet["audience"] == "professional")


async def test_the_lines_that_the_medecin_traitant_may_confirm_are_of_what_is_hidden_from_nobody(world: World) -> None:
    names = {str(document): name for name, document in world.sources.items()}
    sheet = await world.sheet("médecin traitant")
    offered = {names[line["sources"][0]["document_id"]] for line in sheet["lines"] if line["confirmable"]}
    assert offered == {"ordinary", "archived", "of a type that no nurse reads"}
    for reader in {name for name, seen in SEEN.items() if isinstance(seen, set)} - {"médecin traitant"}:
        assert not any(line["confirmable"] for line in (await world.sheet(reader))["lines"]), reader


async def test_an_emergency_opens_what_is_masked_only_where_the_person_permits_it(world: World) -> None:
    await world.api.choose(
        world.record, 2, emergency={"break_glass": True, "regulation_centre": True, "masked_documents": True}
    )
    names = {str(document): name for name, document in world.sources.items()}
    sheet = await world.sheet("break-glass")
    shown = {names[source["document_id"]] for line in sheet["lines"] for source in line["sources"]}
    assert shown == _ALL_OF_DOCTORS | {"superseded"}, "which the médecin traitant of before had confirmed"
