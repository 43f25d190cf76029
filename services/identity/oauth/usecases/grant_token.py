"""Grants an access token to authenticated software (RFC 6749 section 4.4, RFC 7523, RFC 8705)."""

from services.identity.clients.domain.assertions import ScopeRefusedError
from services.identity.clients.domain.clients import Client
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer, TokenSubject
from services.identity.clients.steps import ClientProof, prove_client
from services.identity.clients.store.messaging import load_messaging
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def grant_token(pool: Pool, issuer: TokenIssuer, proof: ClientProof, scopes: frozenset[str]) -> AccessToken:
    """Returns a token with the requested scopes, by default all of the client's. An assertion works once.

    Raises AssertionRefusedError and its subclasses, ScopeRefusedError.
    """
    now = clock.now()
    async with transaction(pool) as connection:
        client = await prove_client(connection, issuer, proof, now)
        messaging = await load_messaging(connection, client.id)
    if not scopes <= client.scopes:
        raise ScopeRefusedError
    subject = _subject(client, scopes or client.scopes, is_bulk=messaging.client_class == "bulk")
    return issuer.issue(subject, token_id=clock.new_id(), now=now)


def _subject(client: Client, scopes: frozenset[str], *, is_bulk: bool) -> TokenSubject:
    organisation_id = client.organisation_id
    return TokenSubject(client.kind, client.id, client.id, scopes, organisation_id=organisation_id, is_bulk=is_bulk)
