"""The generated files of `deploy/k8s`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from deploy.manifests import alerts, archives, certificates, edge, kafka, migrations, postgres, roles, secrets
from deploy.manifests.network import default_policy, own_default_policy
from deploy.manifests.objects import Manifest, kustomization, manifest, text_of
from deploy.manifests.scaling import lag_access
from deploy.manifests.services import objects_of
from deploy.manifests.variables import environment_file
from shared.contracts.declarations import SERVICES
from shared.db.migrate import PHASES

K8S: Final = Path(__file__).parents[1] / "k8s"
NAMESPACE: Final = "dmp"


def manifest_files() -> Iterator[tuple[Path, str]]:
    """Yields the path and the text of every generated file."""
    base = K8S / "base"
    for service in SERVICES:
        yield base / f"{service}.yaml", text_of(*objects_of(service))
        yield base / "settings" / f"{service}.env", environment_file(service)
    yield base / "namespace.yaml", text_of(_namespace())
    yield base / "policies.yaml", text_of(default_policy(), own_default_policy())
    yield base / "roles.yaml", text_of(*roles.roles())
    yield base / "scaling.yaml", text_of(lag_access())
    yield base / "kustomization.yaml", text_of(_base())
    kafka_files = {"cluster": kafka.cluster(), "topics": kafka.topics(), "users": kafka.users()}
    yield from _folder(base / "kafka", kafka_files)
    yield from _folder(base / "postgres", {"clusters": postgres.clusters(), "archives": archives.archives()})
    yield from _folder(base / "secrets", {"secrets": secrets.secrets()})
    yield from _folder(
        base / "edge",
        {"edge": edge.edge(), "certificates": certificates.certificates()},
        configMapGenerator=[{"name": edge.SETTINGS, "files": ["edge.toml"]}],
    )
    yield base / "edge" / "edge.toml", edge.settings_text()
    yield from _folder(base / "alerts", {"rules": alerts.rules()})
    for phase in PHASES:
        yield from _folder(K8S / "migrate" / phase, {"jobs": migrations.jobs(phase)})


def _folder(folder: Path, files: dict[str, Iterator[Manifest]], **more: Any) -> Iterator[tuple[Path, str]]:
    """Yields the files of a folder with the kustomization that lists them and has `more`."""
    for name, manifests in files.items():
        yield folder / f"{name}.yaml", text_of(*manifests)
    yield folder / "kustomization.yaml", text_of({**_kustomization(f"{name}.yaml" for name in files), **more})


def _kustomization(resources: Iterable[str]) -> Manifest:
    return kustomization(resources, namespace=NAMESPACE)


def _base() -> Manifest:
    """Returns the kustomization of the services. The name of a ConfigMap follows its content: a change rolls pods."""
    maps = [{"name": f"{service}-settings", "envs": [f"settings/{service}.env"]} for service in SERVICES]
    files = ("namespace", "policies", "roles", "scaling", *SERVICES)
    return {**_kustomization(f"{name}.yaml" for name in files), "configMapGenerator": maps}


def _namespace() -> Manifest:
    """Returns the namespace, which takes only pods that keep the Pod Security Standard `restricted`."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return manifest("v1", "Namespace", NAMESPACE, labels=levels)
