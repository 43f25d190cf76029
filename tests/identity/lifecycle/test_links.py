"""Duplicates in identity: two records linked and unlinked over HTTP, announced by both, through every later change."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.identity import RecordChanged
from tests.infra.http.tokens import bearer, make_token, patient_token
from tests.infra.identity.identity_api import administrator, open_one, query
from tests.infra.identity.linking import PLACES, let_it_die
from tests.infra.messaging.messages import event_in
from tests.infra.platform.databases import Database


async def pair(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    return await open_one(client, 1), await open_one(client, 2)


async def ask(
    client: httpx2.AsyncClient, what: str, first: UUID, second: UUID, headers: dict[str, str] | None = None
) -> httpx2.Response:
    body = {"linked_to": str(second)}
    return await client.post(f"/records/{first}/{what}", json=body, headers=headers or administrator())


async def linked(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    first, second = await pair(client)
    assert (await ask(client, "link", first, second)).status_code == 202
    return first, second


async def close(client: httpx2.AsyncClient, record_id: UUID) -> None:
    answer = await client.post(f"/records/{record_id}/close", json={}, headers=bearer(patient_token(record_id)))
    assert answer.status_code == 200, answer.text


async def die(client: httpx2.AsyncClient, record_id: UUID) -> None:
    assert (await client.post(f"/records/{record_id}/death", headers=administrator())).status_code == 200


async def rows(database: Database) -> dict[UUID, tuple[int, str, UUID | None]]:
    records = await query(database, "select id, version, status, linked_to from records")
    return {row["id"]: (row["version"], row["status"], row["linked_to"]) for row in records}


async def announced(database: Database) -> list[Event]:
    """What the outbox holds, without tombstones."""
    sql = "select topic, event_type, payload from outbox where payload is not null order by id"
    return [event_in(row) for row in await query(database, sql)]


async def changes(database: Database) -> list[tuple[UUID, int, str, UUID | None]]:
    return [
        (event.record_id, event.version, event.status, event.linked_to)
        for event in await announced(database)
        if isinstance(event, RecordChanged)
    ]


async def accesses(database: Database, *actions: str) -> list[AccessRecorded]:
    return [
        event for event in await announced(database) if isinstance(event, AccessRecorded) and event.action in actions
    ]


async def test_a_link_is_announced_by_both_records_and_stands_in_both_ledgers(
    client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await pair(client)
    answer = await ask(client, "link", first, second)
    assert (answer.status_code, answer.json()["linked"], answer.json()["status"]) == (202, True, "on-its-way")
    assert [(item["record_id"], item["version"]) for item in answer.json()["records"]] == [
        (str(first), 2),
        (str(second), 2),
    ]
    assert (await changes(database))[2:] == [(first, 2, "open", second), (second, 2, "open", first)]
    entries = await accesses(database, "link-records")
    assert [(entry.record_id, entry.subject_id, entry.reason, entry.state_version) for entry in entries] == [
        (first, str(second), "linked", 2),
        (second, str(first), "linked", 2),
    ]
    assert {(entry.actor.kind, entry.outcome) for entry in entries} == {("administrator", "permitted")}


async def test_it_is_in_force_when_both_versions_are(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await linked(client)
    await query(database, "update records set in_force_version = 2 where id = $1", first)
    assert (await ask(client, "link", first, second)).status_code == 202
    await query(database, "update records set in_force_version = 2 where id = $1", second)
    answer = await ask(client, "link", first, second)
    assert (answer.status_code, answer.json()["status"]) == (200, "in-force")


async def test_the_end_of_a_link_is_announced_like_the_link(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await linked(client)
    answer = await ask(client, "unlink", second, first)
    assert (answer.status_code, answer.json()["linked"]) == (202, False)
    assert sorted((await changes(database))[4:]) == sorted([(first, 3, "open", None), (second, 3, "open", None)])
    entries = await accesses(database, "unlink-records")
    assert {(entry.record_id, entry.subject_id, entry.reason) for entry in entries} == {
        (first, str(second), "unlinked"),
        (second, str(first), "unlinked"),
    }


@pytest.mark.parametrize("what", ["link", "unlink"])
async def test_the_same_again_from_either_side_changes_and_tells_nothing(
    what: str, client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await linked(client)
    await ask(client, what, first, second)
    before, events = await rows(database), await announced(database)
    for record_id, other in ((first, second), (second, first)):
        assert (await ask(client, what, record_id, other)).json()["linked"] is (what == "link")
    assert (await rows(database), await announced(database)) == (before, events)


async def test_who_looks_sees_the_other_record(client: httpx2.AsyncClient) -> None:
    first, second = await linked(client)
    alone = await open_one(client, 3)

    async def seen(record_id: UUID) -> tuple[bool, list[str]]:
        view = (await client.get(f"/records/{record_id}/link", headers=administrator())).json()
        return view["linked"], [record["record_id"] for record in view["records"]]

    assert await seen(second) == (True, [str(second), str(first)])
    assert await seen(alone) == (False, [str(alone)])
    forbidden = await client.get(f"/records/{first}/link", headers=bearer(patient_token(first)))
    assert forbidden.status_code == 403


async def _same(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    first = await open_one(client)
    return first, first


async def _unknown(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    return await open_one(client), uuid4()


async def _erased(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    first, second = await pair(client)
    body = {"reason": "gdpr-decision"}
    await client.post(f"/records/{second}/erase", json=body, headers=administrator())
    return first, second


async def _one_is_linked_to_a_third(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    _, second = await linked(client)
    return await open_one(client, 3), second


async def _the_holder_of_one_has_died(client: httpx2.AsyncClient) -> tuple[UUID, UUID]:
    first, second = await pair(client)
    await die(client, second)
    return first, second


@pytest.mark.parametrize(
    ("what", "prepare", "status", "code"),
    [
        ("link", _same, 422, "same-record"),
        ("unlink", _same, 422, "same-record"),
        ("link", _unknown, 404, "record-unknown"),
        ("unlink", _unknown, 404, "record-unknown"),
        ("link", _erased, 404, "record-unknown"),
        ("link", _one_is_linked_to_a_third, 409, "record-linked"),
        ("unlink", _one_is_linked_to_a_third, 409, "record-linked"),
        ("link", _the_holder_of_one_has_died, 409, "holder-deceased"),
    ],
)
async def test_what_cannot_be_linked_is_refused_from_both_sides_and_changes_nothing(
    what: str, prepare: Any, status: int, code: str, client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await prepare(client)
    before, event_count = await rows(database), len(await announced(database))
    for record_id, other in ((first, second), (second, first)):
        answer = await ask(client, what, record_id, other)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await rows(database) == before
    since = (await announced(database))[event_count:]
    assert {(event.outcome, event.reason) for event in since if isinstance(event, AccessRecorded)} <= {
        ("refused", code)
    }
    assert len(since) == (0 if code == "same-record" else 2 * len(before.keys() & {first, second}))


@pytest.mark.parametrize(
    ("kind", "scope", "status"),
    [
        ("administrator", "records.erase", 403),
        ("software", "records.open", 403),
        ("operator", "records.open", 403),
        ("patient", "", 403),
    ],
)
async def test_nobody_but_an_administrator_links(
    kind: str, scope: str, status: int, client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await pair(client)
    token = patient_token(first) if kind == "patient" else make_token(kind, "somebody", scope=scope)
    for what in ("link", "unlink"):
        answer = await ask(client, what, first, second, bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (status, "forbidden")
    assert await rows(database) == {first: (1, "open", None), second: (1, "open", None)}


async def test_closing_one_of_two_closes_that_one_alone_and_keeps_the_link(
    client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await linked(client)
    await close(client, first)
    assert (await changes(database))[4:] == [(first, 3, "closed", second)]
    assert await rows(database) == {first: (3, "closed", second), second: (2, "open", first)}
    await client.post(f"/records/{first}/reopen", headers=administrator())
    assert (await changes(database))[5:] == [(first, 4, "open", second)]


async def test_a_closed_record_can_be_linked_and_stays_closed(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await pair(client)
    await close(client, first)
    await ask(client, "link", first, second)
    assert (await changes(database))[3:] == [(first, 3, "closed", second), (second, 2, "open", first)]


async def test_a_death_closes_both_records_of_the_person(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await linked(client)
    await die(client, second)
    assert await rows(database) == {first: (3, "closed", second), second: (3, "closed", first)}
    assert (await changes(database))[4:] == [(second, 3, "closed", first), (first, 3, "closed", second)]
    entries = await accesses(database, "close-record")
    assert {(entry.record_id, entry.reason) for entry in entries} == {(id, "death-recorded") for id in (first, second)}
    await die(client, second)
    assert len(await changes(database)) == 6


async def test_the_link_of_who_has_died_can_be_ended(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await linked(client)
    await die(client, first)
    assert (await ask(client, "unlink", first, second)).status_code == 202
    assert await rows(database) == {first: (4, "closed", None), second: (4, "closed", None)}


async def test_erasing_one_of_two_leaves_the_other_on_its_own(client: httpx2.AsyncClient, database: Database) -> None:
    first, second = await linked(client)
    await client.post(f"/records/{first}/erase", json={"reason": "gdpr-decision"}, headers=administrator())
    assert await rows(database) == {second: (3, "open", None)}
    assert (await changes_of(database, second))[-1] == (3, "open", None)
    [access] = await accesses(database, "unlink-records")
    assert (access.record_id, access.subject_id, access.reason) == (second, str(first), "erased")
    third = await open_one(client, 3)
    assert (await ask(client, "link", second, third)).status_code == 202


async def changes_of(database: Database, record_id: UUID) -> list[tuple[int, str, UUID | None]]:
    return [(version, status, other) for id, version, status, other in await changes(database) if id == record_id]


async def test_of_many_links_at_once_every_record_has_one_partner_that_names_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    records = [await open_one(client, number) for number in range(1, 5)]
    pairs = [(record, other) for record in records for other in records if record != other]
    answers = await asyncio.gather(*(ask(client, "link", record_id, other) for record_id, other in pairs))
    assert {answer.status_code for answer in answers} == {202, 409}
    stored = await rows(database)
    for record_id, (version, _, other) in stored.items():
        assert other is None or (version == 2 and stored[other][2] == record_id)
    assert sum(other is not None for _, _, other in stored.values()) in (2, 4)
    announced_changes = (await changes(database))[4:]
    assert {(change[0], change[3]) for change in announced_changes} == {
        (id, row[2]) for id, row in stored.items() if row[2] is not None
    }


async def test_links_deaths_and_erasures_at_once_never_leave_one_side_alone(
    client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await pair(client)
    body = {"reason": "gdpr-decision"}
    answers = await asyncio.gather(
        *(ask(client, what, *ids) for what in ("link", "unlink", "link") for ids in ((first, second), (second, first))),
        client.post(f"/records/{second}/death", headers=administrator()),
        client.post(f"/records/{first}/erase", json=body, headers=administrator()),
    )
    assert {answer.status_code for answer in answers} <= {200, 202, 404, 409}
    version, status, other = (await rows(database))[second]
    assert (status, other) == ("closed", None)
    assert (await changes_of(database, second))[-1] == (version, status, other)


@pytest.mark.long
@pytest.mark.parametrize("place", list(PLACES))
async def test_killed_there_both_or_none_are_linked_and_asked_again_it_ends_as_if_nothing_had_happened(
    place: str, client: httpx2.AsyncClient, database: Database
) -> None:
    first, second = await pair(client)
    await let_it_die(place, database, first, second)
    committed = place == "after the commit"
    linked: dict[UUID, tuple[int, str, UUID | None]] = {first: (2, "open", second), second: (2, "open", first)}
    unlinked: dict[UUID, tuple[int, str, UUID | None]] = {first: (1, "open", None), second: (1, "open", None)}
    assert await rows(database) == (linked if committed else unlinked)
    assert (await ask(client, "link", first, second)).json()["linked"]
    assert (await changes(database))[2:] == [(first, 2, "open", second), (second, 2, "open", first)]
    assert len(await accesses(database, "link-records")) == 2
