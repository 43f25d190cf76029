"""A release, the way back, a killed pod and a lost node under load, on two real kubelets: counted, never timed.

The release is this code with `next_release.patch`: a migration, an optional field of an event, and a value that no
consumer of the release before knows. `tests/rehearsal/releases.py` is the program; it runs in namespaces of its own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.cluster.control_plane import kubelet, programs
from deploy.edge.program import install_envoy
from deploy.local.platform.jars import ensure_jars
from deploy.local.platform.paths import REPOSITORY
from tests.infra.cluster.images import make_images

PATCH: Final = Path(__file__).with_name("next_release.patch")
LONGEST_S: Final = 1500
ACCEPTED: Final = {"200", "201"}
CHECKED: Final = {"releases", "faults"}
"""Phases that are long lists of checks, of which the tests show what does not hold."""
Phase = dict[str, Any]


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest) -> Iterator[Phase]:
    """What happened in each phase. What can only be fetched or built with a network is fetched and built before."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    for prepare in (programs, kubelet, install_envoy, ensure_jars):
        prepare()
    with tempfile.TemporaryDirectory(prefix="dmp-rehearsal-") as place:
        folder = Path(place)
        images = make_images(PATCH, folder / "images.tar")
        (folder / "images.json").write_text(json.dumps({name: str(value) for name, value in asdict(images).items()}))
        separate = ("unshare", "--net", "--mount", "--propagation", "private")
        command = (*separate, sys.executable, "-m", "tests.rehearsal.releases", str(folder))
        with capture.global_and_fixture_disabled():  # a person watches it for minutes
            ended = subprocess.run(command, cwd=REPOSITORY, check=False, timeout=LONGEST_S).returncode
            phases = read_outcome(folder / "outcome.json")
            print(json.dumps({name: phase for name, phase in phases.items() if name not in CHECKED}, indent=1))
        assert ended == 0, f"the rehearsal ended after its phases {', '.join(phases)}: its last lines say why"
        yield phases


def read_outcome(file: Path) -> Phase:
    """Returns the phases that have ended; none if the first did not."""
    outcome: Phase = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return outcome


def broken(checks: list[Phase]) -> list[Phase]:
    """Returns the checks that do not hold."""
    return [check for check in checks if check["holds"] is False]


@pytest.mark.parametrize("way", ["provider", "card", "activation"])
def test_people_sign_in_at_the_edge_by_each_way_without_the_demonstrations_own(outcome: Phase, way: str) -> None:
    assert outcome["ways"][way]


@pytest.mark.parametrize("phase", ["upgrade", "way_back"])
def test_a_client_that_tries_nothing_again_sees_no_failure_while_the_release_changes(
    outcome: Phase, phase: str
) -> None:
    assert outcome[phase]["statuses"].keys() <= ACCEPTED, outcome[phase]["problems"]
    assert outcome[phase]["statuses"]
    assert outcome[phase]["failed_reads"] == []
    assert outcome[phase]["failed_changes"] == 0


@pytest.mark.parametrize("phase", ["upgrade", "way_back"])
def test_a_right_that_is_in_force_decides_every_read_while_the_release_changes(outcome: Phase, phase: str) -> None:
    assert outcome[phase]["wrong_reads"] == []
    assert outcome[phase]["reads"].keys() >= {"200", "404"}
    assert outcome[phase]["changes"] > 2


def test_nothing_is_lost_doubled_or_untraced_by_a_release_and_the_way_back(outcome: Phase) -> None:
    assert broken(outcome["releases"]) == []


@pytest.mark.parametrize("phase", ["killed", "lost"])
def test_a_client_that_tries_again_deposits_everything_although_a_pod_is_killed_or_a_node_lost(
    outcome: Phase, phase: str
) -> None:
    assert outcome[phase]["statuses"].keys() <= ACCEPTED
    assert outcome[phase]["statuses"]


def test_nothing_is_lost_doubled_or_untraced_by_killed_pods_and_a_lost_node(outcome: Phase) -> None:
    assert broken(outcome["faults"]) == []
