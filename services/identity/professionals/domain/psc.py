"""The sign-in at Pro Santé Connect, of which this service is a relying party (OpenID Connect Core 1.0).

It uses the code flow with PKCE S256. Nonce and PKCE verifier are derived from the state with a key of this service, so
the database stores only hashes and any replica can handle the callback. Claims of Pro Santé Connect: SubjectNameID is
the PS_IdNat, SubjectRole `10^<oid>`, SubjectRefPro the practised professions with their activities.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import CLOCK_SKEW
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError, NotAuthenticatedError, UncheckableError

SIGN_IN_LIFETIME = timedelta(minutes=10)
"""The time within which a started sign-in can be finished."""
ALGORITHMS: Final = ["RS256", "PS256", "ES256"]
SCOPE: Final = "openid scope_all"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_MALFORMED = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class SignInOverError(InvalidError):
    """This sign-in was not started in this browser, took more than ten minutes, or was finished before. Start again:
    GET /professionals/sign-in."""

    code = "sign-in-over"
    french = (
        "Cette connexion n’a pas été commencée dans ce navigateur, a pris plus de dix minutes ou a déjà été terminée. "
        "Recommencez."
    )


class ProviderRefusedError(ForbiddenError):
    """Pro Santé Connect did not sign you in. Start again, or use your card."""

    code = "provider-refused"
    french = "La connexion par Pro Santé Connect n’a pas abouti. Recommencez, ou utilisez votre carte."


class ProviderUnavailableError(UncheckableError):
    """Pro Santé Connect does not respond. Try again in a minute, or use your card."""

    code = "provider-unavailable"
    french = "Pro Santé Connect ne répond pas. Réessayez dans une minute, ou utilisez votre carte."


class ProviderNotSetUpError(ForbiddenError):
    """Pro Santé Connect is not configured here. Use your card."""

    code = "provider-not-set-up"
    french = "Pro Santé Connect n’est pas configuré ici. Utilisez votre carte."


class ProviderTokenInvalidError(NotAuthenticatedError):
    """The token is not one that Pro Santé Connect issued for this purpose: issuer, audience, signature, time or nonce
    is wrong. Sign in again."""

    code = "provider-token-invalid"
    french = "Ce jeton n’est pas de Pro Santé Connect, ou n’est pas pour cela. Connectez-vous de nouveau."


class ProviderClaimsError(ForbiddenError):
    """Pro Santé Connect does not state enough about you: identifier and profession are required, at the requested level
    of authentication."""

    code = "provider-claims-incomplete"
    french = "Pro Santé Connect n’en dit pas assez : il faut l’identifiant et la profession, au niveau demandé."


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This service's registration at the provider. `acr`: the requested level of authentication."""

    issuer: str
    client_id: str
    redirect_uri: str
    acr: str = "eidas1"


@dataclass(frozen=True, slots=True, repr=False)
class ProviderTokens:
    """The tokens that the provider issues for an authorization code."""

    id_token: str
    access_token: str


class IdentityProvider(Protocol):
    """The provider over HTTP. Each call raises ProviderUnavailableError when the provider does not respond."""

    party: RelyingParty

    async def authorization_endpoint(self) -> str:
        """Returns the URL to which the browser is redirected."""

    async def keys(self, *, refreshed: bool = False) -> KeySet:
        """Returns the provider's public keys. `refreshed`: fetches them again, unless the last fetch is very recent."""

    async def redeem(self, code: str, verifier: str) -> ProviderTokens:
        """Exchanges an authorization code for tokens.

        Raises ProviderRefusedError when the provider rejects the code.
        """

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Returns the userinfo claims. Raises ProviderTokenInvalidError when the provider rejects the token."""


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """The provider of this installation, or None where it is not set up."""

    provider: IdentityProvider | None = None

    def require(self) -> IdentityProvider:
        """Returns the provider. Raises ProviderNotSetUpError when none is configured."""
        if self.provider is None:
            raise ProviderNotSetUpError
        return self.provider


class PagesProvider(ConfiguredProvider):
    """The provider as the pages use it: it leads the browser back to a page."""


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """The stored form of a started sign-in."""

    state_digest: bytes
    browser_digest: bytes
    key_id: str
    organisation_id: str | None
    stated_access: StatedAccess
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class StartedSignIn:
    """The browser's part of a started sign-in: the state travels in the URL, the browser secret stays in a cookie."""

    state: str
    browser_secret: str
    pending: PendingSignIn

    @property
    def cookie_name(self) -> str:
        """Returns the cookie's name, one per sign-in, so that two tabs do not interfere."""
        return cookie_name(self.state)


