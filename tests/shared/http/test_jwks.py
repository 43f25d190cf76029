"""The cache of a published key set."""

import asyncio

import pytest
from joserfc.jwk import ECKey, KeySet, OKPKey

from shared.crypto.jwk_sets import usable_keys
from shared.http import jwks
from shared.http.jwks import JwksCache

FIRST, SECOND = (KeySet([OKPKey.generate_key("Ed25519", {"kid": kid})]) for kid in ("first", "second"))

GOOD = ECKey.generate_key("P-256", {"kid": "good", "use": "sig"}).as_dict(private=False)


class Issuer:
    """Publishes one key set after another; None: it is unavailable."""

    def __init__(self, *published: KeySet | None) -> None:
        self.published = list(published)
        self.fetches = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.fetching = asyncio.Event()

    async def fetch(self) -> KeySet | None:
        self.fetches += 1
        self.fetching.set()
        await self.answers.wait()
        return self.published.pop(0)


async def test_keys_are_fetched_once_and_kept() -> None:
    issuer = Issuer(FIRST)
    cache = JwksCache(issuer.fetch)
    assert await cache.load() is FIRST
    assert await cache.load() is FIRST
    assert await cache.load(refreshed=True) is FIRST  # the last fetch is too recent for another
    assert issuer.fetches == 1


async def test_a_missing_key_makes_one_fetch_for_all_who_miss_it() -> None:
    issuer = Issuer(FIRST, SECOND)
    cache = JwksCache(issuer.fetch)
    await cache.load()
    _age(cache, jwks.MIN_FETCH_INTERVAL_S)
    issuer.answers.clear()
    issuer.fetching.clear()
    waiting = [asyncio.create_task(cache.load(refreshed=True)) for _ in range(3)]
    await issuer.fetching.wait()
    issuer.answers.set()
    assert await asyncio.gather(*waiting) == [SECOND] * 3
    assert issuer.fetches == 2


async def test_old_keys_serve_while_new_ones_are_fetched() -> None:
    issuer = Issuer(FIRST, SECOND)
    cache = JwksCache(issuer.fetch)
    await cache.load()
    _age(cache, jwks.MAX_AGE_S)
    issuer.answers.clear()
    issuer.fetching.clear()
    fetching = asyncio.create_task(cache.load())
    await issuer.fetching.wait()
    assert await cache.load() is FIRST
    issuer.answers.set()
    assert await fetching is SECOND


async def test_keys_outlive_an_outage_of_their_issuer() -> None:
    issuer = Issuer(FIRST, None)
    cache = JwksCache(issuer.fetch)
    await cache.load()
    _age(cache, jwks.MAX_AGE_S)
    assert await cache.load() is FIRST
    assert issuer.fetches == 2


async def test_keys_that_were_never_fetched_are_none() -> None:
    cache = JwksCache(Issuer(None).fetch)
    assert await cache.load() is None
    assert await cache.load(refreshed=True) is None


@pytest.mark.parametrize(
    "unusable",
    [
        {"kty": "EC", "crv": "BP-256", "kid": "bp", "use": "sig", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "kid": "no curve"},
        {"kty": "EC", "crv": "P-256", "x": [], "y": None},
        {"kty": "new", "kid": "unknown type"},
        {"kty": ["EC"]},
        {**GOOD, "use": "enc"},
        "no object",
    ],
)
def test_a_key_that_cannot_be_used_takes_none_of_the_others_away(unusable: object) -> None:
    assert [key.kid for key in usable_keys({"keys": [unusable, GOOD]}, ("EC",)).keys] == ["good"]


@pytest.mark.parametrize("jwk_set", [None, [], {}, {"keys": {}}, {"keys": []}, {"keys": [{"kty": "EC"}]}])
def test_a_document_without_a_usable_key_is_no_key_set(jwk_set: object) -> None:
    with pytest.raises(ValueError, match=r"JWK Set"):
        usable_keys(jwk_set, ("EC",))


def _age(cache: JwksCache, age_s: float) -> None:
    cache._fetched_at -= age_s + 0.001
