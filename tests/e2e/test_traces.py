"""One trace tells the whole way of a deposit, through all services, and nothing about the person."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
import pytest_asyncio

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.contracts.carried_events import EVENTS
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS, TOPICS
from shared.runtime.spans import Attribute
from tests.e2e.acting import set_scene
from tests.infra.platform.collector import CollectedSpan, Collector, collecting
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
TRACE, FIRST = "4bf9" * 8, "00f0" * 4
WAY = (
    ("dmp-records-api", "POST /fhir"),
    ("dmp-consent-worker", "process records.documents.v1"),
    ("dmp-records-worker", "process consent.decisions.v1"),
    ("dmp-audit-worker", "process records.documents.v1"),
    ("dmp-records-worker", "process audit.entries.v1"),
)
ALERT = (
    *WAY[:3],
    ("dmp-notify-worker", "process records.documents.v1"),
    ("dmp-notify-worker", "deliver mail"),
)
CODE = re.compile(r"[A-Za-z][A-Za-z0-9._/{}:-]*")


@pytest_asyncio.fixture(scope="module")
async def traced(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stack, Dmp, Collector]]:
    """An installation whose processes send their spans to a collector."""
    folder: Path = tmp_path_factory.mktemp("traced")
    with collecting() as collector:
        environment = {f"{service.upper()}_TRACING__ENDPOINT": collector.url for service in SERVICES}
        async with Stack(folder / "var", environment=environment) as stack:
            await bootstrap(stack.layout)
            async with connect(endpoints.read(stack.layout)) as dmp:
                yield stack, dmp, collector


def ways_to(span: CollectedSpan, by_id: dict[str, CollectedSpan]) -> tuple[tuple[str, str], ...]:
    """Returns service and name of each step from the first cause to this span."""
    before = () if span.parent not in by_id else ways_to(by_id[span.parent], by_id)
    return (*before, (span.service, span.name))


async def test_the_trace_of_a_deposit_goes_through_every_service(traced: tuple[Stack, Dmp, Collector]) -> None:
    stack, dmp, collector = traced
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit(traceparent=f"00-{TRACE}-{FIRST}-01"))

    async def ways() -> set[tuple[tuple[str, str], ...]]:
        by_id = {span.id: span for span in collector.of_trace(TRACE)}
        return {ways_to(span, by_id) for span in by_id.values()}

    async def are_complete() -> bool:
        return {WAY, ALERT} <= await ways()

    await eventually(are_complete)
    collected = collector.of_trace(TRACE)
    [door] = [span for span in collected if span.name == "POST /fhir"]
    assert door.parent == FIRST
    sends = [span for span in collected if span.name == "send records.documents.v1"]
    assert {span.parent for span in sends} >= {door.id}
    check_attributes(collector)
    secrets = {scene.person.ins[:13], scene.person.birth_name, scene.person.mail, str(scene.record_id)}
    said = repr(collector.spans) + repr(collector.resources)
    assert [secret for secret in secrets if secret.lower() in said.lower()] == []


def check_attributes(collector: Collector) -> None:
    """Every attribute is of the closed list; its value is a number, or a name that the code knows."""
    topics = {topic.name for topic in TOPICS} | {group.dead_letters for group in GROUPS}
    known = {
        "messaging.destination.name": topics,
        "messaging.consumer.group.name": {group.name for group in GROUPS},
        "dmp.event.type": {*EVENTS, "shared.letter-buried.v1"},
    }
    for span in collector.spans:
        assert set(span.attributes) <= set(get_args(Attribute))
        for name, value in span.attributes.items():
            if name in known:
                assert value in known[name]
            assert isinstance(value, int) or re.fullmatch(r"/[^0-9?]*|" + CODE.pattern, value), (name, value)
