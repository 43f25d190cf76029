"""Pro Santé Connect over HTTP: discovery, keys, code and userinfo. Both documents are kept for a while."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from services.identity.domain.places import is_loopback
from services.identity.domain.psc import (
    ProviderRefusedError,
    ProviderTokenInvalidError,
    ProviderUnavailableError,
    Redeemed,
    RelyingParty,
)
from shared.http.admission import idle
from shared.runtime.logs import log

TIMEOUT_S = 5.0
METADATA_S = 3600.0
KEYS_S = 300.0
SHORTEST_FETCH_S = 2.0
LARGEST_ANSWER = 256 * 1024


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str

    def is_for(self, issuer: str) -> bool:
        """Whether it is that issuer's own, and no address would carry a secret over an open line."""
        places = (self.authorization_endpoint, self.token_endpoint, self.userinfo_endpoint, self.jwks_uri)
        return self.issuer == issuer and all(_is_safe(place) for place in places)


class _Tokens(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
    id_token: str
    access_token: str


class HttpProvider:
    """One provider, as `services.identity.domain.psc.Provider`."""

    def __init__(self, party: RelyingParty, secret: str) -> None:
        self.party = party
        self._secret = secret
        self._metadata: _Metadata | None = None
        self._described_at = -METADATA_S
        self._keys: KeySet | None = None
        self._looked_at = -KEYS_S
        self._looking = asyncio.Lock()

    async def authorization_endpoint(self) -> str:
        """Where the browser is sent."""
        return (await self._described()).authorization_endpoint

    async def keys(self, *, refreshed: bool = False) -> KeySet:
        """From memory while they are young; a fetch at most every two seconds. Known keys outlive an outage."""
        async with self._looking:
            age = time.monotonic() - self._looked_at
            if age > (SHORTEST_FETCH_S if refreshed or self._keys is None else KEYS_S):
                self._looked_at = time.monotonic()
                await self._fetch_keys()
        if self._keys is None:
            raise ProviderUnavailableError
        return self._keys

    async def redeem(self, code: str, verifier: str) -> Redeemed:
        """RFC 6749, section 4.1.3 with the verifier of RFC 7636."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.party.redirect_uri,
            "client_id": self.party.client_id,
            "client_secret": self._secret,
            "code_verifier": verifier,
        }
        response = await self._ask("POST", (await self._described()).token_endpoint, data=form)
        if response.status_code in (400, 401, 403):
            raise ProviderRefusedError
        try:
            tokens = _Tokens.model_validate(_object(response))
        except ValidationError as error:
            raise ProviderUnavailableError from error
        return Redeemed(tokens.id_token, tokens.access_token)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """OpenID Connect Core, section 5.3."""
        headers = {"authorization": f"Bearer {access_token}"}
        response = await self._ask("GET", (await self._described()).userinfo_endpoint, headers=headers)
        if response.status_code in (400, 401, 403):
            raise ProviderTokenInvalidError
        return _object(response)

    async def _described(self) -> _Metadata:
        if self._metadata is None or time.monotonic() - self._described_at > METADATA_S:
            url = f"{self.party.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = _Metadata.model_validate(_object(await self._ask("GET", url)))
            except ValidationError as error:
                raise ProviderUnavailableError from error
            if not found.is_for(self.party.issuer):
                raise ProviderUnavailableError
            self._metadata, self._described_at = found, time.monotonic()
        return self._metadata

    async def _fetch_keys(self) -> None:
        try:
            answer = _object(await self._ask("GET", (await self._described()).jwks_uri))
            signing = [key for key in answer["keys"] if key.get("use", "sig") == "sig"]
            wanted = [key for key in signing if key.get("kty") in ("RSA", "EC")]
            self._keys = KeySet.import_key_set({"keys": wanted})
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, ProviderUnavailableError) as error:
            log("keys.unreachable", error=error)
            return
        log("keys.refreshed", count=len(self._keys.keys))

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
                with idle():
                    return await client.request(method, url, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnavailableError from error


def _object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good answer. Raises ProviderUnavailableError."""
    if response.status_code != 200 or len(response.content) > LARGEST_ANSWER:
        raise ProviderUnavailableError
    try:
        found = response.json()
    except ValueError as error:
        raise ProviderUnavailableError from error
    if not isinstance(found, dict):
        raise ProviderUnavailableError
    return found


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
