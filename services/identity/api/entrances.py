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
    Holder,
    verify_certificate,
)
from services.identity.domain.edge import CERTIFICATE_HEADER, SIGNATURE_HEADER, passed_certificate
from services.identity.domain.professionals import SignInRules
from services.identity.domain.psc import Provider, ProviderNotSetUpError
from shared import clock
from shared.crypto import Keyring


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

    def holder(self, request: Request, kind: CertificateKind) -> Holder:
        """Whose certificate came with this request through the TLS entrance.

        Raises CertificateNeededError, EntranceUnknownError and what `verify_certificate` raises.
        """
        certificate = request.headers.get(CERTIFICATE_HEADER)
        if certificate is None:
            raise CertificateNeededError
        signature = request.headers.get(SIGNATURE_HEADER, "")
        der = passed_certificate(self.edge, certificate, signature, request.method, _target(request), clock.now())
        if self.authorities is None or self.revocations is None:
            raise CertificateUntrustedError
        return verify_certificate(der, kind, self.authorities, self.revocations.current(), clock.now())


def _target(request: Request) -> str:
    path = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("latin-1")
