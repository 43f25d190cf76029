"""Stored telephone numbers get the country code of their part of France, wherever identity keeps them."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.identity.corrections import domain
from services.identity.corrections.usecases.correct_telephones import correct_telephones
from services.identity.kit.sealed_rows import Sealed, open_row, seal_row
from services.identity.openings.domain.online import KIND as OPENING
from services.identity.openings.domain.online import OpeningRequest
from services.identity.people.domain.contacts import Contact
from services.identity.people.domain.insured import KIND as INSURED
from services.identity.people.domain.insured import ContactDetails, InsuredPerson, seal_insured
from services.identity.people.domain.persons import Person
from services.identity.relations.domain.emergency_contacts import (
    PersonToCall,
    people_to_call_as_json,
    people_to_call_from_json,
)
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged, PeopleToCallChanged
from shared.db.key_rewrap import Rewrapped
from shared.runtime.clock import bucket_of
from shared.runtime.settings import PostgresSettings
from shared.values import Ins, Sex, StrictTraits
from tests.conftest import NewDatabase
from tests.infra.identity.accounts import KEYRINGS, RING
from tests.infra.identity.identity_api import KEYRING, TEST_OID, announced, nir, query
from tests.infra.platform.databases import Database
from tests.infra.platform.locks import SELECT_BLOCKED
from tests.infra.platform.processes import run
from tests.infra.platform.waiting import eventually

WRONG = Contact("zoe@patient.example", "fr", "holder", "+33690123456")
RIGHT = replace(WRONG, mobile="+590690123456")
PERSON = Person(Ins(nir(), TEST_OID), StrictTraits("INVENTEE", "Zoé", "1955-06-12", Sex.FEMALE))


@pytest.mark.parametrize(
    ("stored", "right"),
    [
        ("+33690123456", "+590690123456"),
        ("+33692123456", "+262692123456"),
        ("+33694123456", "+594694123456"),
        ("+33696123456", "+596696123456"),
        ("+33639123456", "+262639123456"),
        ("+330612345678", "+33612345678"),
        ("+33262123456", "+262262123456"),
        ("+33612345678", "+33612345678"),
        ("+590690123456", "+590690123456"),
        ("+999123456789", "+999123456789"),
    ],
)
def test_a_stored_number_is_corrected_and_what_cannot_be_read_stays(stored: str, right: str) -> None:
    assert domain.corrected_number(stored) == right
    contact = replace(WRONG, mobile=stored)
    corrected = domain.corrected_contact(contact.as_json())
    assert corrected == (None if stored == right else replace(contact, mobile=right).as_json())


def test_contents_without_a_number_do_not_change() -> None:
    assert domain.corrected_contact(replace(WRONG, mobile=None).as_json()) is None
    assert domain.corrected_insured(InsuredPerson(PERSON, ContactDetails("zoe@patient.example")).as_json()) is None
    assert domain.corrected_people_to_call(people_to_call_as_json([])) is None
    assert domain.corrected_opening(b"") is None


async def insert_record(database: Database) -> UUID:
    id = uuid4()
    await query(database, "insert into persons values ($1, $2, 'test', 'sealed', now())", bucket_of(id), id)
    await query(
        database,
        "insert into records (bucket, id, person_id, status, version, opened_at) values ($1, $2, $2, 'open', 1, now())",
        *(bucket_of(id), id),
    )
    return id


async def insert_contact(database: Database, contact: Contact) -> UUID:
    id = await insert_record(database)
    sealed = seal_row(RING, contact.as_json(), "contact", id)
    await query(
        database,
        "insert into contacts (bucket, record_id, version, key_id, sealed) values ($1, $2, 1, $3, $4)",
        *(bucket_of(id), id, sealed.key_id, sealed.data),
    )
    return id


async def contents(database: Database, table: str, kind: str, id: str = "record_id", prefix: str = "") -> list[bytes]:
    rows = await query(database, f"select {id}, {prefix}key_id, {prefix}sealed from {table} order by {id}")
    return [open_row(RING, Sealed(row[1], row[2]), kind, row[0]) for row in rows if row[2]]


async def corrected(database: Database, **more: Any) -> dict[str, int]:
    """Runs the job; returns the counts of corrected rows, by column, without zeros."""
    postgres = PostgresSettings.model_validate({"dsn": database.dsn})
    outcomes = await correct_telephones(postgres, KEYRINGS, **more)
    assert not any(outcome.without_key or outcome.broken for outcome in outcomes)
    return {outcome.column: outcome.done for outcome in outcomes if outcome.done}


async def test_a_corrected_contact_is_announced_once(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    id = await insert_contact(database, WRONG)
    await insert_contact(database, replace(WRONG, mobile="+33612345678"))
    assert await corrected(database) == {"contacts.sealed": 1}
    [event] = await announced(database)
    assert isinstance(event, ContactChanged)
    assert (event.record_id, event.version) == (id, 2)
    assert Contact.from_json(RING.decrypt_jwe(event.sealed, sealed_place("contact", id))) == RIGHT
    assert RIGHT.as_json() in await contents(database, "contacts", "contact")
    assert await corrected(database) == {}, "the second run changes nothing"
    assert len(await announced(database)) == 1


async def test_every_place_that_keeps_a_number_is_corrected(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    id = await insert_record(database)
    insured = InsuredPerson(PERSON, ContactDetails(mobile=WRONG.mobile, address=("97100 BASSE-TERRE",)), "CARD123456")
    row = seal_insured(KEYRINGS, insured).row
    own = seal_row(RING, WRONG.as_json(), "contact", id)
    people = [
        PersonToCall("emergency", "Léa", "+33692123456", "sœur"),
        PersonToCall("help", "Jo", "+3225123456", "-"),
    ]
    listed = seal_row(RING, people_to_call_as_json(people), "people-to-call", id)
    request = OpeningRequest(PERSON.ins, "CARD123456", replace(WRONG, mail=None))
    opening = seal_row(RING, request.as_json(), OPENING, id)
    for statement, values in {
        "insert into insured values ($1, $2, $3, $4, $5, '', '', 'qualified', 'content', $6, $7)": (
            *(bucket_of(row.id), row.id, row.fingerprint, row.card, row.birth_year, row.sealed.key_id, row.sealed.data),
        ),
        "insert into minors (bucket, record_id, due_month, own_key_id, own_sealed) "
        "values ($1, $2, '2030-01-01', $3, $4)": (bucket_of(id), id, own.key_id, own.data),
        "insert into people_to_call (bucket, record_id, key_id, sealed) values ($1, $2, $3, $4)": (
            *(bucket_of(id), id, listed.key_id, listed.data),
        ),
        "insert into online_openings (id, key_id, sealed, created_at, expires_at) "
        "values ($1, $2, $3, now(), now() + interval '1 hour')": (id, opening.key_id, opening.data),
        "insert into online_openings (id, key_id, sealed, status, created_at, expires_at) "
        "values ($1, 'test', '', 'used', now(), now() + interval '1 hour')": (uuid4(),),
    }.items():
        await query(database, statement, *values)
    columns = ("insured.sealed", "minors.own_sealed", "online_openings.sealed", "people_to_call.sealed")
    assert await corrected(database) == dict.fromkeys(columns, 1)
    [register] = await contents(database, "insured", INSURED, "id")
    assert InsuredPerson.from_json(register).contact_details == replace(insured.contact_details, mobile=RIGHT.mobile)
    assert await contents(database, "minors", "contact", prefix="own_") == [RIGHT.as_json()]
    [called] = await contents(database, "people_to_call", "people-to-call")
    assert people_to_call_from_json(called) == (replace(people[0], phone="+262692123456"), people[1])
    [opened] = await contents(database, "online_openings", OPENING, "id")
    assert OpeningRequest.from_json(opened) == replace(request, contact=replace(RIGHT, mail=None))
    assert (await query(database, "select card, content from insured"))[0]["card"] == row.card
    assert await corrected(database) == {}
    [event] = await announced(database)
    assert isinstance(event, PeopleToCallChanged)
    plain = orjson.loads(RING.decrypt_jwe(event.sealed, sealed_place("people-to-call", id)))
    assert (event.version, plain[0]["phone"]) == (1, "+262692123456")


async def test_an_interrupted_run_is_started_again_and_finishes(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.db.key_rewrap.PAGE", 2)
    database = await new_database("identity")
    for _ in range(5):
        await insert_contact(database, WRONG)
    pages: list[Rewrapped] = []

    def interrupt(page: Rewrapped) -> None:
        pages.append(page)
        if page.done == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await corrected(database, report=interrupt)
    assert [page.done for page in pages if page.column == "contacts.sealed"] == [2, 4]
    assert await corrected(database) == {"contacts.sealed": 1}
    assert await contents(database, "contacts", "contact") == [RIGHT.as_json()] * 5
    assert len({event.record_id for event in await announced(database) if isinstance(event, ContactChanged)}) == 5


async def test_a_contact_that_is_changed_meanwhile_stays_as_its_holder_left_it(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    id = await insert_contact(database, WRONG)
    newer = replace(WRONG, mobile="+33612345678")
    sealed = seal_row(RING, newer.as_json(), "contact", id)
    held = await asyncpg.connect(database.owner_dsn)
    transaction = held.transaction()
    await transaction.start()
    await held.execute("update contacts set version = 2, sealed = $1", sealed.data)

    async def somebody_waits() -> bool:
        [[waits]] = await query(database, SELECT_BLOCKED)
        return bool(waits)

    running = asyncio.create_task(corrected(database))
    await eventually(somebody_waits)
    await transaction.commit()
    await held.close()
    await running
    assert await contents(database, "contacts", "contact") == [newer.as_json()]
    assert await announced(database) == []


async def test_the_operator_runs_it_as_a_process_and_learns_what_could_not_be_opened(
    new_database: NewDatabase,
) -> None:
    database = await new_database("identity")
    await insert_contact(database, WRONG)
    id = await insert_contact(database, WRONG)
    await query(database, "update contacts set sealed = 'altered' where record_id = $1", id)
    ended = await run(
        database,
        "correct-telephones",
        rings=dict.fromkeys(("ins_hmac", "contacts", "people_to_call", "persons"), KEYRING),
    )
    assert ended.code == 1, ended.errors
    assert '"column": "contacts.sealed",\n    "done": 1,\n    "without_key": 0,\n    "broken": 1' in ended.output
    assert "690123456" not in ended.output + ended.errors
