"""What tests read of a test cluster: objects of the namespace, and every state that they pass through."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import yaml

from deploy.cluster.cluster import ZONE_LABEL, Cluster
from deploy.manifests.files import K8S
from deploy.manifests.objects import Manifest

NAMESPACE: Final = "--namespace=dmp"
EDGE: Final = "edge"
ROOT: Final = Path(__file__).parents[3]
_STRIMZI: Final = Path(os.environ.get("DMP_CRDS") or ROOT.parent / "shared" / "crds") / "strimzi"


def strimzi_files() -> list[Path]:
    """Returns the files with the definitions of Strimzi's kinds, in no package registry; none if they are absent."""
    return sorted(_STRIMZI.glob("*.yaml"))


async def build(cluster: Cluster, folder: Path) -> list[Manifest]:
    """Returns the objects of a kustomization, without Strimzi's if their definitions are not at hand."""
    objects = yaml.load_all(await cluster.kubectl("kustomize", str(folder)), Loader=yaml.CSafeLoader)
    return [item for item in objects if strimzi_files() or not item["apiVersion"].startswith("kafka.strimzi.io/")]


async def apply_overlay(cluster: Cluster, name: str, *flags: str) -> list[str]:
    """Applies the objects of an overlay, after its namespace; returns kubectl's line about each."""
    objects = await build(cluster, K8S / "overlays" / name)
    await cluster.apply(item for item in objects if item["kind"] == "Namespace")
    lines = await cluster.apply(objects, "--force-conflicts", *flags)
    assert len(lines) == len(objects)
    return lines


def key_of(deployment: Manifest) -> str:
    """Returns `<service>-<process>`, the name of a Deployment and of its budget."""
    return str(deployment["metadata"]["name"])


def images_of(deployments: list[Manifest]) -> set[str]:
    """Returns the images of the services' processes; the edge has one of its own, which releases do not change."""
    return {
        container["image"]
        for deployment in deployments
        if key_of(deployment) != EDGE
        for container in deployment["spec"]["template"]["spec"]["containers"]
    }


def is_available(deployment: Manifest) -> bool:
    return bool(deployment["status"].get("availableReplicas", 0) >= deployment["spec"]["replicas"])


async def zones_of_pods(cluster: Cluster) -> dict[str, list[str]]:
    """Returns the zones of the running pods of each process."""
    nodes = {node["metadata"]["name"]: node["metadata"]["labels"][ZONE_LABEL] for node in await cluster.read("nodes")}
    zones: dict[str, list[str]] = {}
    for pod in await cluster.read("pods", NAMESPACE, "--field-selector=status.phase=Running"):
        labels = pod["metadata"]["labels"]
        name, component = labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]
        process = EDGE if name == EDGE else f"{name}-{component}"
        zones.setdefault(process, []).append(nodes[pod["spec"]["nodeName"]])
    return zones


@contextlib.asynccontextmanager
async def every_state(cluster: Cluster, kind: str) -> AsyncIterator[list[Manifest]]:
    """Gives the states that the objects of a kind had within the block; the list is filled when the block ends."""
    watching = await cluster.start_kubectl("get", kind, NAMESPACE, "--watch", "--output=json")
    assert watching.stdout is not None
    output = asyncio.create_task(watching.stdout.read())
    states: list[Manifest] = []
    try:
        yield states
    finally:
        watching.terminate()
        await watching.wait()
        states.extend(_objects_in((await output).decode()))
        assert states, f"kubectl has shown no {kind}"


def _objects_in(text: str) -> list[Manifest]:
    """Returns the JSON objects that follow one another in a text; the last one may be cut off."""
    decoder, objects, position = json.JSONDecoder(), [], 0
    with contextlib.suppress(json.JSONDecodeError):
        while text[position:].strip():
            position += len(text[position:]) - len(text[position:].lstrip())
            state, position = decoder.raw_decode(text, position)
            objects.append(state)
    return objects
