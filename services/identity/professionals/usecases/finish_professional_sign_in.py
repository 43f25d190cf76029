"""Finishes the sign-in of a professional who returns from Pro Santé Connect."""

from dataclasses import dataclass

from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.professionals import PSC_CLIENT, IdentityProof, ProfessionalRules
from services.identity.professionals.domain.psc import (
    IdentityProvider,
    ProviderRefusedError,
    check_id_token,
    check_pending,
    merge_userinfo,
    pkce_verifier,
    secret_digest,
)
from services.identity.professionals.domain.psc_claims import identity_proof_of
from services.identity.professionals.steps import SessionRequest, open_session, verify_provider_token
from shared.db.pool import Pool, transaction
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class ProviderCallback:
    """The browser's callback: state, code (None after an error) and issuer from the URL, the secret from its cookie."""

    state: str
    browser_secret: str
    code: str | None
    issuer: str | None


async def finish_professional_sign_in(
    pool: Pool, issuer: TokenIssuer, provider: IdentityProvider, rules: ProfessionalRules, callback: ProviderCallback
) -> AccessToken:
    """Returns the professional's token. Raises what `prove_professional` and `admit_professional` raise."""
    session_request = await prove_professional(pool, provider, rules, callback)
    async with transaction(pool) as connection:
        return await open_session(connection, issuer, rules, session_request)


async def prove_professional(
    pool: Pool, provider: IdentityProvider, rules: ProfessionalRules, callback: ProviderCallback
) -> SessionRequest:
    """Returns who signed in, for a session. A sign-in can be finished once, whatever the outcome.

    Raises SignInOverError, ProviderRefusedError, ProviderUnavailableError, ProviderTokenInvalidError,
    ProviderClaimsError.
    """
    async with transaction(pool) as connection:
        pending_sign_in = await professional_sessions.take_pending_sign_in(connection, secret_digest(callback.state))
    pending = check_pending(pending_sign_in, callback.state, callback.browser_secret, clock.now())
    if callback.code is None or callback.issuer not in (None, provider.party.issuer):  # RFC 9207
        raise ProviderRefusedError
    proof = await _redeem_code(provider, rules, callback.code, pending.key_id, callback.state)
    return SessionRequest(proof, "pro-sante-connect", PSC_CLIENT, pending.organisation_id, pending.stated_access)


async def _redeem_code(
    provider: IdentityProvider, rules: ProfessionalRules, code: str, kid: str, state: str
) -> IdentityProof:
    tokens = await provider.redeem(code, pkce_verifier(rules.keys, kid, state))
    claims = await verify_provider_token(provider, tokens.id_token, provider.party.client_id, kind="ID")
    check_id_token(claims, provider.party, rules.keys, kid, state)
    return identity_proof_of(merge_userinfo(claims, await provider.userinfo(tokens.access_token)))
