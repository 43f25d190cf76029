"""Exchanges the token of a professional's sign-in at Pro Santé Connect for ours (RFC 8693), for registered software."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from services.identity.domain.clients import Client
from services.identity.domain.kinds import CONSULTATION
from services.identity.domain.modes import Stated
from services.identity.domain.professionals import SignInRules, StructureDiffersError
from services.identity.domain.psc import Provider, told_of, vouched_by
from services.identity.domain.tokens import AccessToken, Issuer
from services.identity.usecases.open_session import Asked, open_session
from services.identity.usecases.prove_client import ClientProof, prove_client
from services.identity.usecases.verify_provider_token import verify_provider_token
from shared.db.pool import Pool, transaction
from shared.errors import ForbiddenError
from shared.runtime import clock


class ExchangeNotGrantedError(ForbiddenError):
    """This software may not carry a professional's rights: it is registered with the profile Consultation
    (documents.read) and with its own client id at Pro Santé Connect (psc_client_id), or it is not."""

    code = "exchange-not-granted"
    french = (
        "Ce logiciel ne peut pas porter les droits d’un professionnel : il faut le profil Consultation "
        "(documents.read) et son identifiant client chez Pro Santé Connect (psc_client_id)."
    )


@dataclass(frozen=True, slots=True, repr=False)
class SubjectToken:
    """A token of Pro Santé Connect: `Bearer` for an access token, `ID` for an ID token."""

    text: str
    kind: Literal["Bearer", "ID"]


async def exchange_token(
    pool: Pool,
    issuer: Issuer,
    provider: Provider,
    rules: SignInRules,
    proof: ClientProof,
    token: SubjectToken,
    stated: Stated,
) -> AccessToken:
    """A token of the professional, acting for the software's own structure, no longer than theirs lives.

    Raises AssertionRefusedError and its kinds, ExchangeNotGrantedError, ProviderTokenInvalidError,
    ProviderClaimsError, ProviderUnavailableError and what `admit` raises.
    """
    async with transaction(pool) as connection:
        client = await prove_client(connection, issuer, proof, clock.now())
    claims = await _claims(provider, client, token)
    if client.organisation_id is None:
        raise StructureDiffersError
    until = datetime.fromtimestamp(claims["exp"], UTC)
    vouched = vouched_by(claims)
    asked = Asked(vouched, "token-exchange", client.id, client.organisation_id, stated, until)
    async with transaction(pool) as connection:
        return await open_session(connection, issuer, rules, asked)


async def _claims(provider: Provider, client: Client, token: SubjectToken) -> dict[str, Any]:
    """A token that the software's own client asked for: any other one was given for something else."""
    if CONSULTATION not in client.scopes or client.psc_client_id is None:
        raise ExchangeNotGrantedError
    claims = await verify_provider_token(provider, token.text, client.psc_client_id, kind=token.kind)
    if token.kind == "ID":
        return claims
    return {**told_of(claims, await provider.userinfo(token.text)), "exp": claims["exp"]}
