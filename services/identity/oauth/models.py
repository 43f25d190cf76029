"""The views of exchanged tokens, public keys and issuer metadata."""

from typing import Literal

from pydantic import BaseModel, Field

from services.identity.clients.domain.assertions import ALGORITHMS
from services.identity.clients.domain.clients import CLIENT_SCOPES
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.clients.models import TokenView


class ExchangedTokenView(TokenView):
    """A professional's token, exchanged for one of Pro Santé Connect (RFC 8693, section 2.2.1)."""

    issued_token_type: Literal["urn:ietf:params:oauth:token-type:access_token"] = (
        "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a secret
    )


class TokenErrorView(BaseModel):
    """Why a token request is refused (RFC 6749, section 5.2)."""

    error: str = Field(examples=["invalid_client"])
    error_description: str
    code: str = Field(examples=["assertion-expired"])


class JwksView(BaseModel):
    """The issuer's public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class IssuerView(BaseModel):
    """Authorization server metadata (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]

    @classmethod
    def of(cls, issuer: TokenIssuer) -> "IssuerView":
        """Returns the metadata of the issuer."""
        return cls(
            issuer=issuer.url,
            token_endpoint=issuer.token_endpoint,
            jwks_uri=issuer.jwks_url,
            response_types_supported=[],
            grant_types_supported=["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
            scopes_supported=sorted(frozenset().union(*CLIENT_SCOPES.values())),
            token_endpoint_auth_methods_supported=["private_key_jwt", "tls_client_auth"],
            token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        )
