"""Where the edge passes requests on to: the five APIs, records' MLLP listener, the signer."""

from pathlib import Path
from typing import Any, Final

from deploy.edge.settings import EdgeSettings
from deploy.edge.tls import TYPE, secret_source

MOST_REQUESTS: Final = 1000
"""In work at one API at once: it takes 1,024 connections."""
DNS_REFRESH_S: Final = 2
"""Seconds between two looks for the addresses of a name. What leaves it gets no new request, and finishes those in
work; a pod must serve for longer than this and the age of the cluster's answers (docs/kubernetes.md)."""
_NAMED: Final = {
    "name": "envoy.clusters.dns",
    "typed_config": {"@type": f"{TYPE}extensions.clusters.dns.v3.DnsCluster", "dns_refresh_rate": f"{DNS_REFRESH_S}s"},
}
"""Every address of the name is a host of the cluster."""


def cluster(
    name: str, address: str, folder: Path | None = None, settings: EdgeSettings | None = None
) -> dict[str, Any]:
    """Returns the cluster of one address. With `settings` it is an API or a worker, reached by TLS where
    authorities are named.

    An idle connection is closed before the API would close it (75 s).
    """
    host = address.rpartition(":")[0]
    endpoint = {"endpoint": {"address": _address(address)}}
    limit = {"max_connections": MOST_REQUESTS, "max_pending_requests": MOST_REQUESTS, "max_requests": MOST_REQUESTS}
    described: dict[str, Any] = {
        "name": name,
        **({"type": "STATIC"} if address.startswith("/") else {"cluster_type": _NAMED}),
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if settings is None:
        return described
    common = {"idle_timeout": "60s", "max_connection_duration": f"{settings.limits.connection_s:g}s"}
    kind = f"{TYPE}extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {
        "@type": kind,
        "common_http_protocol_options": common,
        "explicit_http_config": {"http_protocol_options": {}},
    }
    described["typed_extension_protocol_options"] = {kind.partition("/")[2]: options}
    if settings.service_authorities is not None and folder is not None:
        proves = settings.service_certificate is not None
        described["transport_socket"] = {"name": "tls", "typed_config": _tls(host, folder, proves=proves)}
    return described


def _address(address: str) -> dict[str, Any]:
    if address.startswith("/"):
        return {"pipe": {"path": address}}
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def _tls(host: str, folder: Path, *, proves: bool) -> dict[str, Any]:
    """Returns the TLS towards an API or a worker: its certificate names the host by which the edge reaches it.

    `proves`: the edge shows a certificate of its own, by which the API believes what it says of clients.
    """
    kind = "IP_ADDRESS" if host.replace(".", "").isdecimal() or ":" in host else "DNS"
    names = [{"san_type": kind, "matcher": {"exact": host}}]
    validation = {
        "default_validation_context": {"match_typed_subject_alt_names": names},
        "validation_context_sds_secret_config": secret_source("services", folder),
    }
    return {
        "@type": f"{TYPE}extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        **({"sni": host} if kind == "DNS" else {}),
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "combined_validation_context": validation,
            **({"tls_certificate_sds_secret_configs": [secret_source("proof", folder)]} if proves else {}),
        },
    }
