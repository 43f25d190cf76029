"""Certificates by cert-manager: of what callers reach, and of an authority of the installation's own inside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from deploy.cli.operator_routes import OPERATORS_HOST
from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.processes import PROCESSES
from deploy.manifests.variables import DOMAIN
from shared.contracts.declarations import SERVICES

API: Final = "cert-manager.io/v1"
_PUBLIC: Final = {"kind": "ClusterIssuer", "name": "dmp"}
"""The installation's issuer of certificates that callers verify."""
_ITSELF, _OWN = ({"kind": "Issuer", "name": name} for name in ("self-signed", "inside"))
AUTHORITY: Final = "inside-authority"
_KEY: Final = {"algorithm": "ECDSA", "size": 256}
_Usage = Literal["server auth", "client auth"]


def certificates() -> Iterator[Manifest]:
    """Yields the issuers and all certificates: of a process for a server alone, the edge's proof for a client alone."""
    yield manifest(API, "Issuer", _ITSELF["name"], spec={"selfSigned": {}})
    yield _authority()
    yield manifest(API, "Issuer", _OWN["name"], spec={"ca": {"secretName": AUTHORITY}})
    for process in PROCESSES:
        yield _certificate(process.certificate, [process.name], _OWN)
    yield _certificate("edge-proof-tls", ["edge"], _OWN, usage="client auth")
    yield _certificate("dmp-edge-tls", [f"{name}.{DOMAIN}" for name in (*SERVICES, "cards", OPERATORS_HOST)], _PUBLIC)
    yield _certificate("records-mllp-tls", [f"mllp.{DOMAIN}"], _PUBLIC)


def _authority() -> Manifest:
    """Returns the authority of the processes and the edge. It keeps its key, so that a renewal disturbs nobody."""
    spec = {"isCA": True, "commonName": "dmp inside", "secretName": AUTHORITY, "issuerRef": _ITSELF}
    lasting = {"duration": "87600h", "renewBefore": "8760h", "privateKey": {**_KEY, "rotationPolicy": "Never"}}
    return manifest(API, "Certificate", AUTHORITY, spec={**spec, **lasting})


def _certificate(
    secret: str, hosts: Sequence[str], issuer: Mapping[str, Any], usage: _Usage = "server auth"
) -> Manifest:
    key = {**_KEY, "rotationPolicy": "Always"}
    spec = {"secretName": secret, "dnsNames": hosts, "issuerRef": issuer, "privateKey": key, "usages": [usage]}
    return manifest(API, "Certificate", secret, spec={**spec, "duration": "2160h", "renewBefore": "720h"})
