"""Asks a process of a container whether it is ready: the image's HEALTHCHECK. Standard library only, for its speed."""

import http.client
import os
import sys
from urllib.parse import urlsplit

URL = "DMP_HEALTH_URL"
"""The variable that names the address of /readyz."""


def is_ready(url: str) -> bool:
    """Returns whether the address answers 200 within 3 s."""
    address = urlsplit(url)
    connection = _connect(address.scheme, address.hostname or "", address.port or 80)
    try:
        connection.request("GET", address.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connect(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    """Returns a connection; TLS of this same container is not verified, for nothing is sent or believed."""
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=3)
    import ssl

    return http.client.HTTPSConnection(host, port, timeout=3, context=ssl._create_unverified_context())  # noqa: S323


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ[URL]) else 1)
