"""Identity's public keys, kept in memory and in the service's database, so that identity may be unavailable for a
time. An unknown key id triggers one fetch, at most every 2 seconds."""

from typing import Protocol

import httpx2
import orjson
from joserfc.jwk import KeySet

from shared.crypto.jwk_sets import stored_keys, usable_keys
from shared.db.pool import Pool
from shared.http.jwks import JwksCache
from shared.runtime.logs import log
from shared.runtime.settings import TokenSettings
from shared.runtime.tls import client_context

SELECT_KEYS = "select jwk from issuer_keys"
REPLACE_KEYS = """
with fetched as (select * from unnest($1::text[], $2::jsonb[]) as key(kid, jwk)),
     gone as (delete from issuer_keys where kid not in (select kid from fetched))
insert into issuer_keys (kid, jwk) select kid, jwk from fetched
on conflict on constraint issuer_keys_pkey do update set jwk = excluded.jwk, fetched_at = clock_timestamp()"""
FETCH_TIMEOUT_S = 2.0


class Keys(Protocol):
    """The public keys that verify access tokens."""

    async def current(self) -> KeySet:
        """Returns the keys, which may be a few minutes old."""

    async def refreshed(self) -> KeySet:
        """Returns the keys after a fetch, unless the last one is too recent."""


class IssuerKeys:
    """The keys that identity publishes at `settings.jwks_url`, whose server proves itself by TLS."""

    def __init__(self, pool: Pool, settings: TokenSettings) -> None:
        self._pool = pool
        self._url, self._ca_file = settings.jwks_url, settings.ca_file
        self._cache = JwksCache(self._fetch)
        self._http: httpx2.AsyncClient | None = None

    async def current(self) -> KeySet:
        """Returns the keys in memory, after a start those of the database. Keys older than 5 minutes are fetched."""
        if self._cache.keys is None:
            rows = await self._pool.fetch(SELECT_KEYS)
            self._cache.keys = stored_keys([orjson.loads(row["jwk"]) for row in rows], ("EC",))
        return await self._cache.load() or KeySet([])

    async def refreshed(self) -> KeySet:
        """Fetches the keys, at most every 2 seconds, and returns them; if that fails, the present ones."""
        return await self._cache.load(refreshed=True) or KeySet([])

    async def _fetch(self) -> KeySet | None:
        try:
            # One client for the process, because each new client parses the machine's certificates on the event loop.
            self._http = self._http or self._new_client()
            response = await self._http.get(self._url)
            response.raise_for_status()
            keys = usable_keys(response.json(), ("EC",))
        except (httpx2.HTTPError, ValueError) as error:
            log("keys.unreachable", error=error)
            return None
        jwks = [key.as_dict(private=False) for key in keys.keys]
        await self._pool.execute(
            REPLACE_KEYS, [str(key["kid"]) for key in jwks], [orjson.dumps(key).decode() for key in jwks]
        )
        log("keys.refreshed", count=len(jwks))
        return keys

    def _new_client(self) -> httpx2.AsyncClient:
        context = client_context(self._ca_file)
        return httpx2.AsyncClient(verify=context, timeout=FETCH_TIMEOUT_S, trust_env=False, follow_redirects=False)
