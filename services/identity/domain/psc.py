"""Pro Santé Connect as OpenID provider: we are its relying party (OpenID Connect Core 1.0, code flow, PKCE S256).

What must be known at the callback is derived from the state by a key that only this service has: the database keeps
hashes alone, and any replica can answer. Claims as Pro Santé Connect gives them: SubjectNameID is the PS_IdNat,
SubjectRole `10^<oid>`, SubjectRefPro the exercises with their activities.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.identity.domain.directory import professional_id
from services.identity.domain.modes import Stated
from services.identity.domain.professionals import Exercise, Vouched
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError, NotAuthenticatedError, UncheckableError
from shared.values import InvalidNationalIdError

LIFE = timedelta(minutes=10)
"""How long a sign-in that was begun can be finished."""
LEEWAY_S = 5
_LAST_TIME = 1 << 37
ALGORITHMS: Final = ["RS256", "PS256", "ES256"]
SCOPE: Final = "openid scope_all"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_STRUCTURE = re.compile(r"[1234]\d{8,14}")
_MALFORMED = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class SignInOverError(InvalidError):
    """This sign-in was not begun in this browser, took more than ten minutes, or was finished before. Begin again:
    GET /professionals/sign-in."""

    code = "sign-in-over"
    french = (
        "Cette connexion n’a pas été commencée dans ce navigateur, a pris plus de dix minutes ou a déjà été terminée. "
        "Recommencez."
    )


class ProviderRefusedError(ForbiddenError):
    """Pro Santé Connect did not sign you in. Begin again, or use your card."""

    code = "provider-refused"
    french = "Pro Santé Connect ne vous a pas connecté. Recommencez, ou utilisez votre carte."


class ProviderUnavailableError(UncheckableError):
    """Pro Santé Connect does not answer now. Try again in a minute, or use your card."""

    code = "provider-unavailable"
    french = "Pro Santé Connect ne répond pas. Réessayez dans une minute, ou utilisez votre carte."


class ProviderNotSetUpError(ForbiddenError):
    """Pro Santé Connect is not set up here. Use your card."""

    code = "provider-not-set-up"
    french = "Pro Santé Connect n’est pas configuré ici. Utilisez votre carte."


class ProviderTokenInvalidError(NotAuthenticatedError):
    """The token is not one that Pro Santé Connect issued for this: issuer, addressee, signature, time or nonce is not
    right. Sign in again."""

    code = "provider-token-invalid"
    french = "Ce jeton n’est pas de Pro Santé Connect, ou n’est pas pour cela. Connectez-vous de nouveau."


class ProviderClaimsError(ForbiddenError):
    """Pro Santé Connect does not say enough about you: identifier and profession are needed, at the level asked for."""

    code = "provider-claims-incomplete"
    french = "Pro Santé Connect n’en dit pas assez : il faut l’identifiant et la profession, au niveau demandé."


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What we are at the provider. `acr`: the level of authentication asked for."""

    issuer: str
    client_id: str
    redirect_uri: str
    acr: str = "eidas1"


@dataclass(frozen=True, slots=True, repr=False)
class Redeemed:
    """What the provider gives for a code."""

    id_token: str
    access_token: str


class Provider(Protocol):
    """The provider over HTTP. Each call raises ProviderUnavailableError when it does not answer."""

    party: RelyingParty

    async def authorization_endpoint(self) -> str:
        """Where the browser is sent."""

    async def keys(self, *, refreshed: bool = False) -> KeySet:
        """The provider's public keys; `refreshed`: looked up anew, if the last look is not too recent."""

    async def redeem(self, code: str, verifier: str) -> Redeemed:
        """Raises ProviderRefusedError when the code is not taken."""

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Raises ProviderTokenInvalidError when the token is not taken."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that was begun, as the database keeps it."""

    state_digest: bytes
    browser_digest: bytes
    key_id: str
    organisation_id: str | None
    stated: Stated
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """What the browser holds of it: the state goes through the address, the other half stays in a cookie."""

    state: str
    browser: str
    pending: Pending

    @property
    def cookie_name(self) -> str:
        """One per sign-in, so that two tabs do not disturb each other."""
        return cookie_name(self.state)


def begin(keys: Keyring, organisation_id: str | None, stated: Stated, now: datetime) -> Begun:
    """A fresh sign-in."""
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    pending = Pending(digest(state), digest(browser), keys.active, organisation_id, stated, now + LIFE)
    return Begun(state, browser, pending)


