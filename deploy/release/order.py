"""The order of a release and the way back.

1. The `post` migrations of the release that runs: from now on the one before it cannot return.
2. All objects but the processes: settings, network policies, topics, databases.
3. The `pre` migrations of the new release, beside the old code, which they must not disturb.
4. The workers, then what callers reach, then the autoscalers. Consumers come first: a consumer of the old release would
   pass over an event that only the new one knows.

The way back needs no migration: the previous release runs on the schema of the new one, whose `post` migrations have
not run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.manifests.objects import Manifest
from deploy.release.kubectl import Kubectl
from deploy.release.marks import VERSION, Installed, Release, mark, read_installed, write_installed
from shared.db.migrate import Phase
from shared.errors import CodedError

ADMINISTRATORS_KINDS: Final = frozenset(
    {"Namespace", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
)
"""Kinds that say who may do what: an administrator applies them, not who releases."""
_AUTOSCALERS: Final = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
_COMPONENT: Final = "app.kubernetes.io/component"
_PART_OF: Final = "app.kubernetes.io/part-of=dmp"
_REVISION: Final = "deployment.kubernetes.io/revision"
_POLL_S: Final = 2.0


class ReleaseError(CodedError):
    """The release cannot be applied or taken back."""

    code = "release-refused"


@dataclass(frozen=True)
class Releaser:
    """Applies releases of one overlay. `say` shows a line of progress; `timeout_s`: for each Job and each rollout."""

    kubectl: Kubectl
    overlay: Path
    timeout_s: int
    say: Callable[[str], None]

    def prepare(self) -> None:
        """Applies the namespace, the roles and the admission policy, as an administrator."""
        manifests = [each for each in self.kubectl.build(self.overlay) if each["kind"] in ADMINISTRATORS_KINDS]
        self.kubectl.apply(manifests)
        self.say(f"namespace, roles and policies: {len(manifests)} objects applied")

    def apply(self, release: Release) -> None:
        """Applies a release; one that was interrupted goes on. Raises KubectlError, ReleaseError."""
        manifests = [each for each in self.kubectl.build(self.overlay) if each["kind"] not in ADMINISTRATORS_KINDS]
        namespace = _namespace(manifests)
        installed = _begun(read_installed(self.kubectl, namespace), release)
        if installed.current and installed.current != release:
            self._migrate(namespace, "post", installed.current)
        write_installed(self.kubectl, namespace, installed)
        processes = [mark(each, release) for each in manifests if each["kind"] == "Deployment"]
        rest = [each for each in manifests if each["kind"] not in {"Deployment", *_AUTOSCALERS}]
        foundation = [mark(each, release) if each["kind"] == "CronJob" else each for each in rest]
        self.kubectl.apply(foundation)
        self.say(f"settings, policies, topics and databases: {len(foundation)} objects applied")
        self._migrate(namespace, "pre", release)
        self._roll(namespace, [each for each in processes if _is_worker(each)])
        self._roll(namespace, [each for each in processes if not _is_worker(each)])
        self.kubectl.apply([each for each in manifests if each["kind"] in _AUTOSCALERS])
        write_installed(self.kubectl, namespace, _ended(installed, release))
        self.say(f"release {release.name} runs")

    def rollback(self) -> None:
        """Brings back the release before the one that runs, or that was being applied. Raises KubectlError,
        ReleaseError."""
        namespace = _namespace(self.kubectl.build(self.overlay))
        installed = read_installed(self.kubectl, namespace)
        target = installed.current if installed.next else installed.previous
        if target is None:
            raise ReleaseError("there is no release to go back to: apply one that has the present schema")
        # What callers reach goes back first: it announced what only the new consumers know.
        deployments = sorted(self.kubectl.find(namespace, "deployment", _PART_OF), key=_is_worker)
        for deployment in deployments:
            self._take_back(namespace, deployment, target)
        for deployment in deployments:
            self._await(namespace, deployment)
        write_installed(self.kubectl, namespace, Installed(current=target))
        self.say(f"release {target.name} runs again")

    def status(self) -> Installed:
        """Returns what the cluster notes of releases. Raises KubectlError."""
        return read_installed(self.kubectl, _namespace(self.kubectl.build(self.overlay)))

    def _migrate(self, namespace: str, phase: Phase, release: Release) -> None:
        folder = Path(__file__).parents[1] / "k8s" / "migrate" / phase
        jobs = [_job(each, release, namespace) for each in self.kubectl.build(folder)]
        for job in jobs:
            self._drop_failed(namespace, job["metadata"]["name"])
        self.kubectl.apply(jobs)
        self.say(f"{phase} migrations of {release.name}: {len(jobs)} Jobs started")
        for job in jobs:
            self._await_job(namespace, job["metadata"]["name"])
        self.say(f"{phase} migrations of {release.name}: done")

    def _drop_failed(self, namespace: str, name: str) -> None:
        """Deletes a Job of an earlier attempt that failed: a Job that has failed is not tried again."""
        job = self.kubectl.get(namespace, "job", name)
        if job is not None and _condition(job, "Failed"):
            self.kubectl.delete(namespace, "job", name)

    def _await_job(self, namespace: str, name: str) -> None:
        deadline = time.monotonic() + self.timeout_s
        while True:
            job = self.kubectl.get(namespace, "job", name)
            if job is None or _condition(job, "Failed"):
                lines = self.kubectl.last_lines(namespace, name)
                raise ReleaseError(f"{name} has failed; nothing was rolled out. {lines}".rstrip())
            if _condition(job, "Complete"):
                return
            if time.monotonic() > deadline:
                raise ReleaseError(f"{name} has not ended within {self.timeout_s} s; apply again to wait for it")
            time.sleep(_POLL_S)

    def _roll(self, namespace: str, deployments: Sequence[Manifest]) -> None:
        self.kubectl.apply(deployments)
        for deployment in deployments:
            self._await(namespace, deployment)

    def _await(self, namespace: str, deployment: Manifest) -> None:
        name = deployment["metadata"]["name"]
        self.kubectl.await_rollout(namespace, name, self.timeout_s)
        self.say(f"{name}: ready")

    def _take_back(self, namespace: str, deployment: Manifest, target: Release) -> None:
        name, labels = deployment["metadata"]["name"], deployment["spec"]["template"]["metadata"]["labels"]
        if labels.get(VERSION) == target.name:
            self.say(f"{name}: is of {target.name}")
            return
        component = {key: labels[key] for key in ("app.kubernetes.io/name", _COMPONENT)}
        selector = ",".join(f"{key}={value}" for key, value in {**component, VERSION: target.name}.items())
        sets = self.kubectl.find(namespace, "replicaset", selector)
        revisions = [int(each["metadata"]["annotations"][_REVISION]) for each in sets]
        if not revisions:
            raise ReleaseError(f"{name}: no pods of {target.name} were ever there; apply {target.name} again instead")
        self.kubectl.undo(namespace, name, str(max(revisions)))
        self.say(f"{name}: back to {target.name}")


def _begun(installed: Installed, release: Release) -> Installed:
    """Returns what to note before the release is applied. Raises ReleaseError for a name with another image."""
    for noted in (installed.current, installed.next, installed.previous):
        if noted is not None and noted.name == release.name and noted.image != release.image:
            raise ReleaseError(
                f"the name {release.name} was used for {noted.image}: give each release a name of its own"
            )
    following = None if installed.current == release else release
    return Installed(installed.current, following, installed.previous)


def _ended(installed: Installed, release: Release) -> Installed:
    """Returns what to note after the release was applied."""
    if installed.current == release:
        return Installed(release, None, installed.previous)
    return Installed(release, None, installed.current)


def _job(job: Manifest, release: Release, namespace: str) -> Manifest:
    marked = mark(job, release)
    metadata = {**marked["metadata"], "name": f"{job['metadata']['name']}-{release.name}", "namespace": namespace}
    return {**marked, "metadata": metadata}


def _condition(job: Manifest, kind: str) -> bool:
    conditions = job.get("status", {}).get("conditions") or []
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def _is_worker(deployment: Manifest) -> bool:
    return deployment["metadata"]["labels"][_COMPONENT] in ("worker", "extract")


def _namespace(manifests: Sequence[Manifest]) -> str:
    """Returns the namespace of the services. Raises ReleaseError."""
    [*namespaces] = {each["metadata"]["namespace"] for each in manifests if each["kind"] == "Deployment"}
    if len(namespaces) != 1:
        raise ReleaseError("the overlay has no Deployments, or in several namespaces")
    return str(namespaces[0])
