"""Faults of the topics of a running installation: each is made, and mended at the end of the block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.demo.credentials import OPERATOR, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.kafka import admin_client
from deploy.local.platform.stack import Stack
from shared.contracts.topics import CONSENT_DECISIONS, CONSENT_DEPOSIT_CHECKS, NOTIFY_ALERTS, RECORDS_DOCUMENTS
from shared.messaging.topics.grants import ADMIN
from tests.e2e.command_line import run_command
from tests.infra.deploy.watched_faults import Installation, rows_of, without
from tests.infra.messaging.broker import delete_records, set_config
from tests.infra.platform.parts import USERS, Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually


@asynccontextmanager
async def messages_unusable(installation: Installation) -> AsyncIterator[None]:
    """Writes records that no consumer can decode, until the deposit checks stop; then a deposit, which they can."""
    stack, group = installation.stack, CONSENT_DEPOSIT_CHECKS.name
    scene = await installation.scene()
    passwords = {user: stack.kafka.credentials(user).password for user in USERS}
    topics = Topics(Parts(stack.postgres.dsn(), stack.kafka.bootstrap, passwords), "")

    async def count() -> float:
        return sum(await _samples(stack, "consent", "dead_letters_total", group=group))

    async def has_stopped() -> bool:
        [stopped] = await _samples(stack, "consent", "consumer_stopped", group=group)
        return bool(stopped)

    async def has_failed_more_than(before: float) -> bool:
        return await count() > before

    try:
        while not await has_stopped():  # one by one: each that comes after the stop would be a failed attempt to go on
            before = await count()
            await topics.put_raw(RECORDS_DOCUMENTS.name, b"{", str(uuid4()).encode(), {})
            await eventually(lambda: has_failed_more_than(before))  # noqa: B023  # awaited at once
    finally:
        await topics.close()
    yield
    await scene.done(await scene.deposit())


@asynccontextmanager
async def announcement_refused(installation: Installation) -> AsyncIterator[None]:
    """Lets the broker take tiny records only, so that it refuses a decision; then sends that decision again."""
    stack, topic = installation.stack, CONSENT_DECISIONS.name
    scene = await installation.scene()
    admin = _admin(stack)
    await set_config(admin, topic, "max.message.bytes", "200")
    try:
        place = await scene.deposit()
        yield
    finally:
        await set_config(admin, topic, "max.message.bytes", "1048588")
    operator = session_of(installation.dmp, endpoints.read(stack.layout)["credentials"], OPERATOR)
    for refused in (await operator.call("GET", "consent-worker", "/refused-announcements")).json():
        await operator.call("POST", "consent-worker", f"/refused-announcements/{refused['event_id']}/send")
    await scene.done(place)


@asynccontextmanager
async def topic_changed(installation: Installation) -> AsyncIterator[None]:
    """Keeps the records of a topic longer than is declared."""
    admin, topic = _admin(installation.stack), NOTIFY_ALERTS
    assert topic.retention is not None
    await set_config(admin, topic.name, "retention.ms", _milliseconds(2 * topic.retention))
    try:
        yield
    finally:
        await set_config(admin, topic.name, "retention.ms", _milliseconds(topic.retention))


@asynccontextmanager
async def retention_passed(installation: Installation) -> AsyncIterator[None]:
    """Deletes records that a stopped consumer has not read; then resets its offsets."""
    stack, group = installation.stack, CONSENT_DEPOSIT_CHECKS.name
    scene = await installation.scene()
    async with without(installation, "consent-worker"):
        await scene.deposit()
        await eventually(lambda: _has_announced_all(stack, "records"))
        await delete_records(_admin(stack), RECORDS_DOCUMENTS.name)
    yield
    done = await run_command(stack, "offsets", "reset", group, "--to", "beginning", "--yes", "--json")
    print(f"offsets that were reset: {done.json}")
    assert done.json, "nothing was reset"


async def _has_announced_all(stack: Stack, service: str) -> bool:
    return not await rows_of(stack, service, "select from outbox limit 1")


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


def _admin(stack: Stack) -> Any:
    return admin_client(stack.kafka.bootstrap, stack.kafka.credentials(ADMIN))


async def _samples(stack: Stack, service: str, name: str, **labels: str) -> list[float]:
    """Returns the values of a metric of a service's worker that have these labels."""
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        page = (await client.get(f"{stack.url(service, 'worker')}/metrics")).text
    return [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