def new_sign_in(
    keys: Keyring, organisation_id: str | None, stated_access: StatedAccess, now: datetime
) -> StartedSignIn:
    """Returns a new sign-in with random state and browser secret."""
    state, browser_secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    pending = PendingSignIn(
        secret_digest(state),
        secret_digest(browser_secret),
        keys.active,
        organisation_id,
        stated_access,
        now + SIGN_IN_LIFETIME,
    )
    return StartedSignIn(state, browser_secret, pending)


def cookie_name(state: str) -> str:
    """Returns the name of the cookie of a sign-in."""
    return f"sign-in-{secret_digest(state).hex()[:12]}"


def secret_digest(secret: str) -> bytes:
    """Returns the SHA-256 digest under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def authorization_url(
    endpoint: str, party: RelyingParty, keys: Keyring, sign_in: StartedSignIn, prompt: str | None = None
) -> str:
    """Returns the URL of the authentication request (OIDC Core 3.1.2.1, RFC 7636 4.3)."""
    kid = sign_in.pending.key_id
    query = {
        "response_type": "code",
        "client_id": party.client_id,
        "redirect_uri": party.redirect_uri,
        "scope": SCOPE,
        "acr_values": party.acr,
        "state": sign_in.state,
        "nonce": _derived(keys, kid, "nonce", sign_in.state),
        "code_challenge": _challenge(pkce_verifier(keys, kid, sign_in.state)),
        "code_challenge_method": "S256",
        **({} if prompt is None else {"prompt": prompt}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def check_pending(pending: PendingSignIn | None, state: str, browser: str, now: datetime) -> PendingSignIn:
    """Returns the sign-in that this browser began. Raises SignInOverError."""
    if pending is None or pending.expires_at <= now or _TOKEN.fullmatch(state) is None:
        raise SignInOverError
    if not hmac.compare_digest(pending.browser_digest, secret_digest(browser)):
        raise SignInOverError
    return pending


def pkce_verifier(keys: Keyring, kid: str, state: str) -> str:
    """Returns the PKCE verifier of a sign-in (RFC 7636, section 4.1)."""
    return _derived(keys, kid, "verifier", state)


def check_id_token(claims: Mapping[str, Any], party: RelyingParty, keys: Keyring, kid: str, state: str) -> None:
    """Checks the nonce and the level of authentication of an ID token (OIDC Core 3.1.3.7).

    Raises ProviderTokenInvalidError, ProviderClaimsError.
    """
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode("utf-8", "surrogatepass"), _derived(keys, kid, "nonce", state).encode()
    ):
        raise ProviderTokenInvalidError
    if claims.get("acr") != party.acr:
        raise ProviderClaimsError


def verify_token(token: str, keys: KeySet, issuer: str, audience: str, now: datetime, *, kind: str) -> dict[str, Any]:
    """Verifies a token that the provider signed and returns its claims.

    `kind`: `ID` (the token's `aud` is `audience`) or `Bearer` (an access token whose `azp` is `audience`). Raises
    ProviderTokenInvalidError.
    """
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(CLOCK_SKEW.total_seconds()),
        iss={"essential": True, "value": issuer},
        exp={"essential": True},
        sub={"essential": True},
        aud={"essential": True, "value": audience} if kind == "ID" else {},
        azp={"essential": kind == "Bearer", "value": audience},
    )
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        registry.validate(claims)
    except _MALFORMED as error:
        raise ProviderTokenInvalidError from error
    if claims.get("typ", kind) != kind or claims.get("azp", audience) != audience:
        raise ProviderTokenInvalidError
    if not isinstance(claims["sub"], str) or (kind == "ID" and not isinstance(claims.get("iat"), int)):
        raise ProviderTokenInvalidError
    return claims


def merge_userinfo(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the claims with those of userinfo added. Both must have one `sub` (OIDC Core 5.3.2).

    Raises ProviderTokenInvalidError.
    """
    if userinfo.get("sub") != claims["sub"]:
        raise ProviderTokenInvalidError
    return {**claims, **userinfo}


def _derived(keys: Keyring, kid: str, purpose: str, state: str) -> str:
    mac = hmac.digest(keys[kid], f"{purpose}:{state}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return _b64(mac)


def _challenge(verifier: str) -> str:
    return _b64(hashlib.sha256(verifier.encode()).digest())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
