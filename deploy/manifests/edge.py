"""The edge by the Gateway API and cert-manager: who is reached from outside, under which name, with which TLS.

Callers reach the APIs over HTTPS. Cards and organisations show client certificates on a listener of their own, which
leads to identity alone. HL7 v2 passes through unopened: records itself asks for the sender's certificate.
"""

from collections.abc import Iterator
from typing import Final

from deploy.manifests.network import EDGE
from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.variables import DOMAIN, HTTP_PORT, MLLP_PORT
from services.identity.clients.domain.edge import CERTIFICATE_HEADER, SIGNATURE_HEADER
from shared.contracts.declarations import SERVICES

API: Final = "gateway.networking.k8s.io/v1"
CARDS_HOST, MLLP_HOST = f"cards.{DOMAIN}", f"mllp.{DOMAIN}"
CARDS_PORT: Final = 8443
_ISSUER: Final = {"kind": "ClusterIssuer", "name": "dmp"}
_STRIPPED: Final = (CERTIFICATE_HEADER, SIGNATURE_HEADER, "forwarded", "x-real-ip", "x-client-cert", "ssl-client-cert")
"""Headers that the edge alone may set: a caller's own are removed."""
_CERTIFICATE_PATHS: Final = ("/oauth/token", "/professionals")


def edge() -> Iterator[Manifest]:
    """Yields the gateway, its certificates and its routes."""
    yield _gateway()
    yield _certificate("dmp-edge-tls", [f"{service}.{DOMAIN}" for service in SERVICES])
    yield _certificate("dmp-cards-tls", [CARDS_HOST])
    yield _certificate("records-mllp-tls", [MLLP_HOST])
    for service in SERVICES:
        yield _route(service, f"{service}-api", "https", f"{service}.{DOMAIN}", ["/"])
    yield _route("identity-cards", "identity-api", "cards", CARDS_HOST, _CERTIFICATE_PATHS)
    yield _passthrough()


def _gateway() -> Manifest:
    validation = {
        "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "health-authorities"}],
        "mode": "AllowValidOnly",
    }
    listeners = [
        _https("https", 443, f"*.{DOMAIN}", "dmp-edge-tls"),
        _https("cards", CARDS_PORT, CARDS_HOST, "dmp-cards-tls"),
        {
            "name": "mllp",
            "port": MLLP_PORT,
            "protocol": "TLS",
            "hostname": MLLP_HOST,
            "tls": {"mode": "Passthrough"},
            "allowedRoutes": {"namespaces": {"from": "Same"}, "kinds": [{"kind": "TLSRoute"}]},
        },
    ]
    frontend = {
        "default": {},
        "perPort": [{"port": CARDS_PORT, "tls": {"validation": validation}}],
    }
    spec = {"gatewayClassName": EDGE, "listeners": listeners, "tls": {"frontend": frontend}}
    return manifest(API, "Gateway", "dmp", spec=spec)


def _https(name: str, port: int, host: str, secret: str) -> Manifest:
    return {
        "name": name,
        "port": port,
        "protocol": "HTTPS",
        "hostname": host,
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": secret}]},
        "allowedRoutes": {"namespaces": {"from": "Same"}},
    }


def _route(name: str, backend: str, listener: str, host: str, paths: tuple[str, ...] | list[str]) -> Manifest:
    """Returns a route to an API. A request has the time that the API itself allows; the edge repeats none."""
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths],
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": list(_STRIPPED)}}],
        "backendRefs": [{"name": backend, "port": HTTP_PORT}],
        "timeouts": {"request": "60s", "backendRequest": "60s"},
    }
    spec = {"parentRefs": [{"name": "dmp", "sectionName": listener}], "hostnames": [host], "rules": [rule]}
    return manifest(API, "HTTPRoute", name, spec=spec)


def _passthrough() -> Manifest:
    rule = {"backendRefs": [{"name": "records-mllp", "port": MLLP_PORT}]}
    spec = {"parentRefs": [{"name": "dmp", "sectionName": "mllp"}], "hostnames": [MLLP_HOST], "rules": [rule]}
    return manifest(API, "TLSRoute", "records-mllp", spec=spec)


def _certificate(secret: str, hosts: list[str]) -> Manifest:
    key = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    spec = {"secretName": secret, "dnsNames": hosts, "issuerRef": _ISSUER, "privateKey": key}
    return manifest(
        "cert-manager.io/v1", "Certificate", secret, spec={**spec, "duration": "2160h", "renewBefore": "720h"}
    )
