"""`endpoints.json`: what runs where, with every credential of a local installation, while it runs.

Written when all is up, kept true when a process is restarted, removed at a clean end. `credentials` (keys of
bootstrapped clients and demo people) are also kept in `secrets/`, and are found in the next run's file again.
"""

import asyncio
import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from typing import Any

from deploy.local.child import in_thread
from deploy.local.errors import LocalError, explain
from deploy.local.lock import holder
from deploy.local.paths import Layout, write_private
from deploy.local.supervisor import Progress, Report

_NAME = "endpoints.json"
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 5.0


def read(layout: Layout) -> dict[str, Any]:
    """What runs now. Raises LocalError if nothing does."""
    if holder(layout.lock) is not None:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(layout.endpoints.read_text(encoding="utf-8"))
            return found
        raise LocalError(f"what runs in {layout.folder} is still starting: try again in a moment")
    raise LocalError(f"nothing runs in {layout.folder}: start it with `make up` (or `dmp up`)")


def write(layout: Layout, content: dict[str, Any]) -> None:
    """Writes the file for a new run."""
    with _alone(layout):
        write_private(layout.endpoints, _json({**content, "credentials": _kept_credentials(layout)}))


def update(layout: Layout, **changes: Any) -> dict[str, Any]:
    """Replaces top-level entries; entries of `credentials` are added one by one. Returns the new content."""
    with _alone(layout):
        content = read(layout)
        if added := changes.pop("credentials", None):
            changes["credentials"] = {**_kept_credentials(layout), **added}
            write_private(layout.secrets / "credentials.json", _json(changes["credentials"]))
        content |= changes
        write_private(layout.endpoints, _json(content))
    return content


def remove(layout: Layout) -> None:
    """At the end of a run."""
    layout.endpoints.unlink(missing_ok=True)


class EndpointsKeeper:
    """Keeps the file true while the processes change, for a supervisor that never waits for a disk or a lock.

    `content` is the whole file as it must be now; what others have added to the file stays. A write that fails is
    told once to `report`, and repeated until it succeeds.
    """

    def __init__(self, layout: Layout, content: Callable[[], dict[str, Any]], report: Report) -> None:
        self._layout, self._content, self._report = layout, content, report
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """The file is written soon."""
        self._changed.set()

    async def run(self) -> None:
        """Never ends; a cancelled one writes no more."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._write()

    async def _write(self) -> None:
        delay, has_failed = _FIRST_DELAY_S, False
        while (problem := await self._attempt(self._content())) is not None:
            if not has_failed:
                self._report(Progress(_NAME, "failed", detail=f"{explain(problem)}; it is tried again"))
            has_failed = True
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)
        if has_failed:
            self._report(Progress(_NAME, "ready", detail="again"))

    async def _attempt(self, content: dict[str, Any]) -> OSError | None:
        try:
            await in_thread(lambda: _refresh(self._layout, content))
        except OSError as error:
            return error
        return None


def _refresh(layout: Layout, content: dict[str, Any]) -> None:
    """Raises OSError, also while another process changes the file."""
    with _alone(layout, fcntl.LOCK_NB):
        try:
            added = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            added = {"credentials": _kept_credentials(layout)}
        write_private(layout.endpoints, _json({**added, **content}))


def _kept_credentials(layout: Layout) -> dict[str, Any]:
    """Empty where no client was ever bootstrapped."""
    try:
        found: dict[str, Any] = json.loads((layout.secrets / "credentials.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


@contextlib.contextmanager
def _alone(layout: Layout, options: int = 0) -> Iterator[None]:
    with (layout.folder / "endpoints.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | options)
        yield


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
