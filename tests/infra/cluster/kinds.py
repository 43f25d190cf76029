"""Waits until an API server serves the kinds whose definitions it has."""

from typing import Any

from deploy.cluster.cluster import Cluster
from tests.infra.platform.waiting import eventually


async def wait_for_kinds(cluster: Cluster) -> None:
    """Returns when every definition is established. `kubectl wait` fails on one that has no conditions yet."""

    async def are_served() -> bool:
        return all(map(_is_established, await cluster.read("crd")))

    await eventually(are_served)


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
