"""Grants an access token to software that proves itself with an assertion (RFC 6749 section 4.4, RFC 7523)."""

from services.identity.domain.assertions import (
    AssertionRefusedError,
    AssertionReplayedError,
    ScopeRefusedError,
    claimed_client,
    verify_assertion,
)
from services.identity.domain.clients import Client
from services.identity.domain.tokens import AccessToken, Issuer, Subject
from services.identity.store import clients
from shared import clock
from shared.db.pool import Pool, transaction


async def grant_token(pool: Pool, issuer: Issuer, assertion: str, scopes: frozenset[str]) -> AccessToken:
    """With the scopes asked for, or all of the client's when none are. An assertion serves once.

    Raises AssertionRefusedError and its kinds, ScopeRefusedError.
    """
    client_id, now = claimed_client(assertion), clock.now()
    async with transaction(pool) as connection:
        client = await clients.load_client(connection, client_id)
        if client is None:
            raise AssertionRefusedError
        proof = verify_assertion(assertion, client, issuer.audiences, now)
        if not await clients.use_assertion(connection, client_id, proof.digest, proof.expires_at):
            raise AssertionReplayedError
    if not scopes <= client.scopes:
        raise ScopeRefusedError
    return issuer.issue(_subject(client, scopes or client.scopes), token_id=clock.new_id(), now=now)


def _subject(client: Client, scopes: frozenset[str]) -> Subject:
    return Subject(client.kind, client.id, client.id, scopes, organisation_id=client.organisation_id)
