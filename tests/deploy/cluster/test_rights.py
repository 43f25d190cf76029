"""What a real API server refuses: pods with more rights than they need, and what each role may not do."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest
import pytest_asyncio

from deploy.cluster.cluster import Cluster, KubectlError
from deploy.manifests.files import K8S
from deploy.manifests.objects import Manifest
from deploy.manifests.roles import OPERATORS, RELEASERS
from tests.deploy.cluster.objects import NAMESPACE, apply_overlay, build

pytestmark = pytest.mark.long
OPERATOR, RELEASER = ("--as=jane", f"--as-group={OPERATORS}"), ("--as=jane", f"--as-group={RELEASERS}")


@pytest_asyncio.fixture(scope="module")
async def installed(cluster: Cluster) -> None:
    """The objects of the installation, applied at once."""
    await apply_overlay(cluster, "ci-fake")


def pod_of(deployment: Manifest) -> Manifest:
    """Returns a pod like the ones of a Deployment."""
    template = copy.deepcopy(deployment["spec"]["template"])
    metadata = {"name": "tried", "namespace": "dmp", "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def as_root(pod: Manifest) -> None:
    pod["spec"]["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0}


def privileged(pod: Manifest) -> None:
    container_of(pod)["securityContext"] |= {"privileged": True, "allowPrivilegeEscalation": True}


def with_escalation(pod: Manifest) -> None:
    del container_of(pod)["securityContext"]["allowPrivilegeEscalation"]


def with_capabilities(pod: Manifest) -> None:
    container_of(pod)["securityContext"]["capabilities"] = {"drop": ["ALL"], "add": ["NET_ADMIN"]}


def with_default_capabilities(pod: Manifest) -> None:
    del container_of(pod)["securityContext"]["capabilities"]


def without_seccomp(pod: Manifest) -> None:
    del pod["spec"]["securityContext"]["seccompProfile"]


def with_folder_of_node(pod: Manifest) -> None:
    pod["spec"]["volumes"].append({"name": "node", "hostPath": {"path": "/"}})


def in_network_of_node(pod: Manifest) -> None:
    pod["spec"]["hostNetwork"] = True


def with_processes_of_node(pod: Manifest) -> None:
    pod["spec"]["hostPID"] = True


def at_port_of_node(pod: Manifest) -> None:
    container_of(pod)["ports"][0]["hostPort"] = 8080


def container_of(pod: Manifest) -> Manifest:
    container: Manifest = pod["spec"]["containers"][0]
    return container


REFUSED_PODS: Final[tuple[tuple[Callable[[Manifest], None], str], ...]] = (
    (as_root, "runAsNonRoot != true"),
    (privileged, "privileged"),
    (with_escalation, "allowPrivilegeEscalation != false"),
    (with_capabilities, "unrestricted capabilities"),
    (with_default_capabilities, "unrestricted capabilities"),
    (without_seccomp, "seccompProfile"),
    (with_folder_of_node, "hostPath"),
    (in_network_of_node, "host namespaces"),
    (with_processes_of_node, "host namespaces"),
    (at_port_of_node, "hostPort"),
)


@pytest.mark.parametrize(("change", "reason"), REFUSED_PODS, ids=[change.__name__ for change, _ in REFUSED_PODS])
async def test_a_pod_with_more_rights_is_refused(
    cluster: Cluster, installed: None, change: Callable[[Manifest], None], reason: str
) -> None:
    [deployment] = await cluster.read("deployments", NAMESPACE, "--field-selector=metadata.name=consent-api")
    pod = pod_of(deployment)
    await cluster.apply([pod], "--dry-run=server")
    change(pod)
    with pytest.raises(KubectlError, match=f'violates PodSecurity "restricted:latest".*{reason}'):
        await cluster.apply([pod], "--dry-run=server")


_LOOK: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "update", "patch", "delete", "deletecollection")
_WAYS_IN: Final = (
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/proxy",
    "services/proxy",
    "pods/ephemeralcontainers",
)
_SEEN: Final = (
    *("pods", "services", "configmaps", "events", "persistentvolumeclaims", "deployments.apps", "replicasets.apps"),
    *(
        "jobs.batch",
        "cronjobs.batch",
        "horizontalpodautoscalers.autoscaling",
        "poddisruptionbudgets.policy",
        "scaledobjects.keda.sh",
    ),
)
_RIGHTS: Final = ("roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io")


_CHANGED: Final = ("deployments.apps", "horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh")
"""What operators patch; admission policies say which of its fields."""


def operators_may() -> set[tuple[str, str]]:
    looks = {(verb, kind) for verb in _LOOK for kind in _SEEN}
    scaling = {("patch", kind) for kind in _CHANGED}
    return looks | scaling | {("get", "pods/log"), ("patch", "deployments.apps/scale")}


def operators_may_not() -> set[tuple[str, str]]:
    """Secrets, ways into a pod, and every change but those of a restart and of a number of replicas."""
    changes = {(verb, kind) for verb in _WRITE for kind in (*_SEEN, *_RIGHTS)}
    changes -= {("patch", kind) for kind in _CHANGED}
    ways_in = {(verb, way) for verb in ("get", "create", "update", "patch") for way in _WAYS_IN}
    secrets = {(verb, "secrets") for verb in (*_LOOK, *_WRITE)}
    others = {
        ("create", "serviceaccounts/token"),
        ("create", "pods/eviction"),
        ("impersonate", "serviceaccounts"),
    }
    return changes | ways_in | secrets | others


def releasers_may() -> set[tuple[str, str]]:
    written = (
        "configmaps",
        "services",
        "deployments.apps",
        "jobs.batch",
        "cronjobs.batch",
        "poddisruptionbudgets.policy",
    )
    return {(verb, kind) for verb in (*_LOOK, "create", "patch", "update", "delete") for kind in written}


def releasers_may_not() -> set[tuple[str, str]]:
    rights = {(verb, kind) for verb in ("create", "patch", "update", "delete") for kind in _RIGHTS}
    secrets = {(verb, "secrets") for verb in (*_LOOK, *_WRITE)}
    ways_in = {("create", way) for way in _WAYS_IN} | {("create", "pods"), ("create", "serviceaccounts/token")}
    return rights | secrets | ways_in


async def answers_of(cluster: Cluster, questions: set[tuple[str, str]], *identity: str) -> set[tuple[str, str]]:
    """Returns which of the acts `kubectl auth can-i` permits; `<kind>/<subresource>`."""
    two_at_once = asyncio.Semaphore(2)

    async def ask(verb: str, kind: str) -> bool:
        name, _, subresource = kind.partition("/")
        of = [f"--subresource={subresource}"] if subresource else []
        async with two_at_once:
            try:
                answer = await cluster.kubectl("auth", "can-i", verb, name, *of, NAMESPACE, *identity)
            except KubectlError as error:
                answer = str(error)
        assert answer.strip().splitlines()[-1].partition(" ")[0] in {"yes", "no"}, answer
        assert "doesn't have a resource type" not in answer
        return answer.startswith("yes")

    ordered = sorted(questions)
    permitted = await asyncio.gather(*(ask(*question) for question in ordered))
    return {question for question, is_permitted in zip(ordered, permitted, strict=True) if is_permitted}


async def test_an_operator_looks_and_restarts_and_sees_no_secret_and_no_inside_of_a_pod(
    cluster: Cluster, installed: None
) -> None:
    assert await answers_of(cluster, operators_may() | operators_may_not(), *OPERATOR) == operators_may()


async def test_a_releaser_changes_processes_but_neither_rights_nor_secrets(cluster: Cluster, installed: None) -> None:
    assert await answers_of(cluster, releasers_may() | releasers_may_not(), *RELEASER) == releasers_may()


ACCOUNTS: Final = ("identity", "records", "consent", "audit", "notify", "edge", "default")


async def test_no_other_account_is_installed(cluster: Cluster, installed: None) -> None:
    accounts = await cluster.read("serviceaccounts", NAMESPACE)
    assert {account["metadata"]["name"] for account in accounts} == set(ACCOUNTS)


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_an_account_of_pods_may_do_nothing_on_the_cluster(
    cluster: Cluster, installed: None, account: str
) -> None:
    questions = {(verb, kind) for verb in ("get", "list") for kind in ("pods", "secrets", "configmaps")}
    assert await answers_of(cluster, questions, f"--as=system:serviceaccount:dmp:{account}") == set()


async def test_an_operator_restarts_and_scales(cluster: Cluster, installed: None) -> None:
    await cluster.kubectl("rollout", "restart", "deployment/notify-worker", NAMESPACE, *OPERATOR)
    await cluster.kubectl("rollout", "status", "deployment/notify-worker", NAMESPACE, *OPERATOR, "--timeout=180s")
    await cluster.kubectl("scale", "deployment/notify-worker", "--replicas=4", NAMESPACE, *OPERATOR)
    [worker] = await cluster.read("deployments", NAMESPACE, "--field-selector=metadata.name=notify-worker")
    assert worker["spec"]["replicas"] == 4
    assert worker["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]


POD: Final = "/spec/template/spec"
FOREIGN_CHANGES: Final = {
    "image": {"op": "replace", "path": f"{POD}/containers/0/image", "value": "registry.example/other:1"},
    "command": {"op": "add", "path": f"{POD}/containers/0/command", "value": ["sh", "-c", "cat /run/dmp/secrets/*"]},
    "secret": {
        "op": "add",
        "path": f"{POD}/volumes/-",
        "value": {"name": "s", "secret": {"secretName": "records-keys"}},
    },
    "account": {"op": "replace", "path": f"{POD}/serviceAccountName", "value": "records"},
    "label": {"op": "add", "path": "/spec/template/metadata/labels/other", "value": "x"},
    "annotation": {"op": "add", "path": "/spec/template/metadata/annotations", "value": {"inject": "sidecar"}},
}


@pytest.mark.parametrize("change", FOREIGN_CHANGES)
async def test_an_operator_changes_nothing_else_of_a_process(cluster: Cluster, installed: None, change: str) -> None:
    patch = json.dumps([FOREIGN_CHANGES[change]])
    target = ("patch", "deployment", "consent-worker", "--type=json", f"--patch={patch}", NAMESPACE, "--dry-run=server")
    await cluster.kubectl(*target)
    with pytest.raises(KubectlError, match="dmp-operators-only-restart"):
        await cluster.kubectl(*target, *OPERATOR)


AUTOSCALERS: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "hpa": ("minReplicas", {"maxReplicas": 1000}),
    "scaledobject": ("minReplicaCount", {"pollingInterval": 500, "maxReplicaCount": 1000}),
}


@pytest_asyncio.fixture
async def autoscalers(cluster: Cluster, installed: None) -> AsyncIterator[None]:
    """The autoscalers of consent's processes, which the overlay of this cluster leaves out."""
    kinds = {"hpa": "HorizontalPodAutoscaler", "scaledobject": "ScaledObject"}
    built = await build(cluster, K8S / "base")
    items = [
        item for item in built if item["kind"] in kinds.values() and item["metadata"]["name"].startswith("consent-")
    ]
    await cluster.apply(items, NAMESPACE)
    yield
    for kind in kinds:
        await cluster.kubectl("delete", kind, "--all", NAMESPACE)


@pytest.mark.parametrize("kind", AUTOSCALERS)
async def test_an_operator_moves_the_lower_bound_of_an_autoscaler_and_nothing_else(
    cluster: Cluster, autoscalers: None, kind: str
) -> None:
    process = "consent-api" if kind == "hpa" else "consent-worker"
    bound, others = AUTOSCALERS[kind]

    async def patch(change: dict[str, object], *identity: str) -> None:
        words = ("patch", kind, process, "--type=merge", f"--patch={json.dumps(change)}", NAMESPACE)
        await cluster.kubectl(*words, "--dry-run=server", *identity)

    await patch({"spec": {bound: 4}}, *OPERATOR)
    for field, value in others.items():
        await patch({"spec": {field: value}})
        with pytest.raises(KubectlError, match="lower bound of an autoscaler alone"):
            await patch({"spec": {field: value}}, *OPERATOR)
    with pytest.raises(KubectlError, match="lower bound of an autoscaler alone"):
        await patch({"metadata": {"annotations": {"other": "x"}}}, *OPERATOR)
