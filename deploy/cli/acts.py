"""What an operator does with the workers: dead letters, offsets, refused announcements, recovery."""

import asyncio
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from deploy.cli.client import RefusedError, Session
from deploy.cli.errors import LocalError
from deploy.cli.operator_routes import LONGEST_ACT_S
from shared.contracts.declarations import SERVICES


async def list_dead_letters(operator: Session, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the dead letters of all workers, or of the group's worker, the oldest first.

    `filters`: `group`, `code`, `before` (ISO 8601 with a zone) and `limit`, each optional. Raises LocalError.
    """
    await operator.token()
    owner = str(filters.get("group", "")).partition(".")[0]
    services = [name for name in SERVICES if owner in ("", name)]
    pages = await asyncio.gather(*(_page(operator, name, filters) for name in services), return_exceptions=True)
    for page in pages:
        if isinstance(page, BaseException):
            raise page
    dead_letters = [dead_letter for page in pages if isinstance(page, list) for dead_letter in page]
    return sorted(dead_letters, key=lambda dead_letter: dead_letter["parked_at"])[: filters.get("limit")]


async def find_dead_letter(operator: Session, dead_letter: UUID) -> dict[str, Any]:
    """Returns one dead letter. Raises LocalError if no worker has it."""
    for name in SERVICES:
        try:
            view: dict[str, Any] = (await operator.call("GET", f"{name}-worker", f"/dead-letters/{dead_letter}")).json()
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        else:
            return view
    raise LocalError(f"there is no dead letter {dead_letter}: it may have been redriven; look with `dmp dlt list`")


async def redrive(operator: Session, dead_letter: UUID) -> dict[str, Any]:
    """Handles a dead letter again, and the messages behind it. Returns `id`, `handled` and `hindrance`."""
    return await _post(operator, await find_dead_letter(operator, dead_letter), "redrive")


async def redrive_all(operator: Session, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Redrives one after the other, with a line of progress each; skips one that was handled behind another."""
    dead_letters, results = await list_dead_letters(operator, filters), []
    for number, dead_letter in enumerate(dead_letters, start=1):
        try:
            result = await _post(operator, dead_letter, "redrive")
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            continue
        results.append(result)
        outcome = f"{result['handled']} handled" if result["hindrance"] is None else result["hindrance"]
        print(f"  {number}/{len(dead_letters)}  {dead_letter['group']}: {outcome}", file=sys.stderr, flush=True)
    return results


async def discard(operator: Session, dead_letter: UUID, reason: str) -> dict[str, Any]:
    """Discards a dead letter for ever, and handles the messages behind it. Returns `id`, `handled`, `hindrance`."""
    return await _post(operator, await find_dead_letter(operator, dead_letter), "discard", {"reason": reason})


async def recover(operator: Session, service: str) -> dict[str, Any]:
    """Recovers what a service's restored database lacks.

    Returns `adopted`, `undecided` and `facts` by topic, and `erased_again`, the number of repeated erasures.
    """
    answer = await operator.call("POST", f"{service}-worker", "/recovery", timeout=LONGEST_ACT_S)
    done: dict[str, Any] = answer.json()
    return done


async def list_offsets(operator: Session) -> list[dict[str, Any]]:
    """Returns the stored offset of each group in each partition, with those that Kafka has."""
    return [offset for name in SERVICES for offset in await _listed(operator, f"{name}-worker", "/offsets")]


async def reset_offsets(operator: Session, group: str) -> list[dict[str, Any]]:
    """Resets a group to the beginning where Kafka lost its offset. Returns those partitions. Raises LocalError."""
    owner = group.partition(".")[0]
    if owner not in SERVICES:
        raise LocalError(f"there is no group {group}: look with `dmp offsets list`")
    answer = await operator.call("POST", f"{owner}-worker", f"/offsets/{group}/reset", json={"to": "beginning"})
    reset: list[dict[str, Any]] = answer.json()
    return reset


async def list_refused(operator: Session) -> list[dict[str, Any]]:
    """Returns the announcements that the broker refused, with their `service`."""
    return [
        {"service": name, **refused}
        for name in SERVICES
        for refused in await _listed(operator, f"{name}-worker", "/refused-announcements")
    ]


async def send_refused(operator: Session, service: str, announcement: UUID) -> None:
    """Puts a refused announcement of a service back into its outbox."""
    await operator.call("POST", f"{service}-worker", f"/refused-announcements/{announcement}/send")


async def discard_refused(operator: Session, service: str, announcement: UUID) -> None:
    """Deletes a refused announcement of a service."""
    await operator.call("DELETE", f"{service}-worker", f"/refused-announcements/{announcement}")


async def list_lost_deposits(operator: Session) -> list[dict[str, Any]]:
    """Returns accepted deposits whose content a failure of records' database has lost."""
    return await _listed(operator, "records", "/lost-deposits")


async def _listed(operator: Session, process: str, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await operator.call("GET", process, path)).json()
    return rows


async def _page(operator: Session, service: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = await operator.call("GET", f"{service}-worker", "/dead-letters", params=filters)
    dead_letters: list[dict[str, Any]] = answer.json()
    return dead_letters


async def _post(operator: Session, dead_letter: Mapping[str, Any], action: str, body: object = None) -> dict[str, Any]:
    worker = f"{str(dead_letter['group']).partition('.')[0]}-worker"
    answer = await operator.call(
        "POST", worker, f"/dead-letters/{dead_letter['id']}/{action}", json=body, timeout=LONGEST_ACT_S
    )
    return {"id": dead_letter["id"], **answer.json()}
