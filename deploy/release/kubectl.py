"""kubectl as a child process: what it answers as values, what it refuses as one error in words."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.manifests.objects import Manifest
from shared.errors import CodedError

LONGEST_S: Final = 120
"""Seconds for one call that does not wait for pods."""
_FIELD_MANAGER: Final = "dmp-release"
_SHOWN_LINES: Final = 5
_LOG_LINE: Final = re.compile(r"[IWEF]\d{4} \d\d:", re.ASCII)
"""A line of kubectl's own log, which repeats what its last line says in words."""


class KubectlError(CodedError):
    """kubectl, or the cluster, refused."""

    code = "kubectl-refused"


@dataclass(frozen=True)
class Kubectl:
    """A cluster, by the context of a kubeconfig; None: the current one."""

    context: str | None = None
    program: str = "kubectl"

    def build(self, folder: Path) -> list[Manifest]:
        """Returns the objects of a kustomization. Raises KubectlError."""
        return list(yaml.load_all(self._run(["kustomize", str(folder)]), yaml.CSafeLoader))

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Applies objects, on the server's side: fields that they do not name, such as replicas, stay. Raises
        KubectlError."""
        if manifests:
            arguments = ["apply", "--server-side", "--force-conflicts", f"--field-manager={_FIELD_MANAGER}", "-f", "-"]
            self._run(arguments, text=yaml.dump_all(manifests, Dumper=yaml.CSafeDumper, sort_keys=False))

    def get(self, namespace: str, kind: str, name: str) -> Manifest | None:
        """Returns an object; None if there is none, or no namespace. Raises KubectlError."""
        text = self._run(["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"])
        return json.loads(text) if text.strip() else None

    def find(self, namespace: str, kind: str, selector: str) -> list[Manifest]:
        """Returns the objects that have these labels. Raises KubectlError."""
        answer: dict[str, Any] = json.loads(self._run(["get", kind, "-n", namespace, "-l", selector, "-o", "json"]))
        return list(answer["items"])

    def delete(self, namespace: str, kind: str, name: str) -> None:
        """Deletes an object and waits until it is gone. Raises KubectlError."""
        self._run(["delete", kind, name, "-n", namespace, "--ignore-not-found", "--wait"])

    def undo(self, namespace: str, deployment: str, revision: str) -> None:
        """Brings the pod template of an earlier revision back. Raises KubectlError."""
        self._run(["rollout", "undo", f"deployment/{deployment}", "-n", namespace, f"--to-revision={revision}"])

    def await_rollout(self, namespace: str, deployment: str, timeout_s: int) -> None:
        """Waits until all pods of a Deployment are new and ready. Raises KubectlError."""
        arguments = ["rollout", "status", f"deployment/{deployment}", "-n", namespace, f"--timeout={timeout_s}s"]
        self._run(arguments, longest_s=timeout_s + LONGEST_S)

    def last_lines(self, namespace: str, job: str) -> str:
        """Returns the last lines that a Job's pods wrote; empty if they cannot be read."""
        try:
            return self._run(["logs", f"job/{job}", "-n", namespace, f"--tail={_SHOWN_LINES}"]).strip()
        except KubectlError:
            return ""

    def _run(self, arguments: Sequence[str], *, text: str | None = None, longest_s: int = LONGEST_S) -> str:
        context = ["--context", self.context] if self.context else []
        command = [self.program, *context, *arguments]
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=longest_s)
        except FileNotFoundError:
            raise KubectlError(f"{self.program} is not installed") from None
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl {arguments[0]} has not ended within {longest_s} s") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.strip().splitlines() if not _LOG_LINE.match(line)]
            raise KubectlError(f"kubectl {' '.join(arguments[:3])}: {'; '.join(lines[-_SHOWN_LINES:])}")
        return done.stdout
