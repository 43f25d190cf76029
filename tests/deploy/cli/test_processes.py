"""A process is scaled or restarted only after the ledger has the entry."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.cli.client import Session
from deploy.cli.errors import LocalError
from deploy.cli.processes import RESTARTED, restart, scale

ENTRY = "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b"
KUBECTL = f"""#!{sys.executable}
import pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as file:
    print(" ".join(sys.argv[1:]), file=file)
objects = (folder / "objects").read_text().split()
if sys.argv[1] == "get":
    name = sys.argv[2] + "/" + sys.argv[3]
    if name in objects:
        print(name)
    elif "--ignore-not-found" not in sys.argv:
        sys.exit("Error from server (NotFound): " + name)
"""


class Installation:
    """A cluster whose kubectl notes its calls, and a worker that enters acts or refuses to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entered: list[dict[str, Any]] = []
        self.refuses = False
        program = folder / "kubectl"
        program.write_text(KUBECTL)
        program.chmod(0o755)
        (folder / "calls").touch()

    def has(self, *objects: str) -> None:
        """Sets the objects of the cluster."""
        (self.folder / "objects").write_text("\n".join(objects))

    def patches(self) -> list[str]:
        """Returns the changes that kubectl was called for."""
        calls = (self.folder / "calls").read_text().splitlines()
        return [call.removesuffix(" --request-timeout=60s") for call in calls if call.startswith("patch ")]

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answers as the worker of records."""
        assert request.url == "http://records-worker/process-acts"
        if self.refuses:
            return httpx2.Response(503, json={"code": "unavailable", "detail": "The database is away."})
        assert self.patches() == [], "the entry comes first"
        self.entered.append(json.loads(request.content))
        return httpx2.Response(201, json={"event_id": ENTRY})


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Installation(tmp_path)


@pytest.fixture
async def operator(installation: Installation) -> AsyncIterator[Session]:
    async def ask() -> tuple[str, int]:
        return "token", 300

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(installation.answer)) as http:
        yield Session(http, {"records-worker": "http://records-worker"}, "jane", ask)


@pytest.mark.parametrize(
    ("scaler", "bound"),
    [
        ("horizontalpodautoscalers.autoscaling", "minReplicas"),
        ("scaledobjects.keda.sh", "minReplicaCount"),
    ],
)
async def test_scaling_moves_the_lower_bound_of_the_autoscaler(
    installation: Installation, operator: Session, scaler: str, bound: str
) -> None:
    installation.has("deployments.apps/records-api", f"{scaler}/records-api")
    assert (await scale(operator, "dmp", "records-api", 7))["entry"] == ENTRY
    assert installation.entered == [{"action": "scale-process", "process": "records-api", "replicas": 7}]
    patch = json.dumps({"spec": {bound: 7}})
    assert installation.patches() == [f"patch {scaler} records-api --type=merge --patch={patch} --namespace=dmp"]


async def test_without_an_autoscaler_the_replicas_are_set(installation: Installation, operator: Session) -> None:
    installation.has("deployments.apps/records-mllp")
    await scale(operator, "dmp", "records-mllp", 0)
    [patch] = installation.patches()
    assert patch.startswith("patch deployments.apps records-mllp")
    assert patch.endswith("--subresource=scale")


async def test_a_restart_changes_the_annotation_alone(installation: Installation, operator: Session) -> None:
    installation.has("deployments.apps/records-worker")
    await restart(operator, "dmp", "records-worker")
    assert installation.entered == [{"action": "restart-process", "process": "records-worker"}]
    [patch] = installation.patches()
    assert RESTARTED in patch


@pytest.mark.parametrize("act", ["scale", "restart"])
async def test_nothing_is_done_when_the_entry_fails(installation: Installation, operator: Session, act: str) -> None:
    installation.has("deployments.apps/records-api")
    installation.refuses = True
    with pytest.raises(LocalError, match="records-worker refuses"):
        await (scale(operator, "dmp", "records-api", 2) if act == "scale" else restart(operator, "dmp", "records-api"))
    assert installation.patches() == []


@pytest.mark.parametrize(
    ("process", "replicas", "words"),
    [
        ("records-other", 2, "NotFound"),
        ("records-worker", 0, "a worker keeps one replica"),
    ],
)
async def test_what_cannot_be_scaled_is_neither_entered_nor_changed(
    installation: Installation, operator: Session, process: str, replicas: int, words: str
) -> None:
    installation.has("deployments.apps/records-worker")
    with pytest.raises(LocalError, match=words):
        await scale(operator, "dmp", process, replicas)
    assert (installation.entered, installation.patches()) == ([], [])
