"""`dmp up` and `dmp down`: the whole installation on this machine; and the options of all commands."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.interruptible import print_line, print_progress, run
from deploy.local.platform.errors import AlreadyRunningError, Interrupted, LocalError
from deploy.local.platform.lock import holder
from deploy.local.platform.paths import Layout, default_folder

EXIT_NOT_RUNNING = 3
_PATIENCE = 60.0

VarOption = Annotated[
    Path,
    typer.Option(
        "--var",
        envvar="DMP_VAR",
        help="Folder of the installation: data, logs, mails, secrets, endpoints.json.",
        default_factory=default_folder,
        show_default="var/ in the repository",
        file_okay=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (up, down):
        app.command()(command)


def up(var: VarOption) -> None:
    """Start everything and stay in the foreground; Ctrl-C, or `dmp down` in another terminal, ends it.

    Exit codes: 0 ended on request, 1 it could not start (one line says why).

    Example: dmp up --var /tmp/dmp
    """
    try:
        run(_up(var))
    except Interrupted:
        print_line("ended")


def down(var: VarOption) -> None:
    """End the installation that `dmp up` or `dmp demo` has started in the folder, and wait until it has ended.

    Exit codes: 0 it has ended (or nothing ran), 1 it could not be ended.

    Example: dmp down --var /tmp/dmp
    """
    layout = Layout(var)
    pid = holder(layout.lock)
    if pid is None:
        typer.echo(f"nothing runs in {layout.folder}", err=True)
        return
    _signal(pid, signal.SIGTERM)
    typer.echo("ending every process", err=True)
    deadline = time.monotonic() + _PATIENCE
    while holder(layout.lock) == pid:
        if time.monotonic() > deadline:
            _signal(pid, signal.SIGKILL)
            raise LocalError(f"process {pid} did not end within {_PATIENCE:.0f} s and was killed")
        time.sleep(0.1)
    typer.echo("ended", err=True)


def refuse_second(layout: Layout) -> None:
    """Raises AlreadyRunningError if the folder is in use."""
    pid = holder(layout.lock)
    if pid is not None:
        raise AlreadyRunningError(layout.folder, pid)


async def _up(var: Path) -> None:
    from deploy.local.platform.front import front_url
    from deploy.local.platform.stack import Stack

    started = time.monotonic()
    refuse_second(Layout(var))
    print_line(f"starting in {var}")
    async with Stack(var, report=print_progress) as stack:
        print_line(f"all up after {time.monotonic() - started:.1f} s; end with Ctrl-C or `make down`")
        print_line(f"URLs and credentials: {stack.layout.endpoints}")
        print_line(f"pages: {front_url(stack.ports)}, as an invented person: {front_url(stack.ports)}/demo")
        await asyncio.Event().wait()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LocalError(f"process {pid} belongs to another user and cannot be ended from here") from error
