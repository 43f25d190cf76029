"""Token exchange (RFC 8693): registered software exchanges a professional's token of Pro Santé Connect for one of this
issuer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from services.identity.clients.domain.clients import Client
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.clients.steps import ClientProof, prove_client
from services.identity.directory.domain.kinds import CONSULTATION
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import ProfessionalRules, StructureDiffersError
from services.identity.professionals.domain.psc import IdentityProvider, merge_userinfo
from services.identity.professionals.domain.psc_claims import identity_proof_of
from services.identity.professionals.steps import SessionRequest, open_session, verify_provider_token
from shared.db.pool import Pool, transaction
from shared.errors import ForbiddenError
from shared.runtime import clock


class ExchangeNotGrantedError(ForbiddenError):
    """This software may not use a professional's rights. It must be registered with the profile Consultation
    (documents.read) and with its own client id at Pro Santé Connect (psc_client_id)."""

    code = "exchange-not-granted"
    french = (
        "Ce logiciel ne peut pas porter les droits d’un professionnel : il faut le profil Consultation "
        "(documents.read) et son identifiant client chez Pro Santé Connect (psc_client_id)."
    )


@dataclass(frozen=True, slots=True, repr=False)
class SubjectToken:
    """A token of Pro Santé Connect. `kind`: `Bearer` for an access token, `ID` for an ID token."""

    text: str
    kind: Literal["Bearer", "ID"]


async def exchange_token(
    pool: Pool,
    issuer: TokenIssuer,
    provider: IdentityProvider,
    rules: ProfessionalRules,
    proof: ClientProof,
    token: SubjectToken,
    stated_access: StatedAccess,
) -> AccessToken:
    """Returns a token of the professional, acting for the software's own structure. It does not outlive theirs.

    Raises AssertionRefusedError and its subclasses, ExchangeNotGrantedError, ProviderTokenInvalidError,
    ProviderClaimsError, ProviderUnavailableError and what `admit_professional` raises.
    """
    async with transaction(pool) as connection:
        client = await prove_client(connection, issuer, proof, clock.now())
    claims = await _claims(provider, client, token)
    if client.organisation_id is None:
        raise StructureDiffersError
    proof_expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    session_request = SessionRequest(
        identity_proof_of(claims), "token-exchange", client.id, client.organisation_id, stated_access, proof_expires_at
    )
    async with transaction(pool) as connection:
        return await open_session(connection, issuer, rules, session_request)


async def _claims(provider: IdentityProvider, client: Client, token: SubjectToken) -> dict[str, Any]:
    """Returns the verified claims. The token must have been issued to the software's own client id."""
    if CONSULTATION not in client.scopes or client.psc_client_id is None:
        raise ExchangeNotGrantedError
    claims = await verify_provider_token(provider, token.text, client.psc_client_id, kind=token.kind)
    if token.kind == "ID":
        return claims
    return {**merge_userinfo(claims, await provider.userinfo(token.text)), "exp": claims["exp"]}
