"""`endpoints.json`: the addresses and credentials of a running local installation.

The file is written when all processes are up, updated when one is restarted, and removed at a clean end. The
`credentials` of bootstrapped clients and people are also stored in `secrets/`, from where the next run copies them.
"""

import asyncio
import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from typing import Any

from deploy.local.platform.child import run_in_thread
from deploy.local.platform.errors import LocalError, explain
from deploy.local.platform.lock import holder
from deploy.local.platform.paths import Layout, write_private
from deploy.local.platform.supervisor import Progress, Report

_NAME = "endpoints.json"
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 5.0


def read(layout: Layout) -> dict[str, Any]:
    """Returns the content of the file. Raises LocalError if nothing runs, or if it is still starting."""
    if holder(layout.lock) is not None:
        with contextlib.suppress(FileNotFoundError):
            installation: dict[str, Any] = json.loads(layout.endpoints.read_text(encoding="utf-8"))
            return installation
        raise LocalError(f"the installation in {layout.folder} is still starting: try again in a moment")
    raise LocalError(f"nothing runs in {layout.folder}: start it with `make up` (or `dmp up`)")


def write(layout: Layout, content: dict[str, Any]) -> None:
    """Writes the file for a new run."""
    with _locked(layout):
        write_private(layout.endpoints, _json({**content, "credentials": _kept_credentials(layout)}))


def update(layout: Layout, **changes: Any) -> dict[str, Any]:
    """Replaces top-level entries; entries of `credentials` are added one by one. Returns the new content."""
    with _locked(layout):
        content = read(layout)
        if added := changes.pop("credentials", None):
            changes["credentials"] = {**_kept_credentials(layout), **added}
            write_private(layout.secrets / "credentials.json", _json(changes["credentials"]))
        content |= changes
        write_private(layout.endpoints, _json(content))
    return content


def remove(layout: Layout) -> None:
    """Removes the file, at the end of a run."""
    layout.endpoints.unlink(missing_ok=True)


class EndpointsKeeper:
    """Updates the file when processes change, so that the supervisor never waits for a disk or a lock.

    `content` returns the whole present content; entries that other processes have added stay. A write that fails is
    reported once and repeated until it succeeds.
    """

    def __init__(self, layout: Layout, content: Callable[[], dict[str, Any]], report: Report) -> None:
        self._layout, self._content, self._report = layout, content, report
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """Schedules a write of the file."""
        self._changed.set()

    async def run(self) -> None:
        """Writes the file after each change, until it is cancelled."""
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
            await run_in_thread(lambda: _refresh(self._layout, content))
        except OSError as error:
            return error
        return None


def _refresh(layout: Layout, content: dict[str, Any]) -> None:
    """Rewrites the file. Raises OSError, also while another process changes it."""
    with _locked(layout, fcntl.LOCK_NB):
        try:
            added = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            added = {"credentials": _kept_credentials(layout)}
        write_private(layout.endpoints, _json({**added, **content}))


def _kept_credentials(layout: Layout) -> dict[str, Any]:
    """Returns the stored credentials; empty if no client was ever bootstrapped."""
    try:
        credentials: dict[str, Any] = json.loads((layout.secrets / "credentials.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return credentials


@contextlib.contextmanager
def _locked(layout: Layout, options: int = 0) -> Iterator[None]:
    with (layout.folder / "endpoints.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | options)
        yield


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
