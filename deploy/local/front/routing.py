"""Where a request goes, and which headers travel with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from deploy.local.platform.ports import PAGES_NAME
from shared.contracts.page_paths import page_path_of

Headers = Iterable[tuple[bytes, bytes]]
FORGED: Final = (
    *(b"forwarded", b"x-forwarded-", b"x-real-ip", b"via", b"client-cert", b"x-client-cert", b"ssl-client", b"x-ssl-"),
    *(b"authorization", b"traceparent", b"tracestate", b"x-signature"),
)
"""Beginnings of headers that no browser may send here: people are known by cookies, certificates come elsewhere."""
_HOP: Final = (
    *(b"connection", b"keep-alive", b"proxy-", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"),
)
_OWN: Final = (b"date", b"server")
_PATH_ENDS: Final = ("%2f", "%5c", "\\")
"""What would make another path of this one further on."""


@dataclass(frozen=True, slots=True)
class Front:
    """The port of the front, and the base URL of each service's API and worker."""

    port: int
    upstreams: Mapping[tuple[str, str], str]

    @property
    def authority(self) -> str:
        """The only name under which the pages are reached: cookies of 127.0.0.1 would go to every port."""
        return f"{PAGES_NAME}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of all pages."""
        return f"http://{self.authority}"

    def upstream_of(self, raw_path: str, path: str) -> tuple[str, str] | None:
        """Returns service and role that serve a path, or None where no page is."""
        if any(part in raw_path.lower() for part in _PATH_ENDS):
            return None
        page = page_path_of(path)
        return None if page is None else (page.service, page.role)


def request_headers(headers: Headers, peer: str) -> list[tuple[bytes, bytes]]:
    """Returns the headers for the service: the browser's without those that it cannot have, and its address."""
    kept = [(name, value) for name, value in headers if not name.lower().startswith((*FORGED, *_HOP))]
    return [*kept, (b"x-forwarded-for", peer.encode())]


def response_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Returns the headers for the browser: the service's without those that concern one connection only."""
    return [(name, value) for name, value in headers if not name.lower().startswith(_HOP) and name.lower() not in _OWN]
