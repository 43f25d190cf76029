"""What a read rests on arrives: choices whole, the people of a record, matrices; and none is read while it changes."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.records.copies.domain.choices import choices_of
from services.records.copies.domain.people import people_of
from services.records.copies.steps import apply_matrix_copies
from services.records.copies.store.copies import lock_records
from shared.access import blocked_of
from shared.contracts.consent import MatrixChanged
from shared.contracts.records import CopyApplied
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import DOCTOR, OTHER_DOCTOR, RecordsApi, named

SOMEBODY = Person(85)


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    return shared_records_api


async def kept(api: RecordsApi, column: str, table: str) -> Any:
    return orjson.loads(await api.pool.fetchval(f"select {column} from {table}"))


async def test_the_choices_are_kept_whole(api: RecordsApi) -> None:
    record, now = await api.open_record(SOMEBODY), clock.now()
    until = now + timedelta(days=1)
    authorisations = [
        {"holder_id": DOCTOR, "from": now - timedelta(days=1), "until": until},
        {"holder_id": OTHER_DOCTOR, "from": until},
        {"holder_id": "1750000001", "from": now - timedelta(days=2), "until": now, "how": "care-team"},
    ]
    await api.choose(
        record,
        3,
        blocked=["1750000002"],
        authorisations=authorisations,
        attending_doctors=[DOCTOR],
        hidden_sections=["BIOLOGIE"],
        care_team_objected=True,
        applications=[{"application_id": "app-1", "sections": ["CAR_VAC"]}],
        emergency={"break_glass": False},
    )
    choices = choices_of(await kept(api, "state", "consent_states"))
    moment = clock.now()
    assert choices.authorisation_of([DOCTOR, "1750000001"], moment) == "valid"
    assert choices.authorisation_of([OTHER_DOCTOR], moment) == "future"
    assert choices.authorisation_of([DOCTOR], until) == "expired"
    assert choices.authorisation_of(["1750000001"], moment) == "none", "a structure's word is not the person's"
    assert choices.care_team_of("1750000001", moment) == "expired"
    assert choices.care_team_of(None, moment) == "none"
    assert [blocked_of(choices.blocked, DOCTOR, structure) for structure in ("1750000002", None)] == [
        "structure",
        "none",
    ]
    assert (choices.attending_doctors, choices.hidden_sections) == (
        frozenset({DOCTOR}),
        frozenset({"BIOLOGIE"}),
    )
    assert choices.applications == {"app-1": frozenset({"CAR_VAC"})}
    assert choices.care_team_objected
    emergency = choices.emergency
    assert (emergency.break_glass, emergency.regulation_centre, emergency.masked_documents) == (False, True, False)


async def test_choices_of_an_older_sender_or_an_older_copy_say_who_is_authorised(api: RecordsApi) -> None:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorised=[DOCTOR], blocked=[OTHER_DOCTOR])
    new = choices_of(await kept(api, "state", "consent_states"))
    old = choices_of({"authorised": [DOCTOR], "blocked": [OTHER_DOCTOR], "emergency": {}})
    for choices in (new, old):
        assert choices.authorisation_of([DOCTOR], clock.now()) == "valid"
        assert blocked_of(choices.blocked, OTHER_DOCTOR, None) == "professional"
        assert choices.emergency.break_glass


async def test_the_people_of_a_record_are_applied_and_told_each_version_once(api: RecordsApi) -> None:
    record, mother, carer, past = await api.open_record(SOMEBODY), uuid4(), uuid4(), clock.now() - timedelta(minutes=1)
    people: dict[str, Any] = {
        "representatives": [named(mother)],
        "carers": [named(carer, "carer", until=past)],
        "is_minor": True,
    }
    await api.name_people(record, 2, **people)
    await api.name_people(record, 1)
    await api.name_people(record, 2)
    copy = people_of(await kept(api, "people", "record_people"), is_minor=True)
    now = clock.now()
    assert copy.has("representative", str(mother), now)
    assert not copy.has("carer", str(mother), now)
    assert not copy.has("carer", str(carer), now), "it is over"
    assert await api.pool.fetchval("select is_minor from record_people")
    applied = [event for event in await api.announced(CopyApplied) if event.topic == "identity.people.v1"]
    assert applied == [CopyApplied(record_id=record, topic="identity.people.v1", version=2)]


async def test_people_and_choices_may_come_before_their_record(api: RecordsApi) -> None:
    record = uuid4()
    await api.name_people(record, 1, representatives=[named(uuid4())])
    await api.choose(record, 1)
    await api.open_record(SOMEBODY, record_id=record)
    count = (
        "select count(*) from records join record_people p on p.record_id = id join consent_states using (record_id)"
    )
    assert await api.pool.fetchval(count) == 1


async def test_a_record_does_not_come_while_a_copy_of_it_is_applied(api: RecordsApi) -> None:
    """Or somebody could read by the older copy after the newer one is in force."""
    record = uuid4()
    async with transaction(api.pool) as applier:
        assert await lock_records(applier, [record]) == {}
        opening = asyncio.create_task(api.open_record(SOMEBODY, record_id=record))
        await eventually(lambda: someone_waits(api))
        assert not opening.done()
    assert await opening == record


async def someone_waits(api: RecordsApi) -> bool:
    query = (
        "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"
    )
    return bool(await api.pool.fetchval(query))


async def test_who_changes_the_people_of_a_record_waits_for_its_readers(api: RecordsApi) -> None:
    record = await api.open_record(SOMEBODY)
    async with transaction(api.pool) as reader:
        await reader.execute("select id from records where id = $1 for share", record)
        naming = asyncio.create_task(api.name_people(record, 1))
        await eventually(lambda: someone_waits(api))
        assert not naming.done()
    await naming


async def test_of_a_matrix_the_newest_version_counts(api: RecordsApi) -> None:
    async def tell(version: int, active_from: Any = None) -> None:
        event = MatrixChanged(
            name="arrete-2027",
            version=version,
            active_from=active_from,
            allowed={"G15_10": ("11488-4",)},
            denied={},
            allowed_by_default={},
        )
        async with transaction(api.pool) as connection:
            await apply_matrix_copies(connection, [message(event)])

    at = clock.now()
    await tell(2, at)
    await tell(1)
    [row] = await api.pool.fetch("select name, version, active_from, cells from matrices")
    assert (row["name"], row["version"], row["active_from"]) == ("arrete-2027", 2, at)
    assert orjson.loads(row["cells"])["allowed"] == {"G15_10": ["11488-4"]}


def test_ids_are_compared_as_text() -> None:
    """As the event writes them and tokens do."""
    person = UUID("AAAAAAAA-0000-4000-8000-000000000001")
    people = people_of(
        {"representatives": [named(person).model_dump(mode="json", by_alias=True)], "carers": []}, is_minor=False
    )
    assert people.has("representative", str(person), clock.now())


async def test_choices_that_are_older_than_the_copy_are_answered_with_the_copy(api: RecordsApi) -> None:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 4, blocked=[DOCTOR], hidden_sections=["BIOLOGIE"])
    await api.choose(record, 4, blocked=[DOCTOR], hidden_sections=["BIOLOGIE"])
    await api.choose(record, 2, blocked=[])
    assert choices_of(await kept(api, "state", "consent_states")).blocked == {DOCTOR}
    applied = [event for event in await api.announced(CopyApplied) if event.topic == "consent.states.v1"]
    assert [(event.version, event.choices is not None) for event in applied] == [(4, False), (4, True)]
    assert applied[-1].choices["blocked"] == [DOCTOR]
    assert applied[-1].choices["hidden_sections"] == ["BIOLOGIE"]
