"""The hosts of the edge, and where their requests go."""

from typing import Final

from deploy.cli.operator_routes import LONGEST_ACT_S, OPERATOR_PATHS, OPERATORS_HOST
from deploy.edge.settings import EdgeSettings
from deploy.edge.tls import Json
from shared.contracts.page_paths import PAGE_PATHS, PagePath

CERTIFICATE_ROUTES: Final = ("/professionals/card", "/oauth/token")
"""The routes of identity that read a client certificate."""
DOWNLOADS: Final = {"records": "/records/[^/]+/export/file", "audit": "/records/[^/]+/accesses/file"}
"""The path of the file of any size that a service gives out, as a regular expression (RE2)."""
LONGEST_PAUSE_S: Final = 150.0
"""Seconds without a byte in such a file: longer than a part of it waits for its turn."""
PAGES_HOST: Final = "dossier"
"""The first label of the host of all pages: one origin, so that a session's cookies are of one host."""
LARGEST_SIGNED_BODY: Final = 64 * 1024
"""Bytes of a body on a certificate route, as identity takes them."""
LARGEST_ACT: Final = 64 * 1024
"""Bytes of a body to a worker, as workers take them."""


def apis(settings: EdgeSettings) -> list[Json]:
    """Returns the host of each API, without the pages that one machine alone has."""
    closed = {"match": {"path_separated_prefix": "/demo"}, "direct_response": {"status": 404}}
    return [
        _host(
            service,
            f"{service}.{settings.domain}",
            [_too_large(settings.limits.body), closed, *_download(settings, service), _route(settings, service)],
        )
        for service in sorted(settings.services)
    ]


def pages(settings: EdgeSettings) -> Json:
    """Returns the one host of all pages. Those of operators are not on it: workers are reached by another listener."""
    routes = [_route(settings, page.service, _page_match(page)) for page in PAGE_PATHS if page.role == "api"]
    host = _host("pages", f"{PAGES_HOST}.{settings.domain}", [_too_large(settings.limits.body), *routes])
    return {**host, "request_headers_to_remove": ["authorization"]}  # people are known by their cookies alone


def _page_match(page: PagePath) -> Json:
    """Returns what matches a page's path and, unless it is exact, all below it (RE2 matches the whole path)."""
    if page.is_exact:
        return {"path": page.path}
    if "{" not in page.path:
        return {"path_separated_prefix": page.path}
    path = "".join(f"/{'[^/]+' if part.startswith('{') else part}" for part in page.segments)
    return {"safe_regex": {"regex": f"{path}(/.*)?"}}


def cards(settings: EdgeSettings) -> list[Json]:
    """Returns the host of cards and organisations, which leads to identity's certificate routes alone."""
    routes = [_route(settings, "identity", {"path": path}) for path in CERTIFICATE_ROUTES]
    return [_host("cards", f"cards.{settings.domain}", [_too_large(LARGEST_SIGNED_BODY), *routes])]


def operators(settings: EdgeSettings) -> list[Json]:
    """Returns the host of operators: of each worker the paths for them alone."""
    routes = [_worker_route(settings, name, path) for name in sorted(settings.workers) for path in OPERATOR_PATHS]
    return [_host("operators", f"{OPERATORS_HOST}.{settings.domain}", [_too_large(LARGEST_ACT), *routes])]


def _host(name: str, domain: str, routes: list[Json]) -> Json:
    return {"name": name, "domains": [domain], "routes": routes}


def elsewhere() -> Json:
    """A request for another host is misdirected (RFC 9110, section 15.5.20)."""
    return _host("elsewhere", "*", [{"match": {"prefix": "/"}, "direct_response": {"status": 421}}])


def _route(settings: EdgeSettings, name: str, match: Json | None = None) -> Json:
    """Returns a route that tries again only where nothing was sent: a service that is being replaced is not reached."""
    again = {"retry_on": "connect-failure", "num_retries": 2}
    action = {"cluster": name, "timeout": seconds(settings.limits.answer_s), "retry_policy": again}
    return {"match": match or {"prefix": "/"}, "route": action}


def _download(settings: EdgeSettings, service: str) -> list[Json]:
    """Returns the route of the service's one file of any size, which may take long and pause between its parts."""
    if service not in DOWNLOADS:
        return []
    described = _route(settings, service, {"safe_regex": {"regex": DOWNLOADS[service]}})
    longest = {"timeout": seconds(settings.limits.download_s), "idle_timeout": seconds(LONGEST_PAUSE_S)}
    return [{**described, "route": {**described["route"], **longest}}]


def _worker_route(settings: EdgeSettings, service: str, path: str) -> Json:
    """Returns the route of one path of a worker, below the service's name. An act may take long and say nothing."""
    described = _route(settings, f"{service}-worker", {"path_separated_prefix": f"/{service}{path}"})
    longest = seconds(LONGEST_ACT_S)
    return {
        **described,
        "route": {**described["route"], "prefix_rewrite": path, "timeout": longest, "idle_timeout": longest},
    }


def seconds(number: float) -> str:
    """Returns a duration as Envoy writes it."""
    return f"{number:g}s"


def _too_large(limit: int) -> Json:
    """Returns the route of requests that announce a larger body. What is not announced, the service counts."""
    announced = {"name": "content-length", "range_match": {"start": limit + 1, "end": 2**63 - 1}}
    return {"match": {"prefix": "/", "headers": [announced]}, "direct_response": {"status": 413}}
