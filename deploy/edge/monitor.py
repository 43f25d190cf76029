"""The edge's listener for its installation: whether it is ready, and its metrics. Callers must not reach it."""

from typing import Any, Final

from deploy.edge.tls import TYPE

PAGES: Final = ("/ready", "/stats/prometheus")
"""The only pages of Envoy's own that are shown beyond the loopback: they change nothing."""


def monitor(host: str, port: int) -> dict[str, Any]:
    """Returns the listener, which answers in a flood too: its connections are not counted."""
    routes = [{"match": {"path": path, **_METHOD}, "route": {"cluster": "admin", "timeout": "5s"}} for path in PAGES]
    router = {"@type": f"{TYPE}extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "monitor",
        "request_timeout": "5s",
        "http_filters": [{"name": "router", "typed_config": router}],
        "route_config": {"virtual_hosts": [{"name": "monitor", "domains": ["*"], "routes": routes}]},
    }
    return {
        "name": "monitor",
        "address": {"socket_address": {"address": host, "port_value": port}},
        "ignore_global_conn_limit": True,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


_METHOD: Final = {"headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
