"""Grants an access token to software that proves itself (RFC 6749 section 4.4, RFC 7523, RFC 8705)."""

from services.identity.domain.assertions import ScopeRefusedError
from services.identity.domain.clients import Client
from services.identity.domain.tokens import AccessToken, Issuer, Subject
from services.identity.usecases.prove_client import ClientProof, prove_client
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def grant_token(pool: Pool, issuer: Issuer, proof: ClientProof, scopes: frozenset[str]) -> AccessToken:
    """With the scopes asked for, or all of the client's when none are. An assertion serves once.

    Raises AssertionRefusedError and its kinds, ScopeRefusedError.
    """
    now = clock.now()
    async with transaction(pool) as connection:
        client = await prove_client(connection, issuer, proof, now)
    if not scopes <= client.scopes:
        raise ScopeRefusedError
    return issuer.issue(_subject(client, scopes or client.scopes), token_id=clock.new_id(), now=now)


def _subject(client: Client, scopes: frozenset[str]) -> Subject:
    return Subject(client.kind, client.id, client.id, scopes, organisation_id=client.organisation_id)
