"""Verifies a token of Pro Santé Connect with the keys known; once more with fresh ones, since keys are rotated."""

from typing import Any

from services.identity.domain.psc import Provider, ProviderTokenInvalidError, verify_token
from shared.runtime import clock


async def verify_provider_token(provider: Provider, token: str, audience: str, *, kind: str) -> dict[str, Any]:
    """Its claims. Raises ProviderTokenInvalidError, ProviderUnavailableError."""
    issuer, now = provider.party.issuer, clock.now()
    try:
        return verify_token(token, await provider.keys(), issuer, audience, now, kind=kind)
    except ProviderTokenInvalidError:
        return verify_token(token, await provider.keys(refreshed=True), issuer, audience, now, kind=kind)
