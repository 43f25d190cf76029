"""The overlay of a test cluster: `ci-real`, with the addresses, the certificates and the Secrets of this machine."""

import json
import os
from pathlib import Path
from typing import Any, Final

from deploy.cluster.network import ADDRESS, CLUSTER_NETWORK
from deploy.local.platform.databases import owner_dsn, process_dsn
from deploy.manifests.files import K8S
from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.processes import processes_of
from deploy.manifests.variables import DOMAIN, KAFKA_PORT, SECRETS, key_files
from shared.contracts.declarations import SERVICES, Service
from tests.infra.cluster.platform import PROVIDER_ADDRESS, PlatformStack

NAMESPACE: Final = "dmp"
SYSTEM_AUTHORITIES: Final = "/usr/lib/ssl/cert.pem"
"""Where OpenSSL of the image looks for authorities, besides its folder: the provider's is put there."""
EDGE_KEYS: Final = "edge-keys"
_AUTHORITY: Final = f"{SECRETS}/kafka-ca.crt"
_HOSTS: Final = {
    ADDRESS: [*(f"{service}.{DOMAIN}" for service in SERVICES), f"smtp.{DOMAIN}"],
    PROVIDER_ADDRESS: [f"psc.{DOMAIN}"],
}


def write_overlay(folder: Path, *, window_s: int) -> Path:
    """Writes the overlay into a folder and returns it. `window_s`: for how long alerts of a record are gathered."""
    folder.mkdir(parents=True, exist_ok=True)
    base = os.path.relpath((K8S / "overlays" / "ci-real").resolve(), folder.resolve())
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [base],
        "configMapGenerator": [
            {"name": f"{service}-settings", "behavior": "merge", "literals": _settings(service, window_s)}
            for service in SERVICES
        ],
        "patches": [
            _patch("Deployment", ".*", _names()),
            _patch("Deployment", "identity-api", _provider_trust()),
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content, indent=1), "utf-8")
    return folder


def secrets(stack: PlatformStack, pki: Path, edge_keys: str) -> list[Manifest]:
    """Returns the Secrets that the vault would give. `pki`: the folder of the cards' authorities."""
    authority = {"ca.crt": stack.authority.file.read_text("utf-8")}
    found = [_secret("dmp-cluster-ca-cert", authority), _secret("records-mllp-senders", authority)]
    found.append(_secret("records-mllp-tls", _tls(stack, "records-mllp")))
    cards = {f"{name}.pem": (pki / f"{name}.pem").read_text("utf-8") for name in _CARD_FILES}
    found.append(_secret("identity-cards", cards))
    gateway = stack.layout.gateway_certificate.read_text("utf-8")
    found.append(_secret("notify-gateways", {"sms.pem": gateway, "letters.pem": gateway}))
    for service in SERVICES:
        found += _secrets_of(stack, service, authority, edge_keys)
    return found


_CARD_FILES: Final = ("roots", "persons", "organisations", "revocations")


def _secrets_of(stack: PlatformStack, service: Service, authority: dict[str, str], edge_keys: str) -> list[Manifest]:
    dsns = {f"{role}-dsn": process_dsn(stack.postgres, stack.secrets, service, role) for role in ("api", "worker")}
    owner = {"owner-dsn": owner_dsn(stack.postgres, stack.secrets, service)}
    keys = {file: _key(stack, service, setting, edge_keys) for setting, file in key_files(service).items()}
    return [
        _secret(f"{service}-database", {name: _from_pods(dsn) for name, dsn in dsns.items()}),
        _secret(f"{service}-database-owner", {name: _from_pods(dsn) for name, dsn in owner.items()}),
        _secret(f"{service}-db-ca", authority),
        _secret(f"{service}-kafka", {"password": stack.kafka.credentials(service).password}),
        *(
            _secret(process.certificate, {**_tls(stack, process.name), **authority})
            for process in processes_of(service)
        ),
        *([_secret(f"{service}-keys", keys)] if keys else []),
    ]


def _key(stack: PlatformStack, service: Service, setting: str, edge_keys: str) -> str:
    match setting:
        case "PROFESSIONALS__EDGE_KEYS":
            return edge_keys
        case "SMTP__PASSWORD":
            return stack.secrets.password("smtp")
        case _:
            return stack.services.variables(service)[f"{service.upper()}_{setting}"]


def _from_pods(dsn: str) -> str:
    """Returns the connection string by which a pod reaches the server: this build of PostgreSQL has no TLS."""
    return f"{dsn.replace('@127.0.0.1:', f'@{ADDRESS}:')}?sslmode=disable"


def _settings(service: Service, window_s: int) -> list[str]:
    values = {
        "KAFKA__BOOTSTRAP": f"{ADDRESS}:{KAFKA_PORT}",
        "KAFKA__PROFILE": "local",
        "TOKENS__CA_FILE": _AUTHORITY,
        "HTTP__TRUSTED_PROXIES": CLUSTER_NETWORK,
    }
    if service == "notify":
        values |= {"SMTP__CA_FILE": _AUTHORITY, "ALERTS__WINDOW_S": str(window_s)}
    return [f"{service.upper()}_{name}={value}" for name, value in values.items()]


def _names() -> list[dict[str, Any]]:
    """Returns the patch that lets pods resolve the names of this machine, without a name server."""
    hosts = [{"ip": address, "hostnames": names} for address, names in _HOSTS.items()]
    return [_add("/spec/template/spec/hostAliases", hosts)]


def _provider_trust() -> list[dict[str, Any]]:
    mount = {"name": "secrets", "mountPath": SYSTEM_AUTHORITIES, "subPath": "kafka-ca.crt", "readOnly": True}
    return [_add("/spec/template/spec/containers/0/volumeMounts/-", mount)]


def _patch(kind: str, name: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"target": {"kind": kind, "name": name}, "patch": json.dumps(changes)}


def _add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _tls(stack: PlatformStack, name: str) -> dict[str, str]:
    files = stack.authority.issue(name, [name])
    return {"tls.crt": files.certificate.read_text("utf-8"), "tls.key": files.key.read_text("utf-8")}


def _secret(name: str, values: dict[str, str]) -> Manifest:
    secret = manifest("v1", "Secret", name, stringData=values)
    secret["metadata"]["namespace"] = NAMESPACE
    return secret
