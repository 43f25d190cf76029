"""Registration of software, and the issuer and the verification of client certificates as dependencies of routes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from cryptography import x509
from fastapi import APIRouter, Depends, Request, Response

from services.identity.clients.domain.clients import check_grantable
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
from services.identity.clients.models import ClientBody, ClientView
from services.identity.clients.steps import PresentedCertificate
from services.identity.clients.usecases.register_client import register_new_client
from services.identity.kit.problems import problems
from shared.crypto.keyring import Keyring
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["clients"])


@router.post(
    "/clients",
    summary="Register software",
    status_code=201,
    responses={
        200: {"model": ClientView, "description": "Already registered with these scopes and keys"},
        **problems(
            _403="needs the scope clients.write; scope-not-grantable; organisation-never, whatever the caller's scopes",
            _409="client-name-taken",
            _422="client-invalid, scope-unknown, key-unusable, organisation-needed, structure-unknown, "
            "activity-needed, activity-invalid, certificate-subject-invalid",
        ),
    },
)
async def post_client(
    body: ClientBody, response: Response, caller: AuthenticatedCaller, pool: ServicePool
) -> ClientView:
    """Registers a client, which then authenticates at POST /oauth/token with assertions signed by one of its keys (RFC
    7523)."""
    caller.require("clients.write")
    check_grantable(frozenset(body.scopes), caller.scopes)
    registered = await register_new_client(pool, body.client())
    response.status_code = 201 if registered.is_new else 200
    return ClientView(client_id=registered.client_id)


class RevocationSource(Protocol):
    """A source of certificate revocation lists."""

    def current(self) -> Sequence[x509.CertificateRevocationList]:
        """Returns the current lists. Raises RevocationUnknownError."""


@dataclass(frozen=True)
class CertificateAuth:
    """How the certificates of cards and organisations are verified. A field is None when not configured."""

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
