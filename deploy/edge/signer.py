"""Signs client certificates for identity: `python -m deploy.edge.signer ADDRESS`, beside Envoy.

ADDRESS is HOST:PORT on the loopback, or the path of a socket in a folder that it shares with Envoy alone.

Envoy asks for each request to identity's certificate routes (`ext_authz`), with the body and the certificate that it
has verified (`x-forwarded-client-cert`, which it never takes from a client). The answer holds the two headers that
Envoy adds to the request. EDGE_KEYS, or the file that EDGE_KEYS_FILE names, holds the keyring shared with identity.
"""

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.clients.domain.edge import SignedRequest, sign_certificate
from shared.crypto.keyring import Keyring
from shared.errors import CodedError
from shared.loopback import is_loopback
from shared.runtime import clock

FORWARDED_CERTIFICATE: Final = "x-forwarded-client-cert"
_CERTIFICATE: Final = re.compile(r'(?:^|[;,])Cert="([^"]*)"')


def make_signer(keys: Keyring) -> Starlette:
    """Returns the app: any path and method, 200 with the signed headers, or 403 without a single certificate."""

    async def sign(request: Request) -> Response:
        certificate = forwarded_certificate(request.headers.getlist(FORWARDED_CERTIFICATE))
        if certificate is None:
            return Response(status_code=403)
        signed = SignedRequest(request.method, _target(request), await request.body())
        return Response(headers=sign_certificate(keys, certificate, signed, clock.now()))

    return Starlette(routes=[Route("/{path:path}", sign, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])])


def forwarded_certificate(values: list[str]) -> bytes | None:
    """Returns the one certificate (DER) of Envoy's header, or None if there is none or more than one."""
    certificates = _CERTIFICATE.findall(values[0]) if len(values) == 1 else []
    if len(certificates) != 1:
        return None
    try:
        return ssl.PEM_cert_to_DER_cert(unquote(certificates[0]))
    except ValueError:
        return None


def _target(request: Request) -> str:
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("latin-1")


def _keys() -> Keyring:
    """Raises CodedError if no usable keyring is set."""
    text = os.environ.get("EDGE_KEYS")
    if text is None and (file := os.environ.get("EDGE_KEYS_FILE")) is not None:
        text = Path(file).read_text().strip()
    if text is None:
        raise CodedError("EDGE_KEYS or EDGE_KEYS_FILE is needed: the keyring shared with identity")
    return Keyring.parse(text)


def main(arguments: list[str]) -> int:
    """Serves until the process is ended. Returns 2 for wrong arguments, 78 for wrong settings."""
    place = arguments[0] if len(arguments) == 1 else ""
    host, separator, port = place.rpartition(":")
    if not place.startswith("/") and not (separator and port.isdecimal()):
        print("usage: python -m deploy.edge.signer HOST:PORT | SOCKET", file=sys.stderr)
        return 2
    try:
        if not place.startswith("/") and not is_loopback(host):
            raise CodedError("the signer listens on the loopback alone: it checks no caller")
        app = make_signer(_keys())
    except (CodedError, OSError) as error:
        print(f"signer: {error}", file=sys.stderr)
        return 78
    options: dict[str, Any] = {"uds": place} if place.startswith("/") else {"host": host, "port": int(port)}
    uvicorn.run(app, **options, loop="uvloop", ws="none", log_config=None, access_log=False, proxy_headers=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
