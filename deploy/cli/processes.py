"""Scales and restarts processes on Kubernetes: first the ledger's entry, by the service's worker, then the change.

The change is made by kubectl with the operator's own credential for the cluster, whose role lets operators do no more
than this (deploy/manifests/roles.py). Where an autoscaler sets the replicas, scaling moves its lower bound; a release
sets it to the declared one again.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from deploy.cli.client import Session
from deploy.cli.errors import LocalError

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_BOUNDS: Final = {"horizontalpodautoscalers.autoscaling": "minReplicas", "scaledobjects.keda.sh": "minReplicaCount"}
"""The kinds of autoscalers, each with the field of its lower bound. An autoscaler has its process's name."""
_LONGEST_S: Final = 60


async def scale(operator: Session, namespace: str, process: str, replicas: int) -> dict[str, Any]:
    """Lets a process have so many replicas, or at least so many where it has an autoscaler.

    A worker keeps one at least, because the entries of its service's operators go through it. Returns the `entry` of
    the ledger and the `changed` object. Raises LocalError; nothing is changed unless the entry stands.
    """
    if process.endswith("-worker") and replicas < 1:
        raise LocalError("a worker keeps one replica: it enters in the ledger what operators do with its service")
    kind, field = await _scaled_by(namespace, process)
    entry = await _enter(operator, {"action": "scale-process", "process": process, "replicas": replicas})
    await _patch(namespace, kind, process, {"spec": {field: replicas}})
    return {"entry": entry, "changed": f"{kind}/{process}"}


async def restart(operator: Session, namespace: str, process: str) -> dict[str, Any]:
    """Replaces the pods of a process, one after another. Returns and raises as `scale`."""
    await _kubectl("get", "deployments.apps", process, f"--namespace={namespace}", "--output=name")
    entry = await _enter(operator, {"action": "restart-process", "process": process})
    annotations = {RESTARTED: datetime.now(UTC).isoformat(timespec="seconds")}
    await _patch(
        namespace, "deployments.apps", process, {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    )
    return {"entry": entry, "changed": f"deployments.apps/{process}"}


async def _enter(operator: Session, act: dict[str, Any]) -> str:
    worker = f"{act['process'].partition('-')[0]}-worker"
    if worker not in operator.urls:
        raise LocalError(f"there is no process {act['process']}")
    return str((await operator.call("POST", worker, "/process-acts", json=act)).json()["event_id"])


async def _scaled_by(namespace: str, process: str) -> tuple[str, str]:
    """Returns the kind of object that sets the replicas of a process, and the field that does."""
    for kind, field in _BOUNDS.items():
        named = await _kubectl("get", kind, process, f"--namespace={namespace}", "--ignore-not-found", "--output=name")
        if named.strip():
            return kind, field
    await _kubectl("get", "deployments.apps", process, f"--namespace={namespace}", "--output=name")
    return "deployments.apps/scale", "replicas"


async def _patch(namespace: str, kind: str, process: str, change: dict[str, Any]) -> None:
    kind, _, subresource = kind.partition("/")
    of = [f"--subresource={subresource}"] if subresource else []
    patch = ("--type=merge", f"--patch={json.dumps(change)}", f"--namespace={namespace}", *of)
    await _kubectl("patch", kind, process, *patch)


async def _kubectl(*words: str) -> str:
    """Returns what kubectl prints. Raises LocalError with its own last line."""
    process = await _started(["kubectl", *words])
    output, errors = await process.communicate()
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise LocalError(f"kubectl: {lines[-1] if lines else f'exit code {process.returncode}'}")
    return output.decode()


async def _started(command: Sequence[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(
            *command, f"--request-timeout={_LONGEST_S}s", stdout=pipe, stderr=pipe
        )
    except OSError as error:
        raise LocalError(f"kubectl cannot be started: {error.strerror}") from None
