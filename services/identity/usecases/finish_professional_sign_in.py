"""Finishes the sign-in of a professional who comes back from Pro Santé Connect."""

from dataclasses import dataclass

from services.identity.domain.professionals import PSC_CLIENT, SignInRules, Vouched
from services.identity.domain.psc import (
    Provider,
    ProviderRefusedError,
    check_id_token,
    check_pending,
    digest,
    told_of,
    verifier_of,
    vouched_by,
)
from services.identity.domain.tokens import AccessToken, Issuer
from services.identity.store import professional_sessions
from services.identity.usecases.open_session import Asked, open_session
from services.identity.usecases.verify_provider_token import verify_provider_token
from shared.db.pool import Pool, transaction
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class CameBack:
    """What the browser brings: state and code (or an error) in the address, the other half in its cookie."""

    state: str
    browser: str
    code: str | None
    issuer: str | None


async def finish_professional_sign_in(
    pool: Pool, issuer: Issuer, provider: Provider, rules: SignInRules, back: CameBack
) -> AccessToken:
    """A sign-in serves once, whatever comes of it.

    Raises SignInOverError, ProviderRefusedError, ProviderUnavailableError, ProviderTokenInvalidError,
    ProviderClaimsError and what `admit` raises.
    """
    async with transaction(pool) as connection:
        taken = await professional_sessions.take_pending(connection, digest(back.state))
    pending = check_pending(taken, back.state, back.browser, clock.now())
    if back.code is None or back.issuer not in (None, provider.party.issuer):  # RFC 9207
        raise ProviderRefusedError
    vouched = await _redeem(provider, rules, back.code, pending.key_id, back.state)
    asked = Asked(vouched, "pro-sante-connect", PSC_CLIENT, pending.organisation_id, pending.stated)
    async with transaction(pool) as connection:
        return await open_session(connection, issuer, rules, asked)


async def _redeem(provider: Provider, rules: SignInRules, code: str, kid: str, state: str) -> Vouched:
    redeemed = await provider.redeem(code, verifier_of(rules.keys, kid, state))
    claims = await verify_provider_token(provider, redeemed.id_token, provider.party.client_id, kind="ID")
    check_id_token(claims, provider.party, rules.keys, kid, state)
    return vouched_by(told_of(claims, await provider.userinfo(redeemed.access_token)))
