"""How benchmarks and trials run: in a folder of their own, ended cleanly, and what goes wrong in one line."""

import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from deploy.local.cli.interruptible import Interrupted, run
from deploy.local.platform.errors import LocalError

T = TypeVar("T")


def run_command(work: Coroutine[Any, Any, T]) -> T:
    """Returns what the work returns. Exits with 130 when it is interrupted, and with one line for a LocalError."""
    try:
        return run(work)
    except Interrupted:
        raise SystemExit(130) from None
    except LocalError as error:
        raise SystemExit(f"error: {error}") from None


def run_in_folder(name: str, work: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Likewise, with a temporary folder."""
    with tempfile.TemporaryDirectory(prefix=f"dmp-{name}-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # PostgreSQL's user must pass when we are root
        return run_command(work(folder))
