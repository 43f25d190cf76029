"""Begins the sign-in of a professional at Pro Santé Connect."""

from dataclasses import dataclass

from services.identity.domain.modes import Stated
from services.identity.domain.professionals import SignInRules
from services.identity.domain.psc import Begun, Provider, authorization_url, begin
from services.identity.store import professional_sessions
from shared.db.pool import Pool, transaction
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class Redirection:
    """Where the browser goes, and what it keeps."""

    url: str
    begun: Begun


async def begin_professional_sign_in(
    pool: Pool, provider: Provider, rules: SignInRules, organisation_id: str | None, stated: Stated, prompt: str | None
) -> Redirection:
    """`prompt`: as OpenID Connect has it (`login`: a fresh proof of identity). Raises ProviderUnavailableError."""
    endpoint = await provider.authorization_endpoint()
    begun = begin(rules.keys, organisation_id, stated, clock.now())
    async with transaction(pool) as connection:
        await professional_sessions.insert_pending(connection, begun.pending)
    return Redirection(authorization_url(endpoint, provider.party, rules.keys, begun, prompt), begun)
