"""Fetches the metrics of this machine's workers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from deploy.local.platform.errors import LocalError


async def fetch_pages(installation: Mapping[str, Any]) -> dict[str, str]:
    """Returns the metrics page of each worker that answers, by the service's name."""
    from deploy.local.demo.client import connect, send

    names = list(installation.get("services", {}))

    async def page(name: str) -> str | None:
        try:
            return (await send(dmp.http, dmp.urls, "GET", f"{name}-worker", "/metrics")).text
        except LocalError:
            return None

    if not names:
        return {}
    async with connect(installation) as dmp:
        pages = await asyncio.gather(*(page(name) for name in names))
    return {name: text for name, text in zip(names, pages, strict=True) if text is not None}
