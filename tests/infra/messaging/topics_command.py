"""Runs `python -m shared.messaging.topics` as an operator does."""

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from shared.messaging.topics.__main__ import main
from shared.runtime.settings import KafkaSettings

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Outcome:
    """The exit code of a command and the lines that it printed."""

    code: int
    lines: list[str]
    errors: str


def environment(settings: KafkaSettings) -> dict[str, str]:
    """Returns the variables by which an operator says how the cluster is reached."""
    values = settings.model_dump(
        include={"bootstrap", "security", "username", "ca_file", "certificate_file", "key_file"}
    )
    values |= {"profile": "local", "prefix": settings.prefix}
    values |= {"password": settings.password.get_secret_value()} if settings.password is not None else {}
    return {f"TOPICS_KAFKA__{name.upper()}": str(value) for name, value in values.items() if value is not None}


async def run(*arguments: str, settings: KafkaSettings | None = None) -> Outcome:
    """Runs the command with these arguments in this process."""
    output, errors = StringIO(), StringIO()
    before = dict(os.environ)
    os.environ |= environment(settings) if settings is not None else {}
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = await asyncio.to_thread(main, arguments)
    except SystemExit as end:  # of argparse
        code = int(end.code or 0)
    finally:
        os.environ.clear()
        os.environ |= before
    return Outcome(code, output.getvalue().splitlines(), errors.getvalue())


async def run_alone(*arguments: str, settings: KafkaSettings) -> Outcome:
    """Runs the command in a process of its own, as an operator does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.messaging.topics", *arguments),
        cwd=ROOT,
        env={**os.environ, **environment(settings)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, output.decode().splitlines(), errors.decode())
