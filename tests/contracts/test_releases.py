"""Releases side by side: each group gets messages of the previous and of the next release, on PostgreSQL."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from services.identity.relations.domain.emergency_contacts import people_to_call_event
from services.records.reimbursements.domain.feed import seal_report
from shared.contracts.base import Event, StateEvent
from shared.contracts.consent import DepositDecided
from shared.contracts.declarations import Group, Topic
from shared.contracts.identity import PeopleToCallChanged
from shared.contracts.insurance import ReimbursementReported
from shared.contracts.notify import MessageRequested
from shared.contracts.open_enumerations import ENUMERATIONS, Enumeration, UnknownValuePolicy
from shared.contracts.topics import GROUPS
from shared.db.pool import Pool
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import KeptRecord
from tests.conftest import NewDatabase, NewPool
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import fetched
from tests.infra.messaging.plumbing import record_changed
from tests.infra.messaging.subscriptions import ALL, subscription_of
from tests.infra.notify.notify import contact, requested
from tests.infra.records.records_api import (
    CALL_RING,
    FILLING,
    a_deposit,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
    run_records_api,
)
from tests.infra.records.reimbursements import recent_line

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "examples"
LATER = "added-later"
SOMEBODY = {"kind": "professional", "id": "899700000001"}
SEEDS: dict[str, Any] = {
    "actor": SOMEBODY,
    "combinations": [{"facts": {}, "outcome": "permitted", "reason": "authorised"}],
    "authorisations": [{"holder_id": "899700000001", "from": "2026-11-22T09:30:00Z"}],
}
"""Values for members that an example omits and that contain an enumeration."""
Make = Callable[[type[Event]], Awaitable[Event]]
"""Returns a valid event of a type, about a new aggregate, that its group can handle in the present state."""


def example(event: type[Event], record_id: UUID) -> Event:
    """Returns the golden example, about this record."""
    body = json.loads((EXAMPLES / f"{event.ce_type}.json").read_text("utf-8"))
    return event.model_validate({**body, "record_id": str(record_id)} if "record_id" in body else body)


@asynccontextmanager
async def group_at_work(
    name: str, new_database: NewDatabase, new_pool: NewPool
) -> AsyncIterator[tuple[Consumer, Make]]:
    """Yields a group's real consumer, and a function that makes its events and the data on which they rest."""
    if name == "records.deposit-decisions":
        async with run_records_api(await new_database("records")) as api:

            async def decision(_: type[Event]) -> DepositDecided:
                person = Person(len(api.versions) + 1)
                record_id = await api.open_record(person)
                answer = await api.deposit(bundle_of(a_deposit(person)))
                return decided(record_id, document_ids(answer)[0], deposit_id(answer))

            yield Consumer(api.pool, subscription_of(name)), decision
        return
    service = name.split(".", 1)[0]
    pool = await new_pool(service)
    first = {
        **dict.fromkeys(("consent.deposit-checks", "consent.collected-consents"), "consent.record-copies"),
        "notify": "notify.contact-copies",
    }

    async def make(event: type[Event]) -> Event:
        record_id = uuid4()
        if (before := first.get(name) or first.get(service)) and before != name:
            state = record_changed(record_id) if service == "consent" else contact(record_id, mobile="0699990001")
            await Consumer(pool, subscription_of(before)).consume([fetched(state)])
        if event is MessageRequested:
            return requested("someone@mail.example", record_id=record_id, code="482913", minutes="10")
        if event is ReimbursementReported:
            return seal_report(FILLING.feed, uuid4(), recent_line(Person(1)))
        if event is PeopleToCallChanged:
            return people_to_call_event(CALL_RING, record_id, 1, ())
        return example(event, record_id)

    yield Consumer(pool, subscription_of(name)), make


def changed(body: Any, path: str, value: str) -> Any:
    """Returns the data with another value at `path`."""
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    inner: Any = body.get(name) or SEEDS.get(name)
    if step.endswith("[]"):
        elements = [changed(inner[0], rest, value), *inner[1:]] if rest else [*inner, value]
        return {**body, name: elements}
    return {**body, name: changed(inner, rest, value) if rest else value}


async def classify_error(pool: Pool, group: Group, record: KeptRecord) -> UnknownValuePolicy:
    """Returns how the group handled a consumed record."""
    dead = await pool.fetchval(
        'select count(*) from parked_messages where group_name = $1 and topic = $2 and "offset" = $3',
        group.name,
        record.topic,
        record.offset,
    )
    if group.name == "audit.ledger":
        entry = "select count(*) from ledger_entries where outcome = 'quarantined' and details ->> 'offset' = $1"
        if await pool.fetchval(entry, str(record.offset)):
            return "quarantined"
    broken = "select count(*) from broken_copies where topic = $1 and key = $2"
    if await pool.fetchval(broken, record.topic, (record.key or b"").decode()):
        return "copy-broken"
    return "dead-letter" if dead else "handled"


