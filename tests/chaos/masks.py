"""A patient masks a document and lifts the mask, repeatedly, while an authorised doctor reads it.

A mask is in force with its answer: a read that began after the answer, and was answered before the patient requested
the end of the mask, must not show the document.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import httpx2
import orjson

from tests.chaos.judging import TIRED, WAIT, Held, Seen, read_until

PATCH = {"content-type": "application/json-patch+json"}
HELD_FOR_S = 0.3
"""Seconds for which each mask lasts."""


def labels(*codes: str) -> bytes:
    """Returns a patch that gives a document these labels."""
    value = [{"coding": [{"code": code}]} for code in codes]
    return orjson.dumps([{"op": "replace", "path": "/securityLabel", "value": value}])


MASKED, OPEN = labels("N", "MASQUE_PS"), labels("N")


async def mask_and_read(
    held: Held,
    consent: str,
    records: str,
    client: httpx2.AsyncClient,
    doctor_id: str,
    pause_s: float,
    over: asyncio.Event,
) -> Seen:
    """Masks and reads until `over` is set. `Seen.forbidden` holds the spans in which the document was masked, `took`
    the seconds of each change."""
    seen, done = Seen(), asyncio.Event()
    document = f"{records}/fhir/DocumentReference/{held.document_id}"
    await _until(client, "PUT", f"{consent}/records/{held.record_id}/authorisations/{doctor_id}", held, seen)
    async with asyncio.TaskGroup() as group:
        group.create_task(read_until(held, f"{records}/fhir/Binary/{held.document_id}", client, seen, done, pause_s))
        while not over.is_set():
            masked = await _until(client, "PATCH", document, held, seen, content=MASKED)
            await asyncio.sleep(HELD_FOR_S)
            seen.forbidden.append((masked, time.monotonic()))
            await _until(client, "PATCH", document, held, seen, content=OPEN)
            await asyncio.sleep(HELD_FOR_S)
        done.set()
    return seen


def without_unannounced(seen: Sequence[Seen], lost_at: float, announced_within_s: float) -> None:
    """Leaves out masks answered so shortly before the commits were lost that no topic carried them yet."""
    for record in seen:
        record.forbidden = [span for span in record.forbidden if abs(span[0] - lost_at) > announced_within_s]


async def _until(client: httpx2.AsyncClient, method: str, url: str, held: Held, seen: Seen, **sent: Any) -> float:
    """Repeats the request until it succeeds; returns when the answer arrived."""
    began = time.monotonic()
    while True:
        with contextlib.suppress(httpx2.TransportError):
            headers = {**held.patient, "prefer": WAIT, **(PATCH if sent else {})}
            answer = await client.request(method, url, headers=headers, **sent)
            if answer.status_code in (200, 201, 204):
                seen.took.append(time.monotonic() - began)
                return time.monotonic()
            if answer.status_code != 202 and answer.status_code not in TIRED:
                raise AssertionError(f"{method} {answer.status_code} {answer.text}")
            seen.late += 1
        await asyncio.sleep(0.1)
