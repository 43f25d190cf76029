"""Follows the EndpointSlices of the APIs, and writes Envoy's endpoints (EDS) into files that it watches."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from deploy.cluster.cluster import Cluster
from deploy.edge.tls import TYPE
from deploy.manifests.objects import Manifest
from shared.contracts.declarations import SERVICES

SERVICE_LABEL: Final = "kubernetes.io/service-name"
Addresses = dict[str, set[tuple[str, int]]]


def endpoints_file(folder: Path, service: str) -> Path:
    """Returns the file with the endpoints of a service's API."""
    return folder / f"endpoints-{service}.json"


@asynccontextmanager
async def following(cluster: Cluster, folder: Path) -> AsyncIterator[Addresses]:
    """Writes the files for the duration of the block. Yields the addresses of each API that are ready now."""
    slices: dict[str, Manifest] = {}
    addresses: Addresses = {service: set() for service in SERVICES}
    for service in SERVICES:
        write_endpoints(folder, service, set())
    task = asyncio.create_task(_follow(cluster, folder, slices, addresses))
    try:
        yield addresses
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _follow(cluster: Cluster, folder: Path, slices: dict[str, Manifest], addresses: Addresses) -> None:
    """Follows the slices for ever; a watch that ends is begun again."""
    while True:
        watching = await cluster.start_kubectl(
            *("get", "endpointslices", "--namespace=dmp", "--watch", "--output-watch-events", "--output=json"),
        )
        try:
            assert watching.stdout is not None
            async for event in _events(watching.stdout):
                _note(slices, event)
                for service, present in ready_addresses(slices).items():
                    if present != addresses[service]:
                        write_endpoints(folder, service, present)
                        addresses[service] = present
        finally:
            with contextlib.suppress(ProcessLookupError):
                watching.kill()
            await watching.wait()
        slices.clear()


def ready_addresses(slices: Mapping[str, Manifest]) -> Addresses:
    """Returns the addresses of the pods of each API that are ready and do not end."""
    ready: Addresses = {service: set() for service in SERVICES}
    for piece in slices.values():
        name, _, component = piece["metadata"]["labels"].get(SERVICE_LABEL, "").rpartition("-")
        if component != "api" or name not in ready:
            continue
        ports = [port["port"] for port in piece.get("ports") or [] if port["name"] == "http"]
        for endpoint in piece.get("endpoints") or []:
            if endpoint.get("conditions", {}).get("ready"):
                ready[name] |= {(address, port) for address in endpoint["addresses"] for port in ports}
    return ready


def write_endpoints(folder: Path, service: str, addresses: set[tuple[str, int]]) -> None:
    """Replaces the file of a service atomically: Envoy reads a file that was renamed into its place."""
    places = [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
        for address, port in sorted(addresses)
    ]
    kind = f"{TYPE}config.endpoint.v3.ClusterLoadAssignment"
    assignment = {"@type": kind, "cluster_name": service, "endpoints": [{"lb_endpoints": places}]}
    target = endpoints_file(folder, service)
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps({"resources": [assignment]}), "utf-8")
    draft.replace(target)


def _note(slices: dict[str, Manifest], event: dict[str, Any]) -> None:
    name = event["object"]["metadata"]["name"]
    if event["type"] == "DELETED":
        slices.pop(name, None)
    else:
        slices[name] = event["object"]


async def _events(stream: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Yields the JSON objects that follow one another in a stream."""
    decoder, text = json.JSONDecoder(), ""
    while piece := await stream.read(65_536):
        text = (text + piece.decode()).lstrip()
        while text:
            try:
                event, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                break
            yield event
            text = text[end:].lstrip()
