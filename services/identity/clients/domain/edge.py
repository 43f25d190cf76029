"""The headers by which the TLS entrance forwards a client certificate, signed with a key shared with this service.

`Client-Cert: :<base64 of DER>:` (RFC 9440) and `Client-Cert-Signature: <unix seconds>.<nonce>.<kid>.<hex>`, an HMAC
over method, path with query, SHA-256 of the body, time, nonce and certificate. A signature is valid for one request and
accepted once (`used_assertions`). The entrance removes both headers from incoming requests.
"""

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError

CERTIFICATE_HEADER, SIGNATURE_HEADER = "client-cert", "client-cert-signature"
MAX_AGE_S = 30
_LONGEST_CERTIFICATE = 16_384
_PURPOSE = "client-cert"
_SIGNATURE = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})\.([!-~]{1,128}\.[0-9a-f]{64})")


class EntranceUnknownError(ForbiddenError):
    """The client certificate was not forwarded by the TLS entrance of this service."""

    code = "entrance-unknown"
    french = "Le certificat client n’a pas été transmis par l’entrée TLS de ce service."


@dataclass(frozen=True, slots=True)
class EdgeSignature:
    """A signature of the TLS entrance. Its SHA-256 digest is stored until `expires_at`, so that it is accepted once."""

    digest: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that the signature covers. `target` is the path with its query."""

    method: str
    target: str
    body: bytes

    def parts(self) -> tuple[str, str, str]:
        """Returns the texts to sign: method, target, SHA-256 of the body in hex."""
        return self.method, self.target, hashlib.sha256(self.body).hexdigest()


def sign_certificate(keys: Keyring, der: bytes, request: SignedRequest, now: datetime) -> dict[str, str]:
    """Returns the two headers for this request."""
    encoded, moment = f":{base64.b64encode(der).decode()}:", str(int(now.timestamp()))
    nonce = secrets.token_hex(16)
    signature = keys.fingerprint(_PURPOSE, *request.parts(), moment, nonce, encoded)
    return {CERTIFICATE_HEADER: encoded, SIGNATURE_HEADER: f"{moment}.{nonce}.{signature}"}


def forwarded_certificate(
    keys: Keyring | None, certificate: str, signature: str, request: SignedRequest, now: datetime
) -> tuple[bytes, EdgeSignature]:
    """Returns the certificate (DER) that the entrance forwarded with this request, and the signature to be used up.

    Raises EntranceUnknownError.
    """
    match = _SIGNATURE.fullmatch(signature)
    if keys is None or match is None or len(certificate) > _LONGEST_CERTIFICATE:
        raise EntranceUnknownError
    moment, nonce, fingerprint = match.groups()
    if abs(now.timestamp() - int(moment)) > MAX_AGE_S:
        raise EntranceUnknownError
    if not keys.matches(fingerprint, _PURPOSE, *request.parts(), moment, nonce, certificate):
        raise EntranceUnknownError
    try:
        der = base64.b64decode(certificate.removeprefix(":").removesuffix(":"), validate=True)
    except binascii.Error as error:
        raise EntranceUnknownError from error
    return der, EdgeSignature(hashlib.sha256(signature.encode()).digest(), now + timedelta(seconds=2 * MAX_AGE_S))
