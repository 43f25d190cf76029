"""What the routes of professionals and of certificates need: who is asked, and what is trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from fastapi import Request

from services.identity.domain.cps import (
    Authorities,
    CertificateKind,
    CertificateNeededError,
    CertificateUntrustedError,
    verify_certificate,
)
from services.identity.domain.edge import (
    CERTIFICATE_HEADER,
    SIGNATURE_HEADER,
    EntranceUnknownError,
    SignedRequest,
    passed_certificate,
)
from services.identity.domain.professionals import SignInRules
from services.identity.domain.psc import Provider, ProviderNotSetUpError
from services.identity.usecases.use_passage import PresentedCertificate
from shared.crypto.keyring import Keyring
from shared.runtime import clock


class Revocations(Protocol):
    """Where revocation lists come from."""

    def current(self) -> Sequence[x509.CertificateRevocationList]:
        """As they are now. Raises RevocationUnknownError."""


@dataclass(frozen=True)
class Entrances:
    """The ways in for professionals and their structures' certificates. None: not set up here."""

    rules: SignInRules
    provider: Provider | None = None
    edge: Keyring | None = None
    authorities: Authorities | None = None
    revocations: Revocations | None = None

    def asked_provider(self) -> Provider:
        """Raises ProviderNotSetUpError."""
        if self.provider is None:
            raise ProviderNotSetUpError
        return self.provider

    async def presented(self, request: Request, kind: CertificateKind) -> PresentedCertificate:
        """Whose certificate came with this request through the TLS entrance.

        Raises CertificateNeededError, EntranceUnknownError and what `verify_certificate` raises.
        """
        certificates, signatures = (request.headers.getlist(name) for name in (CERTIFICATE_HEADER, SIGNATURE_HEADER))
        if not certificates:
            raise CertificateNeededError
        if len(certificates) != 1 or len(signatures) != 1:
            raise EntranceUnknownError
        signed = SignedRequest(request.method, _target(request), await request.body())
        der, passage = passed_certificate(self.edge, certificates[0], signatures[0], signed, clock.now())
        if self.authorities is None or self.revocations is None:
            raise CertificateUntrustedError
        holder = verify_certificate(der, kind, self.authorities, self.revocations.current(), clock.now())
        return PresentedCertificate(holder, passage)


def _target(request: Request) -> str:
    path = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("latin-1")
