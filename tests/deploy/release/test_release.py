"""A release keeps its order, and leads back. The cluster is a stand-in: the order of calls is what is looked at."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.manifests.archives import POSTGRES_IMAGE, archives
from deploy.manifests.migrations import jobs
from deploy.manifests.objects import manifest
from deploy.manifests.services import objects_of
from deploy.release.__main__ import main
from shared.db.migrate import PHASES
from tests.deploy.release import fake_kubectl
from tests.infra.platform.paths import ROOT

NEXT_RELEASE = ROOT / "tests" / "rehearsal" / "next_release.patch"
FOUNDATION = {"ServiceAccount", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "CronJob"}


class Cluster:
    """A stand-in of a cluster, with the manifests of consent alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubectl = folder / "kubectl"
        self.kubectl.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{fake_kubectl.__file__}" "{folder}" "$@"\n')
        self.kubectl.chmod(0o755)
        dumps = [
            each for each in archives() if each["metadata"]["name"] == "consent-dump" and each["kind"] == "CronJob"
        ]
        overlay = [manifest("v1", "Namespace", "dmp"), *objects_of("consent"), *dumps]
        for each in overlay:
            each["metadata"]["namespace"] = "dmp"
        (folder / "overlays-small.yaml").write_text(yaml.dump_all(overlay, Dumper=yaml.CSafeDumper))
        for phase in PHASES:
            consents = [job for job in jobs(phase) if job["metadata"]["name"].startswith("consent")]
            (folder / f"migrate-{phase}.yaml").write_text(yaml.dump_all(consents, Dumper=yaml.CSafeDumper))

    def release(self, command: str, *arguments: str) -> int:
        """Runs the command and returns its exit code."""
        return main([command, "--overlay", "overlays/small", "--kubectl", str(self.kubectl), *arguments])

    def apply(self, name: str) -> int:
        """Applies a release of this name."""
        return self.release("apply", "--release", name, "--image", image(name))

    def calls(self) -> list[str]:
        """Returns what has changed the cluster since the last look, without the notes about releases."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if line != "apply ConfigMap/dmp-release"]

    def images(self) -> dict[str, str]:
        """Returns the images of the Deployments."""
        objects: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return {
            key.partition("/")[2]: each["spec"]["template"]["spec"]["containers"][0]["image"]
            for key, each in objects.items()
            if key.startswith("deployment/")
        }


def image(name: str) -> str:
    return f"images.dmp.example/dmp:{name}"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_a_first_release_migrates_then_starts_workers_then_apis_then_their_autoscalers(cluster: Cluster) -> None:
    assert cluster.apply("a") == 0
    foundation, *calls = cluster.calls()
    assert {part.partition("/")[0] for part in foundation.split()[1:]} == FOUNDATION
    assert calls == [
        "apply Job/consent-migrate-pre-a",
        "apply Deployment/consent-worker",
        "await deployment/consent-worker",
        "apply Deployment/consent-api",
        "await deployment/consent-api",
        "apply HorizontalPodAutoscaler/consent-api ScaledObject/consent-worker",
    ]
    assert set(cluster.images().values()) == {image("a")}


def test_archives_are_encrypted_by_the_image_of_the_release(cluster: Cluster) -> None:
    cluster.apply("a")
    job = json.loads((cluster.folder / "state.json").read_text())["cronjob/consent-dump"]["spec"]["jobTemplate"]["spec"]
    images = [container["image"] for container in job["template"]["spec"]["containers"]]
    assert images == [POSTGRES_IMAGE, image("a")]


def test_the_post_migrations_of_a_release_run_with_the_next_one(cluster: Cluster) -> None:
    cluster.apply("a")
    cluster.calls()
    assert cluster.apply("b") == 0
    post, _, pre, *_ = cluster.calls()
    assert (post, pre) == ("apply Job/consent-migrate-post-a", "apply Job/consent-migrate-pre-b")
    objects = json.loads((cluster.folder / "state.json").read_text())
    job = objects["job/consent-migrate-post-a"]["spec"]["template"]["spec"]["containers"][0]
    assert job["image"] == image("a"), "the old image knows its own migrations"


def test_a_release_goes_back_without_a_migration_and_apis_first(cluster: Cluster) -> None:
    cluster.apply("a")
    cluster.apply("b")
    cluster.calls()
    assert cluster.release("rollback") == 0
    undone = ["undo deployment/consent-api", "undo deployment/consent-worker"]
    assert [call for call in cluster.calls() if not call.startswith("await")] == undone
    assert set(cluster.images().values()) == {image("a")}


def test_a_second_rollback_is_refused_because_the_older_code_may_lack_its_schema(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        cluster.apply(name)
    assert cluster.release("rollback") == 0
    assert cluster.release("rollback") == 1
    assert "there is no release to go back to" in capsys.readouterr().err


def test_a_failed_migration_rolls_nothing_out_and_is_tried_again(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.apply("a")
    (cluster.folder / "failing").write_text("consent-migrate-pre-b")
    cluster.calls()
    assert cluster.apply("b") == 1
    assert not any("Deployment" in call for call in cluster.calls())
    error = capsys.readouterr().err
    assert error == (
        "release: consent-migrate-pre-b has failed; nothing was rolled out. permission denied for table documents\n"
    )
    (cluster.folder / "failing").unlink()
    assert cluster.apply("b") == 0
    assert "delete job/consent-migrate-pre-b" in cluster.calls()


def test_an_interrupted_release_goes_back_to_the_one_that_ran(cluster: Cluster) -> None:
    cluster.apply("a")
    (cluster.folder / "failing").write_text("consent-migrate-pre-b")
    cluster.apply("b")
    assert cluster.release("rollback") == 0
    assert set(cluster.images().values()) == {image("a")}


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--release", "a", "--image", "another"), 1, "the name a was used for images.dmp.example/dmp:a"),
        (("--release", "Not_A_Name", "--image", "another"), 2, "lower-case letters, digits and hyphens"),
    ],
)
def test_a_name_that_cannot_be_a_releases_is_refused(
    arguments: tuple[str, ...], code: int, reason: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.apply("a")
    assert exit_code(lambda: cluster.release("apply", *arguments)) == code
    assert reason in capsys.readouterr().err


def test_an_administrator_alone_applies_namespace_and_roles(cluster: Cluster) -> None:
    assert cluster.release("prepare") == 0
    assert cluster.calls() == ["apply Namespace/dmp"]


def test_a_program_that_is_not_there_is_named(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.kubectl.unlink()
    assert cluster.apply("a") == 1
    assert capsys.readouterr().err.endswith("kubectl is not installed\n")


def test_what_the_cluster_refuses_is_one_line_without_the_log_of_kubectl(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    log = 'E1129 13:16:34.086892 8030 memcache.go:265] "Unhandled Error"'
    cluster.kubectl.write_text(f"#!/bin/sh\necho '{log}' >&2\necho 'connection refused' >&2\nexit 1\n")
    assert cluster.apply("a") == 1
    assert capsys.readouterr().err.endswith("overlays/small: connection refused\n")


def exit_code(run: Callable[[], int]) -> int:
    try:
        return run()
    except SystemExit as ended:
        return int(ended.code or 0)


def test_the_next_release_of_the_rehearsal_fits_this_code() -> None:
    done = subprocess.run(["git", "apply", "--check", str(NEXT_RELEASE)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
