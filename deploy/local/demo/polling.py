"""Polling for results, and descriptions of a deposit's steps and of entries in the list of accesses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from deploy.local.demo.action_labels import action_label

T = TypeVar("T")
POLL_INTERVAL_S = 0.02
STATIONS = {
    "checked_at": "checked against the patient's choices",
    "published_at": "published: visible from now on",
    "refused_at": "refused: never visible",
    "audited_at": "entered in the ledger",
    "alert_handled_at": "alert handled",
}
"""The time members of a document's tracking, in words."""
_KINDS = {"system": "the record itself", "administrator": "administration"}


async def poll(fetch: Callable[[], Awaitable[T | None]], every_s: float = POLL_INTERVAL_S) -> T:
    """Calls `fetch` until it returns a result. There is no time limit: the caller sets a deadline."""
    while (result := await fetch()) is None:  # noqa: ASYNC110  # the awaited change happens in other processes
        await asyncio.sleep(every_s)
    return result


def is_done(progress: Mapping[str, Any]) -> bool:
    """Returns whether the tracking of a deposit's document has reached its end."""
    if progress["status"] == "published":
        return bool(progress["audited_at"] and progress["alert_handled_at"])
    return bool(progress["status"] == "refused" and progress["audited_at"])


def describe_access(line: Mapping[str, Any]) -> str:
    """Returns an entry of the list of accesses as one line."""
    who, at = line["who"], datetime.fromisoformat(line["occurred_at"]).astimezone()
    actor = "you" if who["you"] else who["name"] or who["id"] or _KINDS.get(who["kind"], who["kind"])
    action = action_label(line["action"], line["mode"])
    subject = line.get("subject") or {}
    about = f": {subject.get('name') or subject.get('id')}" if subject else ""
    outcome = line["outcome"] if line["outcome"] == "permitted" else f"REFUSED ({line['reason']})"
    return f"{at:%H:%M:%S}  {actor:<28} {action + about:<60} {outcome}"
