"""What the cluster knows of releases: the ConfigMap `dmp-release`, and the label of pods with the release's name."""

import re
from dataclasses import dataclass
from typing import Final

from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.pods import IMAGE
from deploy.release.kubectl import Kubectl

CONFIG_MAP: Final = "dmp-release"
VERSION: Final = "app.kubernetes.io/version"
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", re.ASCII)
"""A release's name: it becomes a part of the names of Jobs, and a label."""


@dataclass(frozen=True)
class Release:
    """A release: its name, used once, and the image of its processes."""

    name: str
    image: str


@dataclass(frozen=True)
class Installed:
    """`current`: the release whose rollout ended. `next`: one whose rollout began and has not ended. `previous`: the
    one before `current`, to which a rollback leads."""

    current: Release | None = None
    next: Release | None = None
    previous: Release | None = None


def read_installed(kubectl: Kubectl, namespace: str) -> Installed:
    """Returns what the cluster notes. Raises KubectlError."""
    noted = kubectl.get(namespace, "configmap", CONFIG_MAP)
    data = noted.get("data", {}) if noted else {}
    return Installed(*(_release(data, part) for part in ("current", "next", "previous")))


def write_installed(kubectl: Kubectl, namespace: str, installed: Installed) -> None:
    """Notes it on the cluster. Raises KubectlError."""
    data: dict[str, str] = {}
    for part in ("current", "next", "previous"):
        release: Release | None = getattr(installed, part)
        data |= {part: release.name, f"{part}-image": release.image} if release else {}
    note = manifest("v1", "ConfigMap", CONFIG_MAP, data=data)
    note["metadata"]["namespace"] = namespace
    kubectl.apply([note])


def mark(each: Manifest, release: Release) -> Manifest:
    """Returns a Deployment, a Job or a CronJob whose pods have the image and the label of the release."""
    spec = each["spec"]
    if each["kind"] == "CronJob":
        job = spec["jobTemplate"]
        spec = {
            **spec,
            "jobTemplate": {**job, "spec": {**job["spec"], "template": _mark(job["spec"]["template"], release)}},
        }
    else:
        spec = {**spec, "template": _mark(spec["template"], release)}
    metadata = {**each["metadata"], "labels": {**each["metadata"]["labels"], VERSION: release.name}}
    return {**each, "metadata": metadata, "spec": spec}


def _mark(template: Manifest, release: Release) -> Manifest:
    """Returns a template of pods with the image and the label of the release."""
    containers = {
        kind: [
            {**container, "image": release.image if container["image"] == IMAGE else container["image"]}
            for container in template["spec"][kind]
        ]
        for kind in ("initContainers", "containers")
        if kind in template["spec"]
    }
    labels = {**template["metadata"]["labels"], VERSION: release.name}
    metadata = {**template["metadata"], "labels": labels}
    return {**template, "metadata": metadata, "spec": {**template["spec"], **containers}}


def _release(data: dict[str, str], part: str) -> Release | None:
    return Release(data[part], data[f"{part}-image"]) if part in data else None
