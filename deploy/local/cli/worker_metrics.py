"""Fetches the metrics of this machine's workers, and of other processes that consume."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from deploy.local.platform.errors import LocalError
from deploy.local.platform.ports import HOST

CONSUMERS: Final = frozenset({"records-extract"})
"""The processes beside the workers that consume."""


async def fetch_pages(installation: Mapping[str, Any]) -> dict[str, str]:
    """Returns the metrics page of each worker that answers, by the service's name, and of others by their own."""
    from deploy.local.demo.client import connect, send

    workers = {name: service["worker"] for name, service in installation.get("services", {}).items()}
    others = {
        name: f"http://{HOST}:{port}" for name, port in installation.get("ports", {}).items() if name in CONSUMERS
    }
    urls = {**workers, **others}

    async def page(name: str) -> str | None:
        try:
            return (await send(dmp.http, urls, "GET", name, "/metrics")).text
        except LocalError:
            return None

    if not workers:
        return {}
    async with connect(installation) as dmp:
        pages = await asyncio.gather(*(page(name) for name in urls))
    return {name: text for name, text in zip(urls, pages, strict=True) if text is not None}
