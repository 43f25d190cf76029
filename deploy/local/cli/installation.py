"""`dmp up`, `dmp down` and `dmp status`: the whole installation on this machine."""

import asyncio
import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.cli.in_force import METRIC, in_force
from deploy.local.cli.interruptible import Interrupted, print_line, print_progress, run
from deploy.local.platform import endpoints
from deploy.local.platform.errors import AlreadyRunningError, LocalError
from deploy.local.platform.lock import holder
from deploy.local.platform.paths import Layout, default_folder
from deploy.local.platform.probes import answers, listens

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
    for command in (up, down, status):
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
    """
    layout = Layout(var)
    pid = holder(layout.lock)
    if pid is None:
        typer.echo(f"nothing runs in {layout.folder}", err=True)
        return
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while holder(layout.lock) == pid:
        if time.monotonic() > deadline:
            _signal(pid, signal.SIGKILL)
            raise LocalError(f"process {pid} did not end within {_PATIENCE:.0f} s and was killed")
        time.sleep(0.1)
    typer.echo("ended", err=True)


def status(var: VarOption, as_json: JsonOption = False) -> None:
    """Show each process, its start and its health, and how fast changes of rights came into force.

    Exit codes: 0 all are healthy, 1 a process is not healthy, 3 nothing runs.
    """
    layout = Layout(var)
    if holder(layout.lock) is None:
        typer.echo("{}" if as_json else f"nothing runs in {layout.folder}: start it with `make up`", err=not as_json)
        raise typer.Exit(EXIT_NOT_RUNNING)
    installation = endpoints.read(layout)
    processes, rights = asyncio.run(_examine(installation)), asyncio.run(in_force(installation))
    if as_json:
        report = {"supervisor": installation["pid"], "processes": processes, METRIC: rights and vars(rights)}
        typer.echo(json.dumps(report, indent=1))
    else:
        _print_table(processes)
        typer.echo(f"\n{rights or 'consent-worker does not answer: how fast changes come into force is unknown'}")
    if not all(process["healthy"] for process in processes.values()):
        raise typer.Exit(1)


def refuse_second(layout: Layout) -> None:
    """Raises AlreadyRunningError if the folder is in use."""
    pid = holder(layout.lock)
    if pid is not None:
        raise AlreadyRunningError(layout.folder, pid)


async def _up(var: Path) -> None:
    from deploy.local.platform.stack import Stack

    started = time.monotonic()
    refuse_second(Layout(var))
    print_line(f"starting in {var}")
    async with Stack(var, report=print_progress) as stack:
        print_line(f"all up after {time.monotonic() - started:.1f} s; end with Ctrl-C or `make down`")
        print_line(f"URLs and credentials: {stack.layout.endpoints}")
        await asyncio.Event().wait()


async def _examine(installation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns each process by name, with its port and whether it is healthy now."""
    processes: dict[str, dict[str, Any]] = installation["processes"]
    health = await asyncio.gather(*(_is_healthy(name, installation["ports"][name]) for name in processes))
    return {
        name: {**process, "port": installation["ports"][name], "healthy": healthy and process["pid"] is not None}
        for (name, process), healthy in zip(processes.items(), health, strict=True)
    }


async def _is_healthy(name: str, port: int) -> bool:
    if name in ("postgres", "kafka", "smtp"):
        return await listens(port)
    return await answers(port, "/readyz")


def _print_table(processes: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("process", "health", "pid", "port", "since", "restarts", box=None, header_style="bold")
    for name, process in processes.items():
        since = datetime.fromtimestamp(process["since"]).astimezone().strftime("%H:%M:%S")
        health = "[green]healthy[/]" if process["healthy"] else "[red]not healthy[/]"
        pid = str(process["pid"] or "-")
        table.add_row(name, health, pid, str(process["port"]), since, str(process["restarts"]))
    Console().print(table)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LocalError(f"process {pid} belongs to another user and cannot be ended from here") from error
