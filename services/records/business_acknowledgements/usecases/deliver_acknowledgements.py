"""Delivers business acknowledgements: once a deposit is decided, its sender's own listener gets the outcome.

One acknowledgement stands for one message, hence for its whole deposit: ZAM^Z01 names the message (OBX-4), and has no
place for a document. It is Y when every document is published, else N with the code of the first that is not, as the
tracking shows it. After a crash between an answer and the commit it is sent again, under the same MSH-10.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.records.business_acknowledgements import store
from services.records.business_acknowledgements.adapters import MllpSender
from services.records.business_acknowledgements.domain import (
    Deferred,
    DueAcknowledgement,
    NewAcknowledgement,
    Refused,
    SendOutcome,
    Sent,
)
from services.records.copies.store.clients import find_client
from services.records.kit.metrics import BUSINESS_ACKNOWLEDGEMENTS, QUEUED_BUSINESS_ACKNOWLEDGEMENTS
from services.records.tracking.store import TrackedDeposit, find_deposit
from shared.db.pool import Connection, Pool
from shared.hl7v2.business_acknowledgement import business_acknowledgement
from shared.runtime import clock
from shared.runtime.logs import log

POLL_S: Final = 0.5
AT_ONCE: Final = 32
HELD_FOR: Final = timedelta(minutes=1)
"""Longer than an attempt takes. One that a crash left is taken again after it."""
RETENTION: Final = timedelta(days=63)
"""How long one that was given up stays visible."""
PAGE: Final = 500
OBSERVE_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class DeliverAcknowledgements:
    """The loop of the worker that delivers business acknowledgements."""

    sender: MllpSender

    async def run_once(self, pool: Pool) -> None:
        """Takes what is due and delivers it side by side; waits a moment where nothing is due."""
        async with pool.acquire() as connection:
            due = await store.take_due(connection, clock.now(), HELD_FOR, AT_ONCE)
        if not due:
            await asyncio.sleep(POLL_S)
            return
        async with asyncio.TaskGroup() as deliveries:
            for acknowledgement in due:
                deliveries.create_task(self._deliver(pool, acknowledgement))

    async def _deliver(self, pool: Pool, due: DueAcknowledgement) -> None:
        new = due.acknowledgement
        async with pool.acquire() as connection:
            deposit = await _find_deposit(connection, new)
            if new.deposit_id is not None and deposit is None:  # it is being erased with its record
                await store.delete(connection, new.id)
                return
            if deposit is not None and not deposit.is_decided:
                await store.postpone(connection, new.id, due.next_check(clock.now()))
                return
            client = await find_client(connection, new.client_id)
        if client is None or not client.is_active:
            outcome: SendOutcome = Refused("client-inactive")
        elif client.listener is None:
            outcome = Deferred("listener-missing")
        else:
            text = business_acknowledgement(new.header, new.control_id, refusal_of(deposit))
            outcome = await self.sender.send(client.listener, text.encode(new.codec, "replace"))
        async with pool.acquire() as connection:
            await _settle(connection, due, outcome)


async def observe_acknowledgements(pool: Pool) -> None:
    """Measures the queue, and forgets what was given up long ago."""
    async with pool.acquire() as connection:
        await store.forget_failed(connection, clock.now() - RETENTION, PAGE)
        for state, number in (await store.count(connection)).items():
            QUEUED_BUSINESS_ACKNOWLEDGEMENTS.labels(state).set(number)
    await asyncio.sleep(OBSERVE_EVERY_S)


def refusal_of(deposit: TrackedDeposit | None) -> str | None:
    """Returns the code of the first document that is not published, as the tracking shows it; None where all are."""
    for document in deposit.documents if deposit is not None else ():
        if document.status != "published":
            return document.disclosed_reason or document.status
    return None


async def _find_deposit(connection: Connection, new: NewAcknowledgement) -> TrackedDeposit | None:
    if new.deposit_id is None:
        return None
    return await find_deposit(connection, new.organisation_id, new.deposit_id)


async def _settle(connection: Connection, due: DueAcknowledgement, outcome: SendOutcome) -> None:
    """Stores the outcome of an attempt."""
    id, now = due.acknowledgement.id, clock.now()
    match outcome:
        case Sent():
            BUSINESS_ACKNOWLEDGEMENTS.labels("sent").inc()
            await store.delete(connection, id)
        case Deferred(reason) if (next_at := due.next_attempt(now)) is not None:
            BUSINESS_ACKNOWLEDGEMENTS.labels("deferred").inc()
            await store.defer(connection, id, reason, next_at, now)
        case Deferred(reason) | Refused(reason):
            BUSINESS_ACKNOWLEDGEMENTS.labels("failed").inc()
            log("delivery.failed", channel="mllp", count=1)
            await store.give_up(connection, id, reason, now)
