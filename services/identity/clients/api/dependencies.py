"""Route dependencies: the token issuer and the verification of certificates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from cryptography import x509
from fastapi import Depends, Request

from services.identity.clients.domain.cps import (
    CertificateAuthorities,
    CertificateKind,
    CertificateNeededError,
    CertificateUntrustedError,
    verify_certificate,
)
from services.identity.clients.domain.edge import (
    CERTIFICATE_HEADER,
    SIGNATURE_HEADER,
    EntranceUnknownError,
    SignedRequest,
    forwarded_certificate,
)
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.clients.steps import PresentedCertificate
from shared.crypto.keyring import Keyring
from shared.http.dependencies import provided
from shared.runtime import clock


class RevocationSource(Protocol):
    """A source of certificate revocation lists."""

    def current(self) -> Sequence[x509.CertificateRevocationList]:
        """Returns the current lists. Raises RevocationUnknownError."""


@dataclass(frozen=True)
class CertificateAuth:
    """Verifies the certificates of cards and organisations. A field is None when not configured."""

    edge: Keyring | None = None
    authorities: CertificateAuthorities | None = None
    revocations: RevocationSource | None = None

    async def presented_certificate(self, request: Request, kind: CertificateKind) -> PresentedCertificate:
        """Verifies and returns the client certificate that the TLS entrance forwarded with this request.

        Raises CertificateNeededError, EntranceUnknownError and what `verify_certificate` raises.
        """
        certificates, signatures = (request.headers.getlist(name) for name in (CERTIFICATE_HEADER, SIGNATURE_HEADER))
        if not certificates:
            raise CertificateNeededError
        if len(certificates) != 1 or len(signatures) != 1:
            raise EntranceUnknownError
        signed_request = SignedRequest(request.method, _target(request), await request.body())
        der, edge_signature = forwarded_certificate(
            self.edge, certificates[0], signatures[0], signed_request, clock.now()
        )
        if self.authorities is None or self.revocations is None:
            raise CertificateUntrustedError
        holder = verify_certificate(der, kind, self.authorities, self.revocations.current(), clock.now())
        return PresentedCertificate(holder, edge_signature)


ProvidedIssuer = Annotated[TokenIssuer, Depends(provided(TokenIssuer))]
ProvidedCertificateAuth = Annotated[CertificateAuth, Depends(provided(CertificateAuth))]


def _target(request: Request) -> str:
    """Returns the path with its query, as the client sent it."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("latin-1")
