"""How registered software sends messages over MLLP: its certificates, its applications, its lane, its own listener."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from shared.contracts.identity import ClientListener
from shared.errors import ConflictError, InvalidError
from shared.human_text import has_control_character

ClientClass = Literal["interactive", "bulk"]
MAX_CERTIFICATES: Final = 8
MAX_APPLICATIONS: Final = 50
_LONGEST_APPLICATION: Final = 200
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class MessagingInvalidError(InvalidError):
    """Certificates are PEM texts or their SHA-256 digests in hexadecimal, 8 at most; applications are MSH-3 and MSH-4
    with a | between them, 50 at most."""

    code = "messaging-invalid"
    french = (
        "Les certificats sont des textes PEM ou leurs empreintes SHA-256 en hexadécimal, 8 au plus ; les applications "
        "sont MSH-3 et MSH-4 séparés par |, 50 au plus."
    )


class NotMessagingSoftwareError(ConflictError):
    """Only software of a structure sends messages."""

    code = "client-not-software"
    french = "Seul le logiciel d’une structure envoie des messages."


@dataclass(frozen=True, slots=True)
class ClientMessaging:
    """`certificates`: SHA-256 digests of the DER form, in hexadecimal. `applications`: `MSH-3|MSH-4`."""

    certificates: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    client_class: ClientClass = "interactive"
    listener: ClientListener | None = None


def client_messaging(
    certificates: Iterable[str],
    applications: Iterable[str],
    client_class: ClientClass,
    listener: ClientListener | None,
) -> ClientMessaging:
    """Returns the checked settings, sorted, without duplicates. Raises MessagingInvalidError."""
    digests = {_digest(certificate) for certificate in certificates}
    names = {name.strip() for name in applications}
    if len(digests) > MAX_CERTIFICATES or len(names) > MAX_APPLICATIONS or not all(map(_is_application, names)):
        raise MessagingInvalidError
    return ClientMessaging(tuple(sorted(digests)), tuple(sorted(names)), client_class, listener)


def _digest(certificate: str) -> str:
    """Returns the digest of a certificate. Raises MessagingInvalidError."""
    compact = certificate.replace(":", "").strip().lower()
    if _DIGEST.fullmatch(compact):
        return compact
    try:
        return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256()).hex()
    except ValueError as error:
        raise MessagingInvalidError from error


def _is_application(name: str) -> bool:
    is_pair = name.count("|") == 1 and not name.startswith("|")
    return is_pair and len(name) <= _LONGEST_APPLICATION and not has_control_character(name)
