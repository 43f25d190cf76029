"""`dmp status`: the processes of this machine, dead letters, stopped consumers, and how fast rights change."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer

from deploy.cli.worker_metrics import findings, groups_in, services_to_recover, stopped_consumers
from deploy.local.cli.commands.common import show_json, show_table
from deploy.local.cli.in_force import METRIC, latency_in
from deploy.local.cli.installation import EXIT_NOT_RUNNING, JsonOption, VarOption
from deploy.local.cli.worker_metrics import fetch_pages
from deploy.local.platform import endpoints
from deploy.local.platform.lock import holder
from deploy.local.platform.paths import Layout
from deploy.local.platform.probes import answers, listens

_WITHOUT_HTTP = ("postgres", "kafka", "smtp", "front")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(status)


def status(var: VarOption, as_json: JsonOption = False) -> None:
    """Show each process and its health, dead letters, stopped consumers, and how fast rights came into force.

    A consumer stops when a fifth of its last hundred messages failed, or when Kafka no longer has its stored offset. A
    service whose database lacks what it announced once announces nothing more until it is recovered.

    Exit codes: 0 all is healthy, 1 a process is not healthy, a consumer has stopped or a service is to be recovered, 3
    nothing runs.

    Example: dmp status --json
    """
    layout = Layout(var)
    if holder(layout.lock) is None:
        typer.echo("{}" if as_json else f"nothing runs in {layout.folder}: start it with `make up`", err=not as_json)
        raise typer.Exit(EXIT_NOT_RUNNING)
    installation = endpoints.read(layout)
    processes, pages = asyncio.run(_examine(installation))
    groups = groups_in(pages.values())
    rights = latency_in(pages["consent"]) if "consent" in pages else None
    stopped, to_recover = stopped_consumers(groups), services_to_recover(pages)
    if as_json:
        report = {"supervisor": installation["pid"], "processes": processes, METRIC: rights and asdict(rights)}
        letters = {group: metrics.dead_letters for group, metrics in groups.items() if metrics.dead_letters}
        show_json(report | {"dead_letters": letters, "stopped_consumers": stopped, "to_recover": to_recover})
    else:
        _show_processes(processes)
        silent = [name for name in installation.get("services", {}) if name not in pages]
        typer.echo()
        for line in findings(groups, silent, to_recover):
            typer.echo(line)
        typer.echo(str(rights or "consent-worker does not answer: how fast changes come into force is unknown"))
    if stopped or to_recover or not all(process["healthy"] for process in processes.values()):
        raise typer.Exit(1)


async def _examine(installation: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Returns each process by name, with port and health, and the metrics page of each service's worker."""
    ports: dict[str, int] = installation["ports"]
    processes: dict[str, dict[str, Any]] = {
        name: process for name, process in installation["processes"].items() if name in ports
    }
    health = await asyncio.gather(*(_is_healthy(name, ports[name]) for name in processes))
    examined = {
        name: {**process, "port": ports[name], "healthy": healthy and process["pid"] is not None}
        for (name, process), healthy in zip(processes.items(), health, strict=True)
    }
    return examined, await fetch_pages(installation)


async def _is_healthy(name: str, port: int) -> bool:
    return await (listens(port) if name in _WITHOUT_HTTP else answers(port, "/readyz"))


def _show_processes(processes: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        (
            name,
            "healthy" if process["healthy"] else "not healthy",
            process["pid"],
            process["port"],
            datetime.fromtimestamp(process["since"], UTC),
            process["restarts"],
        )
        for name, process in processes.items()
    ]
    show_table(("process", "health", "pid", "port", "since", "restarts"), rows, "no process")
