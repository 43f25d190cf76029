"""Releases on a real API server: two in turn, one whose migration fails, the way back, and a zone that is drained.

Admission, controllers and scheduler are the real ones; nine nodes in three zones and their pods are simulated
(`deploy.cluster`), so that NetworkPolicies, probes and the processes themselves are not tried here.
"""

import asyncio
import json
import sys
from itertools import pairwise
from typing import Final

import pytest
import pytest_asyncio

from deploy.cluster.cluster import ZONE_LABEL, ZONES, Cluster, KubectlError
from deploy.local.platform.paths import write_private
from deploy.manifests.processes import PROCESSES
from deploy.manifests.roles import RELEASERS
from tests.deploy.cluster.objects import (
    EDGE,
    NAMESPACE,
    ROOT,
    apply_overlay,
    every_state,
    images_of,
    is_available,
    key_of,
    zones_of_pods,
)

pytestmark = pytest.mark.long
FIRST, SECOND, BROKEN = "first", "second", "broken"
"""Names of releases; `deploy/cluster/stages.yaml` lets the Jobs of the last one fail."""
SERVICES_WITH_JOBS: Final = sorted({process.service for process in PROCESSES})


@pytest_asyncio.fixture(scope="module")
async def releaser(cluster: Cluster) -> dict[str, str]:
    """The environment of a person who may apply releases, on a cluster that an administrator has prepared."""
    await release(cluster.environment, "prepare")
    config = json.loads(cluster.kubeconfig.read_text("utf-8"))
    config["users"][0]["user"] |= {"as": "jane", "as-groups": [RELEASERS]}
    path = cluster.kubeconfig.with_name("releaser.kubeconfig")
    write_private(path, json.dumps(config))
    return {**cluster.environment, "KUBECONFIG": str(path)}


@pytest_asyncio.fixture(scope="module")
async def first_release(releaser: dict[str, str]) -> None:
    """The first release, on an empty cluster."""
    await apply_release(releaser, FIRST)


async def apply_release(environment: dict[str, str], name: str) -> None:
    await release(environment, "apply", "--release", name, "--image", image(name))


