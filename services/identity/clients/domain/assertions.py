"""Authenticates a client by a JWT that it signs with its own key (RFC 7523, section 3; `private_key_jwt`)."""

import contextlib
import hashlib
import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError, SecurityWarning
from joserfc.jwk import KeySet

from services.identity.clients.domain.clients import Client
from shared.contracts.base import CODE_PATTERN
from shared.errors import ClientError

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
MAX_LIFETIME = timedelta(minutes=5)
LEEWAY = timedelta(seconds=60)
"""By how much the clock of a client may differ from this one's (RFC 7519, section 4.1.4: a few minutes at most)."""
MAX_JTI_LENGTH = 256
_MALFORMED = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_CLIENT_ID = re.compile(CODE_PATTERN)


class OAuthError(ClientError):
    """The token request is refused; `error` is the error code of RFC 6749, section 5.2."""

    french = "La demande de jeton est refusée ; error est le code de la RFC 6749, section 5.2."

    error: ClassVar[str] = "invalid_request"


class TokenRequestError(OAuthError):
    """Send a form with grant_type, client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer,
    client_assertion (or client_id with your structure's certificate) and optionally scope, each at most once. Token
    exchange also needs subject_token and subject_token_type."""

    code = "token-request-invalid"
    french = (
        "La demande de jeton est incomplète ou répète un champ : grant_type, l’assertion du client, et scope au besoin."
    )


class GrantUnsupportedError(OAuthError):
    """This server supports the grant types client_credentials and urn:ietf:params:oauth:grant-type:token-exchange."""

    code = "grant-unsupported"
    french = "Le grant_type est ici client_credentials ou urn:ietf:params:oauth:grant-type:token-exchange."
    error = "unsupported_grant_type"


class ScopeRefusedError(OAuthError):
    """This client is not registered with these scopes."""

    code = "scope-refused"
    french = "Ce client n’a pas été enregistré avec ces droits."
    error = "invalid_scope"


class AssertionRefusedError(OAuthError):
    """The assertion does not authenticate a client: check iss and sub (the client id), exp, iat and jti, the key and
    the algorithm."""

    code = "assertion-invalid"
    status = 401
    french = (
        "Le client n’est pas reconnu par cette assertion : vérifiez iss et sub, exp, iat et jti, la clé et "
        "l’algorithme."
    )
    error = "invalid_client"


class AssertionExpiredError(AssertionRefusedError):
    """The assertion has expired or is not yet valid: check your clock and create a new assertion for each request."""

    code = "assertion-expired"
    french = "L’assertion a expiré ou n’est pas encore valable : vérifiez l’horloge, faites-en une à chaque demande."


class AssertionTooLongError(AssertionRefusedError):
    """The assertion expires more than 5 minutes from now: create short-lived assertions, a new one for each request."""

    code = "assertion-too-long"
    french = "L’assertion expire dans plus de 5 minutes : faites-en de courtes, une nouvelle à chaque demande."


class AssertionMisaddressedError(AssertionRefusedError):
    """The assertion's aud is neither the token endpoint nor the issuer: take token_endpoint from
    /.well-known/oauth-authorization-server."""

    code = "assertion-misaddressed"
    french = (
        "L’assertion n’est adressée ni au point de jeton ni à l’émetteur (aud) : prenez token_endpoint dans "
        "/.well-known/oauth-authorization-server."
    )


class AssertionReplayedError(AssertionRefusedError):
    """This assertion was used before: create a new one, with a new jti, for each request."""

    code = "assertion-replayed"
    french = "Cette assertion a déjà servi : faites-en une nouvelle, avec un nouveau jti, à chaque demande."


class ClientDisabledError(AssertionRefusedError):
    """This client was deactivated and gets no token. Ask the administrator of this server."""

    code = "client-disabled"
    french = "Ce client a été désactivé et ne reçoit plus de jeton. Adressez-vous à l’administrateur de ce serveur."


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """A verified assertion. `digest` (SHA-256 of the jti) is stored until `expires_at`, so that it is accepted once."""

    digest: bytes
    expires_at: datetime


def unverified_client_id(assertion: str) -> str:
    """Returns the client id that the assertion claims (`sub`), not verified. Raises AssertionRefusedError."""
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
        subject = claims["sub"]
    except _MALFORMED as error:
        raise AssertionRefusedError from error
    if not isinstance(subject, str) or len(subject) > 64 or _CLIENT_ID.fullmatch(subject) is None:
        raise AssertionRefusedError
    return subject


def verify_assertion(assertion: str, client: Client, audiences: Sequence[str], now: datetime) -> VerifiedAssertion:
    """Verifies signature and claims. The error gives details only when the signature is valid.

    Raises AssertionRefusedError or one of its subclasses.
    """
    claims = _signed_claims(assertion, client.keys)
    moment = int(now.timestamp())
    registry = jwt.JWTClaimsRegistry(
        now=moment,
        leeway=int(LEEWAY.total_seconds()),
        iss={"essential": True, "value": client.id},
        sub={"essential": True, "value": client.id},
        aud={"essential": True, "values": list(audiences)},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        raise AssertionExpiredError from None
    except (MissingClaimError, InvalidClaimError) as error:
        raise _claim_error(str(getattr(error, "claim", ""))) from None
    if claims["exp"] > moment + (MAX_LIFETIME + LEEWAY).total_seconds():
        raise AssertionTooLongError
    if len(claims["jti"]) > MAX_JTI_LENGTH:
        raise AssertionRefusedError
    digest = hashlib.sha256(claims["jti"].encode("utf-8", "surrogatepass")).digest()
    return VerifiedAssertion(digest, datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY)


def _claim_error(claim: str) -> AssertionRefusedError:
    match claim:
        case "aud":
            return AssertionMisaddressedError()
        case "nbf" | "iat":
            return AssertionExpiredError()
        case _:
            return AssertionRefusedError()


def _signed_claims(assertion: str, keys: KeySet) -> dict[str, Any]:
    try:
        kid = jws.extract_compact(assertion.encode()).headers().get("kid")
    except _MALFORMED as error:
        raise AssertionRefusedError from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # "EdDSA" is the old name of "Ed25519" (RFC 9864)
        for key in keys:
            if kid is None or key.kid == kid:
                with contextlib.suppress(*_MALFORMED):
                    return jwt.decode(assertion, key, algorithms=ALGORITHMS).claims
    raise AssertionRefusedError
