"""Following what happens: a deposit's stations, entries of the list of accesses, waiting for what comes true."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from deploy.local.deeds import deed

T = TypeVar("T")
POLL_INTERVAL_S = 0.02
STATIONS = {
    "checked_at": "checked against the patient's choices",
    "published_at": "published: visible from now on",
    "refused_at": "refused: never visible",
    "audited_at": "entered in the ledger",
    "alert_handled_at": "alert handled",
}
"""Members of a document's tracking, in words."""
_KINDS = {"system": "the record itself", "administrator": "administration"}


async def until(look: Callable[[], Awaitable[T | None]], every_s: float = POLL_INTERVAL_S) -> T:
    """The first look that finds something; the step's deadline ends the waiting."""
    while (found := await look()) is None:  # noqa: ASYNC110  # what is waited for happens in other processes
        await asyncio.sleep(every_s)
    return found


def is_done(progress: Mapping[str, Any]) -> bool:
    """Whether nothing more will happen to this document of a deposit."""
    if progress["status"] == "published":
        return bool(progress["audited_at"] and progress["alert_handled_at"])
    return bool(progress["status"] == "refused" and progress["audited_at"])


def describe_access(line: Mapping[str, Any]) -> str:
    """One entry of the list of accesses in a line."""
    who, at = line["who"], datetime.fromisoformat(line["occurred_at"]).astimezone()
    actor = "you" if who["you"] else who["name"] or who["id"] or _KINDS.get(who["kind"], who["kind"])
    action = deed(line["action"], line["mode"])
    subject = line.get("subject") or {}
    about = f": {subject.get('name') or subject.get('id')}" if subject else ""
    outcome = line["outcome"] if line["outcome"] == "permitted" else f"REFUSED ({line['reason']})"
    return f"{at:%H:%M:%S}  {actor:<26} {action + about:<52} {outcome}"