async def release(environment: dict[str, str], *arguments: str) -> None:
    """Runs `python -m deploy.release`. Raises ReleaseFailedError with what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.release", *arguments, "--overlay", "ci-fake", "--timeout", "300"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise ReleaseFailedError(output.decode())


class ReleaseFailedError(Exception):
    """The release was not applied or not taken back."""


def image(name: str) -> str:
    return f"images.example/dmp:{name}"


async def wait_until_available(cluster: Cluster) -> None:
    await cluster.kubectl("wait", "deployments", "--all", NAMESPACE, "--for=condition=Available", "--timeout=180s")


@pytest.mark.parametrize("name", ["national", "rehearsal", "ci-fake", "ci-real"])
async def test_the_api_server_accepts_every_object_of_an_overlay(cluster: Cluster, name: str) -> None:
    lines = await apply_overlay(cluster, name, "--dry-run=server", "--validate=strict")
    assert [line for line in lines if not line.endswith(" serverside-applied (server dry run)")] == []


async def test_a_first_release_migrates_every_database_before_it_starts_a_process(
    cluster: Cluster, first_release: None
) -> None:
    deployments = await cluster.read("deployments", NAMESPACE)
    assert {key_of(deployment) for deployment in deployments} == {process.name for process in PROCESSES} | {EDGE}
    assert [key_of(deployment) for deployment in deployments if not is_available(deployment)] == []
    assert images_of(deployments) == {image(FIRST)}
    assert max(await ends_of_jobs(cluster, FIRST, "pre")) <= min(await starts_of_processes(cluster, FIRST))


async def ends_of_jobs(cluster: Cluster, name: str, phase: str) -> list[str]:
    """Returns when the migration of each service by a release was complete."""
    names = (f"job/{service}-migrate-{phase}-{name}" for service in SERVICES_WITH_JOBS)
    jobs = json.loads(await cluster.kubectl("get", *names, NAMESPACE, "--output=json"))["items"]
    assert images_of(jobs) == {image(name)}
    return [job["status"]["completionTime"] for job in jobs]


async def starts_of_processes(cluster: Cluster, name: str, *, of_workers: bool | None = None) -> list[str]:
    """Returns when a release began to start pods of each process."""
    worker = {None: "", True: ",app.kubernetes.io/component=worker", False: ",app.kubernetes.io/component!=worker"}
    selector = f"--selector=app.kubernetes.io/version={name},app.kubernetes.io/name!={EDGE}{worker[of_workers]}"
    sets = await cluster.read("replicasets", NAMESPACE, selector)
    assert images_of(sets) == {image(name)}
    return [item["metadata"]["creationTimestamp"] for item in sets]


async def test_an_api_is_spread_over_all_zones(cluster: Cluster, first_release: None) -> None:
    replicas = {key_of(item): item["spec"]["replicas"] for item in await cluster.read("deployments", NAMESPACE)}
    zones = await zones_of_pods(cluster)
    apis = {process.name for process in PROCESSES if process.serves_callers}
    uneven = {
        name: zones[name]
        for name in apis
        if len(set(zones[name])) < min(len(ZONES), replicas[name])
        or max(zones[name].count(zone) for zone in ZONES) > -(-replicas[name] // len(ZONES))
    }
    assert uneven == {}


async def test_a_second_release_follows_the_order_and_no_process_falls_short_of_its_replicas(
    cluster: Cluster, releaser: dict[str, str], first_release: None
) -> None:
    async with every_state(cluster, "deployments") as states:
        await apply_release(releaser, SECOND)
    assert [key_of(state) for state in states if not is_available(state)] == []
    assert images_of(await cluster.read("deployments", NAMESPACE)) == {image(SECOND)}
    steps = [
        await ends_of_jobs(cluster, FIRST, "post"),
        await ends_of_jobs(cluster, SECOND, "pre"),
        await starts_of_processes(cluster, SECOND, of_workers=True),
        await starts_of_processes(cluster, SECOND, of_workers=False),
    ]
    assert sum(len(step) for step in steps) == 2 * len(SERVICES_WITH_JOBS) + len(PROCESSES)
    assert [(max(step), min(later)) for step, later in pairwise(steps) if max(step) > min(later)] == []


async def test_a_release_whose_migration_fails_changes_no_process(
    cluster: Cluster, releaser: dict[str, str], first_release: None
) -> None:
    before = images_of(await cluster.read("deployments", NAMESPACE))
    attempt = asyncio.create_task(apply_release(releaser, BROKEN))
    for service in SERVICES_WITH_JOBS:  # without their seven attempts, between which minutes pass
        job = f"job/{service}-migrate-pre-{BROKEN}"
        await cluster.kubectl("wait", job, "--for=create", NAMESPACE, "--timeout=120s")
        await cluster.kubectl("patch", job, NAMESPACE, "--patch", json.dumps({"spec": {"backoffLimit": 0}}))
    with pytest.raises(ReleaseFailedError, match=rf"-migrate-pre-{BROKEN} has failed"):
        await attempt
    assert images_of(await cluster.read("deployments", NAMESPACE)) == before


async def test_a_rollback_brings_the_release_before_back_without_a_gap(
    cluster: Cluster, releaser: dict[str, str], first_release: None
) -> None:
    await apply_release(releaser, SECOND)
    async with every_state(cluster, "deployments") as states:
        await release(releaser, "rollback")
    assert [key_of(state) for state in states if not is_available(state)] == []
    assert images_of(await cluster.read("deployments", NAMESPACE)) == {image(FIRST)}


async def test_a_drained_zone_moves_its_pods_to_the_others_within_every_budget(
    cluster: Cluster, first_release: None
) -> None:
    zone = f"--selector={ZONE_LABEL}={ZONES[0]}"
    async with every_state(cluster, "poddisruptionbudgets") as budgets:
        try:
            await cluster.kubectl("drain", zone, "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=300s")
            await wait_until_available(cluster)
            zones = await zones_of_pods(cluster)
        finally:
            await cluster.kubectl("uncordon", zone)
    assert {place for places in zones.values() for place in places} == set(ZONES[1:])
    deployments = await cluster.read("deployments", NAMESPACE)
    assert {name: len(places) for name, places in zones.items()} == {
        key_of(item): item["spec"]["replicas"] for item in deployments
    }
    short = {
        key_of(budget) for budget in budgets if budget["status"]["currentHealthy"] < budget["status"]["desiredHealthy"]
    }
    assert short == set()


async def test_an_eviction_beyond_the_budget_is_refused(cluster: Cluster, first_release: None) -> None:
    await wait_until_available(cluster)
    pods = await cluster.read(
        "pods", NAMESPACE, "--selector=app.kubernetes.io/name=consent,app.kubernetes.io/component=api"
    )
    first, second = (pod["metadata"]["name"] for pod in pods[:2])
    await cluster.kubectl("cordon", f"--selector={ZONE_LABEL}")  # nothing replaces the evicted pod
    try:
        await evict(cluster, first)
        with pytest.raises(KubectlError, match="violate the pod's disruption budget"):
            await evict(cluster, second)
    finally:
        await cluster.kubectl("uncordon", f"--selector={ZONE_LABEL}")
    await wait_until_available(cluster)


async def evict(cluster: Cluster, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "dmp"}}
    path = f"/api/v1/namespaces/dmp/pods/{pod}/eviction"
    await cluster.kubectl("create", "--raw", path, "--filename=-", standard_input=json.dumps(eviction))
