"""The client of Pro Santé Connect over HTTP: discovery, keys, token and userinfo endpoints.

It caches the discovery document and the keys.
"""

import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from services.identity.professionals.domain.psc import (
    ProviderRefusedError,
    ProviderTokenInvalidError,
    ProviderTokens,
    ProviderUnavailableError,
    RelyingParty,
)
from shared.crypto.jwk_sets import usable_keys
from shared.http.admission import idle
from shared.http.jwks import JwksCache
from shared.loopback import is_loopback
from shared.runtime.logs import log

TIMEOUT_S = 5.0
METADATA_MAX_AGE_S = 3600.0
MAX_RESPONSE_BYTES = 256 * 1024


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str

    def is_for(self, issuer: str) -> bool:
        """Returns whether the document belongs to that issuer and every URL is safe (https, or loopback)."""
        urls = (self.authorization_endpoint, self.token_endpoint, self.userinfo_endpoint, self.jwks_uri)
        return self.issuer == issuer and all(_is_safe(url) for url in urls)


class _Tokens(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
    id_token: str
    access_token: str


class HttpProvider:
    """The HTTP client of one provider; implements `domain.psc.IdentityProvider`."""

    def __init__(self, party: RelyingParty, secret: str) -> None:
        self.party = party
        self._secret = secret
        self._metadata: _Metadata | None = None
        self._metadata_fetched_at = -METADATA_MAX_AGE_S
        self._keys = JwksCache(self._fetch_keys)
        self._http: httpx2.AsyncClient | None = None

    async def authorization_endpoint(self) -> str:
        """Returns the URL to which the browser is redirected."""
        return (await self._load_metadata()).authorization_endpoint

    async def keys(self, *, refreshed: bool = False) -> KeySet:
        """Returns the cached keys, see `JwksCache.load`. Raises ProviderUnavailableError where there are none."""
        keys = await self._keys.load(refreshed=refreshed)
        if keys is None:
            raise ProviderUnavailableError
        return keys

    async def redeem(self, code: str, verifier: str) -> ProviderTokens:
        """Exchanges an authorization code for tokens (RFC 6749, section 4.1.3, with the verifier of RFC 7636)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.party.redirect_uri,
            "client_id": self.party.client_id,
            "client_secret": self._secret,
            "code_verifier": verifier,
        }
        response = await self._request("POST", (await self._load_metadata()).token_endpoint, data=form)
        if response.status_code in (400, 401, 403):
            raise ProviderRefusedError
        try:
            tokens = _Tokens.model_validate(_object(response))
        except ValidationError as error:
            raise ProviderUnavailableError from error
        return ProviderTokens(tokens.id_token, tokens.access_token)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Returns the userinfo claims (OpenID Connect Core, section 5.3)."""
        headers = {"authorization": f"Bearer {access_token}"}
        response = await self._request("GET", (await self._load_metadata()).userinfo_endpoint, headers=headers)
        if response.status_code in (400, 401, 403):
            raise ProviderTokenInvalidError
        return _object(response)

    async def _load_metadata(self) -> _Metadata:
        if self._metadata is None or time.monotonic() - self._metadata_fetched_at > METADATA_MAX_AGE_S:
            url = f"{self.party.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                metadata = _Metadata.model_validate(_object(await self._request("GET", url)))
            except ValidationError as error:
                raise ProviderUnavailableError from error
            if not metadata.is_for(self.party.issuer):
                raise ProviderUnavailableError
            self._metadata, self._metadata_fetched_at = metadata, time.monotonic()
        return self._metadata

    async def _fetch_keys(self) -> KeySet | None:
        try:
            jwk_set = _object(await self._request("GET", (await self._load_metadata()).jwks_uri))
            keys = usable_keys(jwk_set, ("RSA", "EC"))
        except (ValueError, ProviderUnavailableError) as error:
            log("keys.unreachable", error=error)
            return None
        log("keys.refreshed", count=len(keys.keys))
        return keys

    async def _request(self, method: str, url: str, **options: Any) -> httpx2.Response:
        try:
            # One client for the process: each new one parses the machine's certificates on the event loop.
            self._http = self._http or httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)
            with idle():
                return await self._http.request(method, url, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderUnavailableError from error


def _object(response: httpx2.Response) -> dict[str, Any]:
    """Returns the JSON object of a successful response. Raises ProviderUnavailableError."""
    if response.status_code != 200 or len(response.content) > MAX_RESPONSE_BYTES:
        raise ProviderUnavailableError
    try:
        body = response.json()
    except ValueError as error:
        raise ProviderUnavailableError from error
    if not isinstance(body, dict):
        raise ProviderUnavailableError
    return body


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
