"""Publishes the issuer's keys, and the certificates that are revoked under each."""

from typing import Any

from services.records.kit.issuer_keys import IssuerKeys
from services.records.revocations import store
from services.records.revocations.domain import RevocationList
from shared.db.pool import Pool
from shared.errors import NotFoundError


async def key_set(pool: Pool, keys: IssuerKeys) -> list[dict[str, Any]]:
    """Returns the public keys, each with the version of its revocation list."""
    async with pool.acquire() as connection:
        versions = await store.list_versions(connection, keys.kids)
    return keys.published(versions)


async def revocation_list(pool: Pool, keys: IssuerKeys, kid: str) -> RevocationList:
    """Returns the list of a key. Raises NotFoundError for a key that the issuer does not publish."""
    if kid not in keys.kids:
        raise NotFoundError
    async with pool.acquire() as connection:
        return await store.load_list(connection, kid)
