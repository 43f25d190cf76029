"""What the TLS entrance says of the client certificate it saw, signed with a key shared with it.

`Client-Cert: :<base64 of DER>:` (RFC 9440) and `Client-Cert-Signature: <unix seconds>.<kid>.<hex>`, an HMAC over
method, path with query, time and certificate. The entrance strips both from what comes from outside.
"""

import base64
import binascii
from datetime import datetime

from shared.crypto import Keyring
from shared.errors import ForbiddenError

CERTIFICATE_HEADER, SIGNATURE_HEADER = "client-cert", "client-cert-signature"
LONGEST_AGE_S = 30
_LONGEST_CERTIFICATE = 16_384
_PURPOSE = "client-cert"


class EntranceUnknownError(ForbiddenError):
    """The client certificate was not passed on by the TLS entrance of this service."""

    code = "entrance-unknown"
    french = "Le certificat client n’a pas été transmis par l’entrée TLS de ce service."


def sign_certificate(keys: Keyring, der: bytes, method: str, target: str, now: datetime) -> dict[str, str]:
    """The two headers."""
    encoded, moment = f":{base64.b64encode(der).decode()}:", str(int(now.timestamp()))
    signature = keys.fingerprint(_PURPOSE, method, target, moment, encoded)
    return {CERTIFICATE_HEADER: encoded, SIGNATURE_HEADER: f"{moment}.{signature}"}


def passed_certificate(
    keys: Keyring | None, certificate: str, signature: str, method: str, target: str, now: datetime
) -> bytes:
    """The certificate (DER) that the entrance saw for this very request. Raises EntranceUnknownError."""
    moment, _, fingerprint = signature.partition(".")
    if keys is None or not moment.isascii() or not moment.isdigit() or len(moment) > 12:
        raise EntranceUnknownError
    if abs(now.timestamp() - int(moment)) > LONGEST_AGE_S or len(certificate) > _LONGEST_CERTIFICATE:
        raise EntranceUnknownError
    if not fingerprint.isascii() or not keys.matches(fingerprint, _PURPOSE, method, target, moment, certificate):
        raise EntranceUnknownError
    try:
        return base64.b64decode(certificate.removeprefix(":").removesuffix(":"), validate=True)
    except binascii.Error as error:
        raise EntranceUnknownError from error
