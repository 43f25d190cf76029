"""Judges reads during changes of rights: once a change is "in force", no read may follow the old right.

For each record a patient authorises a doctor and ends the authorisation again, waiting for "in force" each time, while
readers repeatedly request the record's document from every instance of the API of records. A read that began after the
end was in force, and was answered before the next authorisation was requested, must have been refused. A read that lies
wholly inside a time in which the authorisation was in force must not be answered that there is nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

WAIT = "wait=10"
REFUSED = 404
TIRED = frozenset({500, 502, 503, 504})
"""Answers of a service that is restarting, or whose copies are too old to decide."""


@dataclass(frozen=True)
class Held:
    """A record, its document, and headers with the patient's and the doctor's token, renewed in place."""

    record_id: str
    document_id: str
    patient: dict[str, str]
    doctor: dict[str, str]


@dataclass
class Seen:
    """The observations of one record. Times are of one monotonic clock."""

    forbidden: list[tuple[float, float]] = field(default_factory=list)
    """Spans from "the end is in force" to the next request for an authorisation."""
    allowed: list[tuple[float, float]] = field(default_factory=list)
    reads: list[tuple[float, float, int]] = field(default_factory=list)
    """Begin, answer, status."""
    took: list[float] = field(default_factory=list)
    late: int = 0
    failed: int = 0
    """Requests for a change without an answer, or answered that the service cannot decide now."""

    def wrong(self) -> list[str]:
        """Returns reads permitted after the end was in force, and reads refused during the authorisation."""
        return [
            *self._inside(self.forbidden, lambda status: status == 200, "read what was ended"),
            *self._inside(self.allowed, lambda status: status == REFUSED, "was refused what was in force"),
        ]

    def _inside(self, spans: Sequence[tuple[float, float]], bad: Callable[[int], bool], what: str) -> list[str]:
        return [
            f"{what}: {began:.3f}-{ended:.3f} in {start:.3f}-{end:.3f}"
            for start, end in spans
            for began, ended, status in self.reads
            if start <= began and ended <= end and bad(status)
        ]


async def change_and_read(
    held: Held,
    consent: str,
    readers: Sequence[str],
    client: httpx2.AsyncClient,
    changes: int,
    doctor_id: str,
    pause_s: float,
) -> Seen:
    """Makes `changes` changes of one record, with one reader at each of the URLs, `pause_s` between two reads."""
    seen = Seen()
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for url in readers:
            group.create_task(read_until(held, f"{url}/fhir/Binary/{held.document_id}", client, seen, over, pause_s))
        url = f"{consent}/records/{held.record_id}/authorisations/{doctor_id}"
        opened = closed = 0.0
        for number in range(changes):
            authorise = number % 2 == 0
            asked_at = time.monotonic()
            if authorise and closed:
                seen.forbidden.append((closed, asked_at))
            elif not authorise and opened:
                seen.allowed.append((opened, asked_at))
            in_force = await change_until_in_force(client, "PUT" if authorise else "DELETE", url, held.patient, seen)
            opened, closed = (in_force, 0.0) if authorise else (0.0, in_force)
        if closed:
            seen.forbidden.append((closed, time.monotonic() + 3600))
            await asyncio.sleep(0.2)  # lets readers see the end as well
        over.set()
    return seen


async def change_until_in_force(
    client: httpx2.AsyncClient, method: str, url: str, headers: dict[str, str], seen: Seen
) -> float:
    """Repeats the request until the change is in force; returns when the answer arrived."""
    began = time.monotonic()
    while True:
        try:
            answer = await client.request(method, url, headers={**headers, "prefer": WAIT})
        except httpx2.TransportError:
            seen.failed += 1
        else:
            if answer.status_code == 200:
                seen.took.append(time.monotonic() - began)
                return time.monotonic()
            if answer.status_code != 202 and answer.status_code not in TIRED:
                raise AssertionError(f"{method} {answer.status_code} {answer.text}")
            seen.late += answer.status_code == 202
            seen.failed += answer.status_code != 202
        await asyncio.sleep(0.1)


async def read_until(
    held: Held, url: str, client: httpx2.AsyncClient, seen: Seen, over: asyncio.Event, pause_s: float
) -> None:
    """Reads as the doctor repeatedly, `pause_s` between two reads, until `over` is set."""
    while not over.is_set():
        began = time.monotonic()
        status = 0
        with contextlib.suppress(httpx2.TransportError):
            status = (await client.get(url, headers=held.doctor)).status_code
        if status in (200, REFUSED):
            seen.reads.append((began, time.monotonic(), status))
        else:
            await asyncio.sleep(0.1)
        await asyncio.sleep(pause_s)
