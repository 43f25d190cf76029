"""Starts the sign-in of a professional at Pro Santé Connect."""

from dataclasses import dataclass

from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import ProfessionalRules
from services.identity.professionals.domain.psc import IdentityProvider, StartedSignIn, authorization_url, new_sign_in
from shared.db.pool import Pool, transaction
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class ProviderRedirect:
    """The URL to which the browser goes, and the started sign-in that it keeps."""

    url: str
    sign_in: StartedSignIn


async def begin_professional_sign_in(
    pool: Pool,
    provider: IdentityProvider,
    rules: ProfessionalRules,
    organisation_id: str | None,
    stated_access: StatedAccess,
    prompt: str | None,
) -> ProviderRedirect:
    """Stores a pending sign-in and returns where the browser goes. `prompt`: the parameter of OpenID Connect (`login`
    demands a fresh authentication). Raises ProviderUnavailableError."""
    endpoint = await provider.authorization_endpoint()
    sign_in = new_sign_in(rules.keys, organisation_id, stated_access, clock.now())
    async with transaction(pool) as connection:
        await professional_sessions.insert_pending_sign_in(connection, sign_in.pending)
    return ProviderRedirect(authorization_url(endpoint, provider.party, rules.keys, sign_in, prompt), sign_in)
