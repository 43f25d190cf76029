"""The worker's routes by which operators check, announce anew and withhold; the ledger names the person."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.consent.choices.steps import adopt_states
from services.consent.recovery.steps import STATE_SOURCES
from services.consent.recovery.store import COPIES
from shared.contracts.audit import OperatorActed
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Connection, Pool
from shared.messaging.outbox.announce_anew import StatePage, StateSource
from shared.messaging.outbox.recovery import Recovery
from shared.messaging.recovery_routes import MOST_STATES
from shared.runtime.clock import bucket_of
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import plumbing
from tests.infra.messaging.lost_commits import all_sent, app_pool, compare_once
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_another_cluster import FORMER_CLUSTER, acts_on, has_heartbeat
from tests.shared.messaging.test_lost_commits import open_record

RECOVERY = Recovery(adopt_states, states=STATE_SOURCES, copies=COPIES)
OPERATOR = bearer(operator_token())
INSERT_COPY = """
insert into record_copies (bucket, record_id, version, status, partition) values ($1, $2, 3, 'open', 0)"""
COPY: Mapping[str, Any] = {"topic": CONSENT_STATES.name, "key": str(uuid4()), "version": 4, "on_topic": 0}


@pytest.fixture(name="database")
async def make_database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture(name="pool")
async def make_pool(database: Database) -> AsyncIterator[Pool]:
    async with app_pool(database) as pool:
        yield pool


@asynccontextmanager
async def worker_client(
    database: Database, kafka: Topics, recovery: Recovery = RECOVERY
) -> AsyncIterator[httpx2.AsyncClient]:
    """Yields a client of consent's running worker."""
    app = make_worker_app(Plan("consent", (), keys=TestKeys(), recovery=recovery), plumbing.settings(database, kafka))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker") as client,
    ):
        yield client


async def entries(pool: Pool) -> int:
    """Returns how many entries of operators' acts wait in the outbox."""
    return int(await pool.fetchval("select count(*) from outbox where event_type = $1", OperatorActed.ce_type))


async def test_the_check_reports_what_is_missing_and_enters_nothing(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    await compare_once(database, kafka)
    ahead = uuid4()
    async with worker_client(database, kafka) as client:
        report = (await client.get("/recovery", headers=OPERATOR)).json()
        assert (report["is_complete"], report["cluster"], report["ahead"]) == (True, "same", [])
        await pool.execute(INSERT_COPY, bucket_of(ahead), ahead)
        report = (await client.get("/recovery", headers=OPERATOR)).json()
        assert not report["is_complete"]
        assert report["ahead"] == [
            {"topic": IDENTITY_RECORDS.name, "key": str(ahead), "version": 3, "on_topic": 0},
        ]
        await eventually(lambda: all_sent(pool))
    assert await acts_on(kafka) == []


async def test_a_worker_announces_everything_anew_and_enters_whose_token_it_was(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    await open_record(pool, uuid4())
    await pool.execute(FORMER_CLUSTER, CONSENT_STATES.name)
    async with worker_client(database, kafka) as client:
        announced = await client.post("/recovery/announce", headers=OPERATOR)
        assert (announced.status_code, announced.json()["states"][CONSENT_STATES.name]) == (200, 1)
        await eventually(lambda: has_heartbeat(kafka))
        again = await client.post("/recovery/announce", headers=OPERATOR)
        assert (again.status_code, again.json()["code"]) == (409, "cluster-unchanged")
        await eventually(lambda: all_sent(pool))
    assert [(who, act) for who, act, _ in await acts_on(kafka)] == [("ops", "announce-anew")]


async def test_a_run_that_lost_its_caller_stops_where_the_next_one_has_gone_on(
    database: Database, pool: Pool, kafka: Topics
) -> None:
    pages: list[str] = []
    second: list[httpx2.Response] = []

    async def three_pages(_: Connection, position: str) -> StatePage:
        pages.append(position)
        if pages == ["", "1"]:  # the caller of the first run is gone, and requests it again
            second.append(await client.post("/recovery/announce", headers=OPERATOR))
        return StatePage([], None if position == "2" else str(int(position or 0) + 1))

    await pool.execute(FORMER_CLUSTER, CONSENT_STATES.name)
    recovery = Recovery(states=(StateSource(CONSENT_STATES.name, three_pages),))
    async with worker_client(database, kafka, recovery) as client:
        first = await client.post("/recovery/announce", headers=OPERATOR)
        assert [answer.status_code for answer in second] == [200]
        assert (first.status_code, first.json()["code"]) == (409, "announcing-continued")
    assert pages == ["", "1", "1", "2"]
    assert await pool.fetchval("select finished_at is not null from cluster_moves")


async def test_states_that_a_neighbour_has_newer_are_withheld(database: Database, pool: Pool, kafka: Topics) -> None:
    await compare_once(database, kafka)
    async with worker_client(database, kafka) as client:
        done = await client.post("/recovery/withhold", json={"ahead": [COPY]}, headers=OPERATOR)
        assert (done.status_code, done.json()["undecided"]) == (200, {CONSENT_STATES.name: [COPY["key"]]})
        await eventually(lambda: all_sent(pool))
    assert await acts_on(kafka) == [("ops", "withhold-states", 1)]
    assert await pool.fetchval("select array_agg(key) from withheld_states") == [COPY["key"]]


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"ahead": [{**COPY, "topic": IDENTITY_RECORDS.name}]}, "state-foreign"),
        ({"ahead": [{**COPY, "topic": "consent.accesses.v1"}]}, "state-foreign"),
        ({"ahead": [{**COPY, "key": "no record"}]}, "invalid"),
        ({"ahead": [{**COPY, "key": "nobody"}]}, "invalid"),
        ({"ahead": [{**COPY, "version": 2**31 - 1}]}, "invalid"),
        ({"ahead": [{**COPY, "version": 0}]}, "invalid"),
        ({"ahead": [{**COPY, "name": "Martin"}]}, "invalid"),
        ({"ahead": [COPY], "unread": {}}, "invalid"),
        ({"ahead": [COPY] * (MOST_STATES + 1)}, "invalid"),
        ({}, "invalid"),
    ],
)
async def test_a_report_that_is_not_exactly_as_declared_is_refused_and_enters_nothing(
    database: Database, pool: Pool, kafka: Topics, report: Mapping[str, Any], code: str
) -> None:
    async with worker_client(database, kafka) as client:
        refused = await client.post("/recovery/withhold", json=report, headers=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert "Martin" not in refused.text
    assert (await entries(pool), await pool.fetchval("select count(*) from withheld_states")) == (0, 0)


async def test_these_routes_are_for_operators_alone(database: Database, kafka: Topics) -> None:
    async with worker_client(database, kafka) as client:
        for method, path, body in (
            ("GET", "/recovery", None),
            ("POST", "/recovery", None),
            ("POST", "/recovery/announce", None),
            ("POST", "/recovery/withhold", {"ahead": [COPY]}),
        ):
            assert (await client.request(method, path, json=body)).status_code == 401
            patient = await client.request(method, path, json=body, headers=bearer(patient_token(uuid4())))
            assert patient.status_code == 403


def test_a_full_request_is_smaller_than_what_workers_and_the_edge_take() -> None:
    longest = httpx2.Request("POST", "http://worker", json={"ahead": [{**COPY, "version": 2**31 - 2}] * MOST_STATES})
    assert len(longest.content) < 64 * 1024
