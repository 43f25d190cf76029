"""A cache of a published key set (RFC 7517), fetched again when it is old or when a key is missing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from joserfc.jwk import KeySet

MAX_AGE_S: Final = 300.0
MIN_FETCH_INTERVAL_S: Final = 2.0


class JwksCache:
    """The keys of one issuer, kept during its outages.

    `fetch` returns None when the issuer cannot be reached or publishes no key set.
    """

    def __init__(self, fetch: Callable[[], Awaitable[KeySet | None]]) -> None:
        self.keys: KeySet | None = None
        self._fetch = fetch
        self._fetched_at = -MAX_AGE_S
        self._fetching = asyncio.Lock()

    async def load(self, *, refreshed: bool = False) -> KeySet | None:
        """Returns the keys, fetched at most 5 minutes ago, or with `refreshed` at most 2 seconds ago; None when no
        fetch ever succeeded. Only one fetch runs at a time."""
        if not refreshed and self.keys is not None and not self._is_older_than(MAX_AGE_S):
            return self.keys
        async with self._fetching:
            if self._is_older_than(MIN_FETCH_INTERVAL_S if refreshed or self.keys is None else MAX_AGE_S):
                self._fetched_at = time.monotonic()
                fetched = await self._fetch()
                self.keys = self.keys if fetched is None else fetched
        return self.keys

    def _is_older_than(self, age_s: float) -> bool:
        return time.monotonic() - self._fetched_at > age_s
