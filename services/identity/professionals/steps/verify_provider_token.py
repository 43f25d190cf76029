"""Verifies a token of Pro Santé Connect with the cached keys and, if that fails, with fresh ones."""

from typing import Any

from services.identity.professionals.domain.psc import IdentityProvider, ProviderTokenInvalidError, verify_token
from shared.runtime import clock


async def verify_provider_token(provider: IdentityProvider, token: str, audience: str, *, kind: str) -> dict[str, Any]:
    """Returns the claims of the token. Raises ProviderTokenInvalidError, ProviderUnavailableError."""
    issuer, now = provider.party.issuer, clock.now()
    try:
        return verify_token(token, await provider.keys(), issuer, audience, now, kind=kind)
    except ProviderTokenInvalidError:
        return verify_token(token, await provider.keys(refreshed=True), issuer, audience, now, kind=kind)