def cookie_name(state: str) -> str:
    """The name of the cookie of a sign-in."""
    return f"sign-in-{digest(state).hex()[:12]}"


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def authorization_url(
    endpoint: str, party: RelyingParty, keys: Keyring, begun: Begun, prompt: str | None = None
) -> str:
    """Where the browser goes, with everything that the provider must know (OIDC Core 3.1.2.1, RFC 7636 4.3)."""
    kid = begun.pending.key_id
    query = {
        "response_type": "code",
        "client_id": party.client_id,
        "redirect_uri": party.redirect_uri,
        "scope": SCOPE,
        "acr_values": party.acr,
        "state": begun.state,
        "nonce": _derived(keys, kid, "nonce", begun.state),
        "code_challenge": _challenge(verifier_of(keys, kid, begun.state)),
        "code_challenge_method": "S256",
        **({} if prompt is None else {"prompt": prompt}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def check_pending(pending: Pending | None, state: str, browser: str, now: datetime) -> Pending:
    """The sign-in that this browser began. Raises SignInOverError."""
    if pending is None or pending.expires_at <= now or _TOKEN.fullmatch(state) is None:
        raise SignInOverError
    if not hmac.compare_digest(pending.browser_digest, digest(browser)):
        raise SignInOverError
    return pending


def verifier_of(keys: Keyring, kid: str, state: str) -> str:
    """The PKCE verifier of a sign-in (RFC 7636, section 4.1)."""
    return _derived(keys, kid, "verifier", state)


def check_id_token(claims: Mapping[str, Any], party: RelyingParty, keys: Keyring, kid: str, state: str) -> None:
    """What is special to our own code flow (OIDC Core 3.1.3.7): the nonce and the level of authentication.

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
    """The claims of a token that the provider signed. `kind`: `ID` (addressed to `audience`) or `Bearer` (an access
    token that `audience` asked for: `azp`). Raises ProviderTokenInvalidError."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
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


def told_of(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Both together; they must speak of the same person (OIDC Core 5.3.2). Raises ProviderTokenInvalidError."""
    if userinfo.get("sub") != claims["sub"]:
        raise ProviderTokenInvalidError
    return {**claims, **userinfo}


def vouched_by(claims: Mapping[str, Any]) -> Vouched:
    """Who the professional is, as the provider says it. Raises ProviderClaimsError."""
    try:
        identifier = professional_id(claims["SubjectNameID"])
        exercises = _exercises(claims)
        structures = _structures(claims)
        authenticated_at = _authenticated_at(claims)
    except (KeyError, TypeError, AttributeError, InvalidNationalIdError) as error:
        raise ProviderClaimsError from error
    if not exercises:
        raise ProviderClaimsError
    return Vouched(identifier, exercises, structures, authenticated_at)


def _authenticated_at(claims: Mapping[str, Any]) -> datetime | None:
    """When the person proved who they are (`auth_time`, OIDC Core 2); None where the provider does not say."""
    at = claims.get("auth_time")
    if not isinstance(at, int) or not 0 <= at < _LAST_TIME:
        return None
    return datetime.fromtimestamp(at, UTC)


def _exercises(claims: Mapping[str, Any]) -> tuple[Exercise, ...]:
    """From SubjectRefPro, which says more, else from SubjectRole."""
    listed = claims.get("SubjectRefPro", {}).get("exercices", [])
    if listed:
        return tuple(
            Exercise(one["codeProfession"], one.get("codeCategorieProfessionnelle") == "E", _specialty(one))
            for one in listed
        )
    roles = claims.get("SubjectRole", [])
    return tuple(Exercise(role.partition("^")[0]) for role in ([roles] if isinstance(roles, str) else roles))


def _specialty(exercise: Mapping[str, Any]) -> str | None:
    code = exercise.get("codeSavoirFaire")
    return code if isinstance(code, str) and code else None


def _structures(claims: Mapping[str, Any]) -> frozenset[str]:
    """Struct_IdNat of every structure named: 1 + FINESS, 3 + SIRET, 2 + SIREN; technical ids are passed over."""
    found = [claims.get("SubjectOrganizationID")]
    for exercise in claims.get("SubjectRefPro", {}).get("exercices", []):
        for activity in exercise.get("activities", []):
            found += [f"{kind}{activity.get(name) or ''}" for kind, name in _SITE_IDS]
    return frozenset(one for one in found if isinstance(one, str) and _STRUCTURE.fullmatch(one))


_SITE_IDS: Final[Sequence[tuple[str, str]]] = (
    ("1", "numeroFinessSite"),
    ("3", "numeroSiretSite"),
    ("2", "numeroSirenSite"),
)


def _derived(keys: Keyring, kid: str, purpose: str, state: str) -> str:
    mac = hmac.digest(keys[kid], f"{purpose}:{state}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return _b64(mac)


def _challenge(verifier: str) -> str:
    return _b64(hashlib.sha256(verifier.encode()).digest())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
