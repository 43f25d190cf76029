"""The process of the front, which leads all pages to their services on one origin."""

import json
import os
import sys
from collections.abc import Callable
from typing import Final

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import REPOSITORY, Layout, write_private
from deploy.local.platform.ports import PAGES_NAME, Ports
from deploy.local.platform.probes import listens
from deploy.local.platform.services import Role
from shared.contracts.page_paths import PAGE_PATHS

FILE: Final = "front.json"


def front_url(ports: Ports) -> str:
    """Returns the address of the home page."""
    return f"http://{PAGES_NAME}:{ports['front']}"


def front_spec(layout: Layout, ports: Ports, url: Callable[[str, Role], str]) -> ChildSpec:
    """Returns how the supervisor runs the front. `url`: the base URL of a service's process in that role."""
    port = ports["front"]
    upstreams = {f"{page.service}-{page.role}": url(page.service, page.role) for page in PAGE_PATHS}
    write_private(layout.folder / FILE, json.dumps({"port": port, "upstreams": upstreams}, indent=1) + "\n")

    async def healthy() -> bool:
        return await listens(port)

    return ChildSpec(
        name="front",
        command=(sys.executable, "-m", "deploy.local.front", str(layout.folder)),
        log=layout.log("front"),
        healthy=healthy,
        directory=REPOSITORY,
        environment={**os.environ, "PYTHONUNBUFFERED": "1"},
        grace=4,
    )
