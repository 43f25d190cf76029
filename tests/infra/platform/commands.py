"""Runs benchmarks and trials: in a temporary folder, with a clean end, one line for an error, and news of progress."""

import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted, LocalError

T = TypeVar("T")


def run_command(work: Coroutine[Any, Any, T]) -> T:
    """Returns the result of the work. Exits with 130 when it is interrupted, and with one line for a LocalError."""
    try:
        return run(work)
    except Interrupted:
        raise SystemExit(130) from None
    except LocalError as error:
        raise SystemExit(f"error: {error}") from None


def tell(news: str) -> None:
    """Reports progress on the error stream."""
    print(f"  {news}", file=sys.stderr, flush=True)


def run_in_folder(name: str, work: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Runs the work in a new temporary folder, otherwise like `run_command`."""
    with tempfile.TemporaryDirectory(prefix=f"dmp-{name}-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # PostgreSQL's user must be able to enter when we are root
        return run_command(work(folder))
