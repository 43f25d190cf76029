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
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=3)
    try:
        connection.request("GET", address.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ[URL]) else 1)
