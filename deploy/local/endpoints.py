"""`endpoints.json`: what runs where, with every credential of a local installation, while it runs.

Written when all is up, kept true when a process is restarted, removed at a clean end. `credentials` (keys of
bootstrapped clients and demo people) are also kept in `secrets/`, and are found in the next run's file again.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from typing import Any

from deploy.local.errors import LocalError
from deploy.local.lock import holder
from deploy.local.paths import Layout, write_private


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


def _kept_credentials(layout: Layout) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((layout.secrets / "credentials.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    with (layout.folder / "endpoints.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
