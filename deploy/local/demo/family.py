"""Opens the records of an invented family, as which a person looks at the pages of a demonstration.

A mother, her two children whom she represents, and her father, who asked her to help. A second call changes nothing.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Literal

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import FHIR, Dmp, Session, connect
from deploy.local.demo.credentials import ADMINISTRATOR, HOSPITAL, PROFESSIONALS, STRUCTURES, session_of
from deploy.local.demo.letter import laboratory_report, letter, vaccination_record
from deploy.local.demo.people import NOWHERE, InventedPerson
from deploy.local.platform import endpoints
from deploy.local.platform.paths import Layout, write_private
from shared.fhir.cda_deposit import bundle_of_cda
from shared.values import ins_key

FILE: Final = "family.json"
_FAMILY_NAME: Final = "GRANDCLAIR"


@dataclass(frozen=True)
class DemoPerson:
    """A person as whom one signs in. `about`: the key of the text that says who they are."""

    kind: Literal["record", "professional"]
    id: str
    name: str
    about: str


def read_family(layout: Layout) -> list[DemoPerson]:
    """Returns the persons who were opened in this installation; none before the first call of `open_family`."""
    try:
        return [DemoPerson(**person) for person in json.loads((layout.folder / FILE).read_text("utf-8"))]
    except FileNotFoundError:
        return []


async def open_family(layout: Layout) -> list[DemoPerson]:
    """Opens the records, deposits a few documents, and returns the persons and professionals. Raises LocalError."""
    credentials = await bootstrap(layout)
    mother, father = _invent("HORTENSE", "female", 1979, 211), _invent("AMBROISE", "male", 1948, 144)
    children = [_invent("ZÉLIE", "female", 2014, 377), _invent("CÔME", "male", 2018, 508)]
    async with connect(endpoints.read(layout)) as dmp:
        administrator = session_of(dmp, credentials, ADMINISTRATOR)
        own = [await _open(administrator, person) for person in (mother, father)]
        for child in children:
            await _open_child(administrator, child, mother)
        await _ask_for_help(dmp, own, mother)
        hospital = session_of(dmp, credentials, HOSPITAL)
        for person in (mother, father):
            for document in (letter, laboratory_report, vaccination_record):
                cda = document(person, STRUCTURES[HOSPITAL])
                await hospital.call("POST", "records", "/fhir", content=bundle_of_cda(cda), headers=FHIR)
    people = [
        DemoPerson("record", own[0], mother.name, "mother"),
        DemoPerson("record", own[1], father.name, "father"),
        *(DemoPerson("professional", doctor.id, doctor.name, "doctor") for doctor in PROFESSIONALS.values()),
    ]
    write_private(layout.folder / FILE, json.dumps([asdict(person) for person in people], ensure_ascii=False) + "\n")
    return people


def _invent(given_name: str, sex: Literal["female", "male"], year: int, order: int) -> InventedPerson:
    """Returns a person whose number belongs to nobody."""
    born = date(year, 5, 17)
    number = f"{2 if sex == 'female' else 1}{born:%y%m}{NOWHERE}{order:03d}"
    return InventedPerson(
        number + ins_key(number), _FAMILY_NAME, given_name, born, sex, f"famille.{order}@patient.example"
    )


async def _open(administrator: Session, person: InventedPerson) -> str:
    answer = await administrator.call("POST", "identity", "/records", json=person.opening())
    return str(answer.json()["record_id"])


async def _open_child(administrator: Session, child: InventedPerson, mother: InventedPerson) -> None:
    opening = child.opening()
    evidence = {"kind": "family-booklet", "reference": "Livret inventé"}
    by = {"representative": {"value": mother.ins, "oid": mother.oid}, "evidence": evidence}
    body = {"ins": opening["ins"], "traits": opening["traits"], "by": by}
    await administrator.call("POST", "identity", "/records/represented", json=body)


async def _ask_for_help(dmp: Dmp, own: list[str], mother: InventedPerson) -> None:
    """Lets the father invite his daughter to help, unless he has; she has not answered yet."""
    father = dmp.patient(own[1])
    carers: list[dict[str, Any]] = (await father.call("GET", "identity", f"/records/{own[1]}/carers")).json()
    if carers:
        return
    person = {
        "ins": {"value": mother.ins, "oid": mother.oid},
        "birth_name": mother.birth_name,
        "given_name": mother.given_name,
        "birth_date": mother.birth_date.isoformat(),
    }
    await father.call("POST", "identity", f"/records/{own[1]}/invitations", json={"person": person})
