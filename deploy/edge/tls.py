"""The TLS of the edge's listeners, and the files by which Envoy reads replaced certificates again (SDS)."""

from pathlib import Path
from typing import Any, Final

from deploy.edge.settings import EdgeSettings

Json = dict[str, Any]
TYPE: Final = "type.googleapis.com/envoy."
"""What the names of Envoy's types begin with."""


def server_tls(folder: Path) -> Json:
    """Returns the TLS of a listener that asks for no certificate."""
    return _downstream({"tls_certificate_sds_secret_configs": [secret_source("edge", folder)]})


def mutual_tls(authorities: str, folder: Path) -> Json:
    """Returns the TLS of a listener that requires a certificate of these authorities: `cards` or `operators`."""
    common: Json = {"tls_certificate_sds_secret_configs": [secret_source("edge", folder)]}
    common |= {"validation_context_sds_secret_config": secret_source(authorities, folder)}
    return {**_downstream(common), "require_client_certificate": True}


def _downstream(common: Json) -> Json:
    return {
        "@type": f"{TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        # A resumed session would not be verified again by the present authorities.
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            **common,
        },
    }


def secret_source(name: str, folder: Path) -> Json:
    """Returns where Envoy finds a secret: a file that names the files of TLS, which it watches."""
    source = {"path_config_source": {"path": str(folder / f"{name}.json")}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def secrets(settings: EdgeSettings) -> dict[str, Json]:
    """Returns the files that name the files of TLS, by the name of each."""
    listed = {"edge": _pair(settings.certificate, settings.key), "cards": _authorities(settings.card_authorities)}
    if settings.operator_authorities is not None:
        listed["operators"] = _authorities(settings.operator_authorities)
    if settings.service_authorities is not None:
        listed["services"] = _authorities(settings.service_authorities)
    if settings.service_certificate is not None and settings.service_key is not None:
        listed["proof"] = _pair(settings.service_certificate, settings.service_key)
    return {name: _resources(name, secret) for name, secret in listed.items()}


def _pair(certificate: Path, key: Path) -> Json:
    pair = {"certificate_chain": _file(certificate), "private_key": _file(key), **_watched(certificate)}
    return {"tls_certificate": pair}


def _authorities(file: Path) -> Json:
    return {"validation_context": {"trusted_ca": _file(file), **_watched(file)}}


def _watched(file: Path) -> Json:
    """Returns what Envoy watches: the folder, since a mounted Secret replaces a link in it and not the file."""
    return {"watched_directory": {"path": str(file.parent)}}


def _resources(name: str, secret: Json) -> Json:
    kind = f"{TYPE}extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": name, **secret}]}


def _file(path: Path) -> Json:
    return {"filename": str(path)}