def of_group(group: Group) -> list[tuple[type[Event], Enumeration]]:
    return [
        (event, enumeration)
        for enumeration in ENUMERATIONS
        if group.name in enumeration.unknown
        for event in enumeration.events
    ]


def literals_in(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yields the paths of all fields of a model that are enumerated."""
    for name, field in model.model_fields.items():
        yield from _literals(field.annotation, prefix + name)


def _literals(annotation: Any, path: str) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield path
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from literals_in(annotation, f"{path}.")
    else:
        elements = f"{path}[]" if get_origin(annotation) is tuple else path
        for inner in get_args(annotation):
            yield from _literals(inner, elements)


SUBSCRIBED = pytest.mark.parametrize(
    "group", [subscription.group for subscription in ALL], ids=lambda group: group.name
)


def test_each_group_of_the_declarations_is_subscribed_to() -> None:
    assert {subscription.group.name for subscription in ALL} == {group.name for group in GROUPS}


def test_each_enumeration_of_each_event_says_what_an_unknown_value_means_to_each_of_its_readers() -> None:
    listed = {
        (event, enumeration.path, group)
        for enumeration in ENUMERATIONS
        for event in enumeration.events
        for group in enumeration.unknown
    }
    read = {
        (event, path, subscription.group.name)
        for subscription in ALL
        for event in subscription.events
        for path in {*literals_in(event), *(other.path for other in ENUMERATIONS if event in other.events)}
    }
    assert listed == read


@SUBSCRIBED
async def test_a_value_more_in_each_enumeration_has_the_fate_that_is_declared(
    group: Group, new_database: NewDatabase, new_pool: NewPool
) -> None:
    async with group_at_work(group.name, new_database, new_pool) as (consumer, make):
        fates, wanted = {}, {}
        for event, enumeration in of_group(group):
            good = await make(event)
            body = good.model_dump(mode="json", by_alias=True)
            record = fetched(good, changes=changed(body, enumeration.path, LATER))
            await consumer.consume([record])
            case = (event.__name__, enumeration.path)
            fates[case] = await classify_error(consumer.pool, group, record)
            wanted[case] = enumeration.unknown[group.name].policy
        assert fates == wanted
        assert not consumer.circuit_breaker.is_open


@SUBSCRIBED
async def test_the_last_releases_events_and_those_with_a_field_more_are_handled(
    group: Group, new_database: NewDatabase, new_pool: NewPool
) -> None:
    async with group_at_work(group.name, new_database, new_pool) as (consumer, make):
        for event in consumer.subscription.events:
            for changes in ({}, {"added_later": {"in": ["the", "next", "release"]}}):
                record = fetched(await make(event), changes=changes)
                await consumer.consume([record])
                assert await classify_error(consumer.pool, group, record) == "handled", event.__name__


def type_added_to(topic: Topic) -> str:
    return f"{topic.owner}.{LATER}.v1"


@SUBSCRIBED
async def test_a_type_more_is_passed_over_among_facts_breaks_a_copy_and_is_no_hole_in_the_ledger(
    group: Group, new_database: NewDatabase, new_pool: NewPool
) -> None:
    async with group_at_work(group.name, new_database, new_pool) as (consumer, make):
        for topic in group.topics:
            event = next(event_type for event_type in consumer.subscription.events if event_type in topic.events)
            good = await make(event)
            record = fetched(good, topic=topic.name, ce_type=type_added_to(topic))
            await consumer.consume([record])
            ledger: UnknownValuePolicy = "quarantined" if group.name == "audit.ledger" else "handled"
            wanted: UnknownValuePolicy = "copy-broken" if topic.kind == "state" else ledger
            assert await classify_error(consumer.pool, group, record) == wanted, topic.name
            if topic.kind != "state":
                own = {"service": topic.owner} if "service" in event.model_fields else {}
                behind = fetched(good, topic=topic.name, changes=own)
                await consumer.consume([behind])
                assert await classify_error(consumer.pool, group, behind) in ("handled", wanted), (
                    "nothing waits behind it"
                )


def test_a_state_is_closed_and_a_fact_for_the_ledger_is_open() -> None:
    for enumeration in ENUMERATIONS:
        for group, unknown in enumeration.unknown.items():
            is_state = all(issubclass(event, StateEvent) for event in enumeration.events)
            assert (unknown.policy == "copy-broken") <= is_state, (enumeration.path, group)
            if group.startswith("notify.") and enumeration.events[0].ce_type.startswith("audit."):
                assert unknown.policy == "handled", "no alert waits for another release"
