"""Asks every process of an installation whether it is ready, and what its worker's metrics say."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from deploy.cli.client import send
from deploy.cli.errors import LocalError
from deploy.cli.worker_metrics import findings, groups_in, services_to_recover, stopped_consumers

READY, NOT_READY, SILENT = "ready", "not ready", "does not answer"


@dataclass(frozen=True)
class InstallationStatus:
    """What the processes said. `processes`: by name, ready, not ready or silent; `pages`: metrics by service."""

    processes: Mapping[str, str]
    pages: Mapping[str, str]

    @property
    def to_recover(self) -> list[str]:
        """The services that announce nothing until they are recovered."""
        return services_to_recover(self.pages)

    @property
    def is_healthy(self) -> bool:
        """Whether every process is ready, no consumer has stopped and no service is to be recovered."""
        is_ready = all(state == READY for state in self.processes.values())
        return is_ready and not self.to_recover and not stopped_consumers(groups_in(self.pages.values()))

    def lines(self) -> list[str]:
        """Returns the status in lines for a person."""
        width = max(map(len, self.processes))
        states = [f"{name:<{width}}  {state}" for name, state in self.processes.items()]
        workers = [name.removesuffix("-worker") for name in self.processes if name.endswith("-worker")]
        silent = [name for name in workers if name not in self.pages]
        return [*states, "", *findings(groups_in(self.pages.values()), silent, self.to_recover)]


async def look(http: httpx2.AsyncClient, urls: Mapping[str, str]) -> InstallationStatus:
    """Returns the status of all processes. `urls`: their base URLs by name."""
    names = sorted(urls)
    states = await asyncio.gather(*(_state(http, urls[name]) for name in names))
    workers = [name for name in names if name.endswith("-worker")]
    pages = await asyncio.gather(*(_page(http, urls, name) for name in workers))
    answered = {name.removesuffix("-worker"): page for name, page in zip(workers, pages, strict=True) if page}
    return InstallationStatus(dict(zip(names, states, strict=True)), answered)


async def _state(http: httpx2.AsyncClient, url: str) -> str:
    try:
        return READY if (await http.get(f"{url}/readyz")).is_success else NOT_READY
    except httpx2.HTTPError:
        return SILENT


async def _page(http: httpx2.AsyncClient, urls: Mapping[str, str], name: str) -> str | None:
    try:
        return (await send(http, urls, "GET", name, "/metrics")).text
    except LocalError:
        return None
