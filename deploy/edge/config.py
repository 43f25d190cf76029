"""Envoy's configuration of the edge, in its JSON form.

Callers reach the five APIs on one listener, which asks for no certificate. Cards and organisations reach identity's
certificate routes on another, which admits nobody without one. MLLP passes through unopened. Files of TLS are named in
files of their own (SDS), so that Envoy reads them again when they are replaced.
"""

from pathlib import Path
from typing import Final

from deploy.edge.clusters import cluster
from deploy.edge.monitor import monitor
from deploy.edge.routes import LARGEST_SIGNED_BODY, apis, cards, elsewhere, operators, pages, seconds
from deploy.edge.settings import EdgeSettings, Limits
from deploy.edge.signer import FORWARDED_CERTIFICATE
from deploy.edge.tls import TYPE, Json, mutual_tls, server_tls
from services.identity.clients.domain.edge import CERTIFICATE_HEADER, SIGNATURE_HEADER

STRIPPED: Final = (
    *(
        CERTIFICATE_HEADER,
        SIGNATURE_HEADER,
        "client-cert-chain",
        "x-client-cert",
        "ssl-client-cert",
        "x-ssl-client-cert",
    ),
    *("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
)
"""Headers that the edge alone may set, besides Envoy's own: a client's are removed before anything reads them."""


def config(settings: EdgeSettings, folder: Path) -> Json:
    """Returns the configuration of Envoy. `folder`: where the files that `secrets` returns lie."""
    limits = settings.limits
    upstreams = [cluster(name, at, folder, settings) for name, at in sorted(settings.services.items())]
    upstreams += [cluster(f"{name}-worker", at, folder, settings) for name, at in sorted(settings.workers.items())]
    upstreams += [cluster("records-mllp", settings.mllp), cluster("signer", settings.signer)]
    upstreams += [cluster("admin", f"127.0.0.1:{settings.admin_port}")] if settings.monitor_port else []
    listeners = [
        _listener(
            "https", settings, server_tls(folder), [_http(settings, "https", [*apis(settings), pages(settings)])]
        ),
        _listener("cards", settings, mutual_tls("cards", folder), [_http(settings, "cards", cards(settings))]),
        _listener("mllp", settings, None, _passthrough(limits.mllp_connections)),
    ]
    listeners += [monitor(settings.host, settings.monitor_port)] if settings.monitor_port else []
    if settings.workers:
        filters = [_http(settings, "operators", operators(settings))]
        listeners.append(_listener("operators", settings, mutual_tls("operators", folder), filters))
    counted = {
        "@type": f"{TYPE}extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": limits.connections,
    }
    return {
        "node": {"id": "edge", "cluster": "edge"},
        "admin": {"address": _address("127.0.0.1", settings.admin_port)},
        "static_resources": {"listeners": listeners, "clusters": upstreams},
        "overload_manager": {
            "resource_monitors": [
                {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": counted}
            ]
        },
    }


def _listener(name: str, settings: EdgeSettings, tls: Json | None, filters: list[Json]) -> Json:
    chain: Json = {"filters": filters}
    if tls is not None:
        chain |= {"transport_socket": {"name": "tls", "typed_config": tls}, "transport_socket_connect_timeout": "10s"}
    return {
        "name": name,
        "address": _address(settings.host, getattr(settings, f"{name}_port")),
        "per_connection_buffer_limit_bytes": 65_536,
        "filter_chains": [chain],
    }


def _http(settings: EdgeSettings, name: str, hosts: list[Json]) -> Json:
    """Returns the filter that speaks HTTP: what a request may be, then who may ask how often, then where it goes."""
    is_cards = name == "cards"
    router = {"@type": f"{TYPE}extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True}
    manager: Json = {
        "@type": f"{TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        **_protocol(settings.limits),
        **_believed(certificate=is_cards),
        "local_reply_config": _own_answers(),
        "http_filters": [
            _rate_limit(settings),
            *([_signer(settings)] if is_cards else []),
            {"name": "router", "typed_config": router},
        ],
        "route_config": {
            "ignore_port_in_host_matching": True,
            "request_headers_to_remove": [FORWARDED_CERTIFICATE],
            "response_headers_to_add": [_header("strict-transport-security", "max-age=63072000; includeSubDomains")],
            "virtual_hosts": [*hosts, elsewhere()],
        },
    }
    return {"name": "http", "typed_config": manager}


def _protocol(limits: Limits) -> Json:
    """Returns the size, time and form of what is taken as a request."""
    return {
        "normalize_path": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "max_request_headers_kb": limits.head_kib,
        "request_headers_timeout": seconds(limits.head_s),
        "request_timeout": seconds(limits.request_s),
        "stream_idle_timeout": seconds(limits.silence_s),
        "common_http_protocol_options": {
            "idle_timeout": "75s",
            "max_connection_duration": seconds(limits.connection_s),
            "max_headers_count": limits.fields,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {"max_concurrent_streams": 100},
    }


def _believed(*, certificate: bool) -> Json:
    """Returns what is said of the client: its address as it connected, and with `certificate` the one it showed."""
    removed = [{"remove": header} for header in STRIPPED]
    strip = f"{TYPE}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {
        "use_remote_address": True,
        "forward_client_cert_details": "SANITIZE_SET" if certificate else "SANITIZE",
        "set_current_client_cert_details": {"cert": certificate},
        "early_header_mutation_extensions": [
            {"name": "strip", "typed_config": {"@type": strip, "mutations": removed}},
        ],
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": False,
    }


def _rate_limit(settings: EdgeSettings) -> Json:
    """Returns the filter that gives each address a bucket of its own."""
    limits = settings.limits
    bucket = {"max_tokens": limits.burst, "tokens_per_fill": limits.requests_per_s, "fill_interval": "1s"}
    network = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    typed = {
        "@type": f"{TYPE}extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "clients",
        "token_bucket": {"max_tokens": 2**30, "tokens_per_fill": 2**30, "fill_interval": "1s"},
        "filter_enabled": always,
        "filter_enforced": always,
        "rate_limits": [{"actions": [network]}],
        "descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        "max_dynamic_descriptors": 100_000,
    }
    return {"name": "rate", "typed_config": typed}


def _signer(settings: EdgeSettings) -> Json:
    """Returns the filter that has each request signed, and refuses those that the signer does not sign."""
    typed = {
        "@type": f"{TYPE}extensions.filters.http.ext_authz.v3.ExtAuthz",
        "http_service": {
            "server_uri": {"uri": "http://signer", "cluster": "signer", "timeout": "2s"},
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"exact": CERTIFICATE_HEADER}, {"exact": SIGNATURE_HEADER}]}
            },
        },
        "allowed_headers": {"patterns": [{"exact": FORWARDED_CERTIFICATE}]},
        "with_request_body": {"max_request_bytes": LARGEST_SIGNED_BODY, "pack_as_bytes": True},
        "status_on_error": {"code": "ServiceUnavailable"},
        "failure_mode_allow": False,
    }
    return {"name": "signer", "typed_config": typed}


def _passthrough(connections: int) -> list[Json]:
    limit = {"@type": f"{TYPE}extensions.filters.network.connection_limit.v3.ConnectionLimit", "stat_prefix": "mllp"}
    proxy = {"@type": f"{TYPE}extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "mllp"}
    return [
        {"name": "connections", "typed_config": {**limit, "max_connections": connections}},
        {"name": "tcp", "typed_config": {**proxy, "cluster": "records-mllp"}},
    ]


def _own_answers() -> Json:
    """Returns how the edge's own refusals are put: a problem (RFC 9457), with Retry-After where trying again helps."""
    body = {
        "type": "urn:dmp:error:edge-refused",
        "title": "edge refused",
        "status": "%RESPONSE_CODE%",
        "code": "edge-refused",
        "detail": "The edge did not pass this request on.",
    }
    return {
        "mappers": [_with_retry_after(status) for status in (429, 503, 504)],
        "body_format": {"json_format": body, "content_type": "application/problem+json"},
    }


def _with_retry_after(status: int) -> Json:
    code = {"default_value": status, "runtime_key": "unused"}
    return {
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": code}}},
        "headers_to_add": [_header("retry-after", "1")],
    }


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
