"""The manifests of every overlay are what a cluster takes: each object against the schema of its kind, closed.

Programs and schemas are built once, outside of the clone (`deploy.cluster.programs`).
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.cluster.definitions import definitions_in, schemas, write_schemas
from deploy.cluster.programs import CLUSTER_FOLDER, STATIC_PROGRAMS, go_programs, python_programs
from deploy.manifests.files import K8S

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("go") is None,
        reason="Go is absent: it builds the programs that check the manifests, and has the schemas of the operators",
    ),
]
KUBERNETES: Final = "1.36"
BUILT: Final = (
    *(f"overlays/{name}" for name in ("national", "rehearsal", "ci-fake", "ci-real")),
    *("base/kafka", "migrate/pre", "migrate/post"),
)
"""Every folder that is applied to a cluster."""
STRIMZI: Final = "kafka.strimzi.io"
IMAGE: Final = f"images.dmp.example/dmp:1@sha256:{'0' * 64}"
ROOT: Final = Path(__file__).parents[2]
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def go_tools() -> Path:
    return go_programs(CLUSTER_FOLDER / "static", STATIC_PROGRAMS)


@pytest.fixture(scope="module")
def python_tools() -> Path:
    return python_programs(CLUSTER_FOLDER / "requirements.lock")


@pytest.fixture(scope="module")
def strimzi() -> list[Path]:
    """The files with the definitions of Strimzi, which no registry has; empty where they are not at hand."""
    folder = Path(os.environ.get("DMP_CRDS") or ROOT.parent / "shared" / "crds") / "strimzi"
    return sorted(folder.glob("*.yaml"))


def run(command: Sequence[str | Path], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], input=text, capture_output=True, text=True, check=False, timeout=300
    )


def build(go_tools: Path, folder: str) -> str:
    built = run([go_tools / "kustomize", "build", K8S / folder])
    assert built.returncode == 0, built.stderr
    return built.stdout


def documents(text: str) -> list[Manifest]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


def is_custom(manifest: Manifest) -> bool:
    """Whether an operator defines the kind, and not Kubernetes itself."""
    group = group_of(manifest)
    return "." in group and not group.endswith(".k8s.io")


def group_of(manifest: Manifest) -> str:
    return str(manifest["apiVersion"]).rpartition("/")[0]


@pytest.mark.parametrize("folder", BUILT)
def test_each_kind_of_kubernetes_has_only_fields_that_it_defines(
    folder: str, go_tools: Path, python_tools: Path, tmp_path: Path
) -> None:
    own = [each for each in documents(build(go_tools, folder)) if not is_custom(each)]
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump_all(own), "utf-8")
    done = run([python_tools / "kubernetes-validate", "-k", KUBERNETES, "--strict", file])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout + done.stderr
    assert folder == "base/kafka" or own


@pytest.mark.parametrize("folder", BUILT)
def test_each_kind_of_an_operator_has_only_fields_that_its_definition_names(
    folder: str, go_tools: Path, strimzi: list[Path], tmp_path: Path
) -> None:
    custom = [each for each in documents(build(go_tools, folder)) if is_custom(each)]
    write_schemas(definitions_in(strimzi), tmp_path)
    checked = [each for each in custom if strimzi or group_of(each) != STRIMZI]
    if checked:
        outcome = validate(go_tools, checked, schemas(), tmp_path)
        assert outcome["resources"] == []
        assert outcome["summary"]["valid"] == len(checked)
    if len(checked) < len(custom):
        pytest.skip(f"{len(custom) - len(checked)} objects of Strimzi are checked by nothing: DMP_CRDS names no folder")


def test_a_field_that_no_definition_names_is_refused(go_tools: Path, tmp_path: Path) -> None:
    [scaled, *_] = [each for each in documents(build(go_tools, "overlays/national")) if each["kind"] == "ScaledObject"]
    scaled["spec"]["minimumReplicas"] = 2
    [refused] = validate(go_tools, [scaled], schemas(), tmp_path)["resources"]
    assert "minimumReplicas" in refused["msg"]


def test_the_recoveries_of_the_page_about_restores_fit_the_definition_of_the_operator(
    go_tools: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    recoveries = [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    specs = []
    for number, recovery in enumerate(recoveries):
        folder = tmp_path / str(number)
        folder.mkdir()
        base = os.path.relpath(K8S / "base" / "postgres", folder)
        (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base], **recovery}), "utf-8")
        built = run([go_tools / "kustomize", "build", folder])
        assert built.returncode == 0, built.stderr
        clusters = [each for each in documents(built.stdout) if each["kind"] == "Cluster"]
        assert validate(go_tools, clusters, schemas())["summary"]["valid"] == len(clusters)
        specs += [each["spec"] for each in clusters if each["metadata"]["name"] == "consent-db"]
    assert [list(spec["bootstrap"]) for spec in specs] == [["recovery"], ["initdb"]]
    archived = {spec["plugins"][0]["parameters"]["serverName"] for spec in specs}
    [lost] = specs[0]["externalClusters"]
    assert lost["plugin"]["parameters"]["serverName"] not in archived


def validate(go_tools: Path, manifests: list[Manifest], *folders: Path) -> Any:
    names = "{{ .Group }}_{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"
    locations = [part for folder in folders for part in ("-schema-location", f"{folder}/{names}")]
    command: list[str | Path] = [go_tools / "kubeconform", "-strict", "-summary", "-output", "json", *locations, "-"]
    return json.loads(run(command, yaml.safe_dump_all(manifests)).stdout)


def test_the_pods_keep_the_rules_of_checkov(go_tools: Path, python_tools: Path, tmp_path: Path) -> None:
    texts = [build(go_tools, folder) for folder in ("overlays/national", "migrate/pre", "migrate/post")]
    pinned = re.sub(r"image: dmp(-edge|-postgres)?$", f"image: {IMAGE}", "---\n".join(texts), flags=re.MULTILINE)
    (tmp_path / "manifests.yaml").write_text(pinned, "utf-8")
    rules = ("--config-file", CLUSTER_FOLDER / "checkov.yaml")
    done = run([python_tools / "checkov", *rules, "-f", tmp_path / "manifests.yaml", "-o", "json"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["summary"]["passed"] > 1000


def test_hadolint_accepts_the_dockerfiles(python_tools: Path) -> None:
    dockerfiles = sorted((ROOT / "deploy" / "image").glob("*Dockerfile"))
    assert len(dockerfiles) == 4
    done = run([python_tools / "hadolint", *dockerfiles])
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules_as_the_cluster_gets_them(go_tools: Path, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is absent; Debian's package prometheus has it")
    rules = [each for each in documents(build(go_tools, "overlays/national")) if each["kind"] == "PrometheusRule"]
    assert len(rules) == len(list((ROOT / "deploy" / "alerts").glob("*.yaml")))
    for rule in rules:
        file = tmp_path / f"{rule['metadata']['name']}.yaml"
        file.write_text(yaml.safe_dump(rule["spec"]), "utf-8")
        done = run([promtool, "check", "rules", file])
        assert done.returncode == 0, done.stdout + done.stderr
