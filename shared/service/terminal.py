"""What a command prints: results on standard output; complaints and progress on standard error."""

import json
import sys
from contextlib import suppress


def print_text(text: str) -> None:
    """Prints a result as it is."""
    print(text)


def show_json(value: object) -> None:
    """Prints a result for programs."""
    print(json.dumps(value, indent=2, default=str))


def show_progress(value: object) -> None:
    """Prints a line of JSON to standard error."""
    with suppress(OSError):
        print(json.dumps(value, default=str), file=sys.stderr, flush=True)


def complain(who: str, text: str) -> None:
    """Writes a line to standard error; if that fails, the exit code still tells what happened."""
    with suppress(OSError):
        print(f"{who}: {text}", file=sys.stderr, flush=True)
