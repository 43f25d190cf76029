"""What goes on while releases change: deposits at a rate, changes of a right, and reads under it, without a retry."""

import asyncio
import math
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from deploy.local.demo.credentials import DOCTOR, PROFESSIONALS
from tests.chaos.judging import REFUSED, Held, Seen, change_until_in_force
from tests.infra.cluster.installation import Installation, Tell
from tests.infra.records.depositing import Order, Result, Run
from tests.infra.records.hospital import Depositing, Hospital, depositing

RECORDS = 40
CHUNK_S = 5
"""Seconds of deposits between two looks at whether the time is over."""
MOST_S = 720
"""Seconds for which bodies are prepared: longer than all phases together."""
READ_EVERY_S, CHANGE_EVERY_S, RENEW_EVERY_S = 0.5, 7.0, 5.0
"""For each record. A record accepts a hundred changes an hour."""


@dataclass
class Deposits:
    """Deposits at a rate. `results`: all so far, in the order of their bodies."""

    process: Depositing
    url: str
    rate: float
    tell: Tell
    results: list[Result] = field(default_factory=list)

    async def run_until(self, over: asyncio.Event, *, persist: bool) -> list[Result]:
        """Deposits at the rate until the event is set. `persist`: an unanswered or failed deposit is sent again."""
        begun = len(self.results)
        while not over.is_set():
            count = math.ceil(self.rate * CHUNK_S)
            run = Run(self.url, len(self.results), count, time.time(), self.rate, persist=persist)
            results, _ = await self.process.run(run, lambda _line: None)
            self.results += results
        return self.results[begun:]


@asynccontextmanager
async def prepared_deposits(running: Installation, folder: Path, rate: float) -> AsyncIterator[Deposits]:
    """Registers a hospital's software, opens records, and builds the bodies of all deposits."""
    stack = running.stack
    trust = ssl.create_default_context(cafile=stack.authority.file)
    async with Hospital(stack, trust) as hospital, depositing(folder / "results.jsonl") as process:
        software = await hospital.register()
        persons = await hospital.open_records(RECORDS, running.tell)
        order = Order(
            token_url=f"{stack.url('identity')}/oauth/token",
            client_id=software.client_id,
            jwk=software.key.as_dict(private=True),
            persons=[person.number for person in persons],
            count=math.ceil(rate * MOST_S),
            seed=20261129,
            bodies=str(folder / "bodies.bin"),
            results=str(folder / "results.jsonl"),
            authorities=str(stack.authority.file),
        )
        await process.prepare(order, lambda _line: None)
        yield Deposits(process, f"{stack.url('records')}/fhir", rate, running.tell)


async def change_rights(running: Installation, held: Held, over: asyncio.Event, delay_s: float) -> Seen:
    """After a delay, authorises the doctor and ends it again, while the doctor reads, until the event is set.

    No read is repeated: an answer that is neither the document nor a refusal stays among the reads of the result.
    """
    seen = Seen()
    await asyncio.sleep(delay_s)
    consent, records = running.stack.url("consent"), running.stack.url("records")
    change = f"{consent}/records/{held.record_id}/authorisations/{PROFESSIONALS[DOCTOR].id}"
    reading = asyncio.create_task(_read(running.dmp.http, f"{records}/fhir/Binary/{held.document_id}", held, seen))
    authorise, since = True, 0.0
    try:
        while not over.is_set():
            asked = time.monotonic()
            if since:
                (seen.forbidden if authorise else seen.allowed).append((since, asked))
            method = "PUT" if authorise else "DELETE"
            since = await change_until_in_force(running.dmp.http, method, change, held.patient, seen)
            authorise = not authorise
            await asyncio.sleep(CHANGE_EVERY_S)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
    return seen


async def _read(http: httpx2.AsyncClient, url: str, held: Held, seen: Seen) -> None:
    while True:
        began = time.monotonic()
        try:
            status = (await http.get(url, headers=held.doctor)).status_code
        except httpx2.TransportError:
            status = 0
        seen.reads.append((began, time.monotonic(), status))
        await asyncio.sleep(READ_EVERY_S)


def failures_of(seen: Seen) -> list[int]:
    """Returns the answers to reads that were neither the document nor a refusal; 0: none."""
    return [status for _, _, status in seen.reads if status not in (200, REFUSED)]
