"""Access tokens (JWT, RFC 9068), verified with identity's public keys and without a call to identity."""

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.base import Actor, ActorKind
from shared.crypto.commitment import record_commitment
from shared.errors import ForbiddenError, NotAuthenticatedError
from shared.http.issuer_keys import Keys
from shared.runtime.settings import TokenSettings

ALGORITHMS = ["ES256"]
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": None}
"""The members of a token's header and their required values (RFC 9068, section 2.1); None: any text."""
LONGEST = 8192
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
CACHE_SIZE = 10_000


class _BadTokenError(ValueError):
    """The token does not have the form that the issuer writes."""


class _Granted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)
    kind: ActorKind
    record_id: UUID | None = None
    profession: str | None = None
    organisation_id: str | None = None
    mode: str = "normal"
    motive: str | None = None
    patient_present: UUID | None = None
    emergency_record: str | None = None
    never: str | None = None
    client_class: str = "interactive"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller that identity authenticated.

    `id`: record id of a patient, national id of a professional, client id of software, administrators and operators.
    `mode`: the access mode of this token (TRE_R248, or `secret`). `motive`: of an emergency, sealed for audit.
    `emergency_record`: a commitment to the only record that the emergency is for (`names`). `patient_present`: the
    record whose card was read in this session. `never`: a kind without access, or with access by express consent only
    (insurer, occupational-medicine ...). `token_id`: the id of the token (`jti`), which limits what can be done once
    with it. `is_bulk`: software whose requests may wait (`shared.http.bulk_lane`).
    """

    kind: ActorKind
    id: str
    client_id: str
    scopes: frozenset[str]
    record_id: UUID | None = None
    profession: str | None = None
    organisation_id: str | None = None
    session_id: UUID | None = None
    mode: str = "normal"
    motive: str | None = None
    patient_present: UUID | None = None
    emergency_record: str | None = None
    never: str | None = None
    token_id: str | None = None
    is_bulk: bool = False

    def actor(self) -> Actor:
        """Returns the caller as an actor for the ledger."""
        return Actor(
            kind=self.kind,
            id=self.id,
            profession=self.profession,
            organisation_id=self.organisation_id,
            client_id=self.client_id,
        )

    def names(self, record_id: UUID) -> bool:
        """Whether this is the record that the emergency is for."""
        return self.session_id is not None and self.emergency_record == record_commitment(self.session_id, record_id)

    def require(self, scope: str) -> None:
        """Raises ForbiddenError when the token lacks the scope."""
        if scope not in self.scopes:
            raise ForbiddenError(f"This needs a token with the scope {scope}.")


class TokenVerifier:
    """Turns a Bearer token into a Caller. Verified tokens are cached until they expire."""

    def __init__(self, settings: TokenSettings, keys: Keys) -> None:
        self.issuer = settings.issuer
        self._keys = keys
        self._audience = settings.audience
        self._claims = jwt.JWTClaimsRegistry(
            leeway=5,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
            client_id={"essential": True},
        )
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def verify(self, token: str) -> Caller:
        """Returns the caller. Raises NotAuthenticatedError for an expired, forged, foreign or malformed token."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        expires_at, caller = self._known.get(digest, (0.0, None))
        if caller is not None and expires_at > time.time():
            return caller
        claims = await self._read(token)
        caller = _caller(claims)
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[digest] = (float(claims["exp"]), caller)
        return caller

    def _check_audience(self, audience: Any) -> None:
        """Raises NotAuthenticatedError for a token with other audiences too: one of them could have sent it here."""
        if audience not in (self._audience, [self._audience]):
            raise NotAuthenticatedError

    async def _read(self, token: str) -> dict[str, Any]:
        try:
            check_form(token)
        except (ValueError, RecursionError) as error:
            raise NotAuthenticatedError from error
        for keys in (self._keys.current, self._keys.refreshed):
            try:
                decoded = jwt.decode(token, await keys(), algorithms=ALGORITHMS)
                self._claims.validate(decoded.claims)
                self._check_audience(decoded.claims["aud"])
                return decoded.claims
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if keys == self._keys.refreshed or not _may_be_a_new_key(error):
                    raise NotAuthenticatedError from error
        raise NotAuthenticatedError


def check_form(token: str) -> None:
    """Checks, before any signature, that the token has the exact form that the issuer writes.

    The form is three parts of base64url, a header with just `alg`, `kid` and `typ` (so no `crit`, no key inside the
    token), and no repeated member. Raises ValueError or RecursionError.
    """
    if len(token) > LONGEST or _FORM.fullmatch(token) is None:
        raise _BadTokenError
    head, body, signature = token.split(".")
    header, claims = _object(head), _object(body)
    _decoded(signature)
    if header.keys() != HEADER.keys() or any(want not in (None, header[name]) for name, want in HEADER.items()):
        raise _BadTokenError
    if not isinstance(header["kid"], str) or not isinstance(claims.get("sub"), str):
        raise _BadTokenError


def _decoded(part: str) -> bytes:
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != part:  # otherwise several texts would be one token
        raise _BadTokenError
    return data


def _object(part: str) -> dict[str, Any]:
    members = json.loads(_decoded(part), object_pairs_hook=_each_once)
    if not isinstance(members, dict):
        raise _BadTokenError
    return members


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _BadTokenError
    return members


def _may_be_a_new_key(error: Exception) -> bool:
    return isinstance(error, ValueError) or "key" in type(error).__name__.lower()


def _caller(claims: dict[str, Any]) -> Caller:
    try:
        granted = _Granted.model_validate(claims.get("dmp"))
        session_id = UUID(claims["sid"]) if "sid" in claims else None
    except (ValidationError, ValueError, TypeError, AttributeError) as error:
        raise NotAuthenticatedError from error
    return Caller(
        kind=granted.kind,
        id=str(claims["sub"]),
        client_id=str(claims["client_id"]),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        record_id=granted.record_id,
        profession=granted.profession,
        organisation_id=granted.organisation_id,
        session_id=session_id,
        mode=granted.mode,
        motive=granted.motive,
        patient_present=granted.patient_present,
        emergency_record=granted.emergency_record,
        never=granted.never,
        token_id=str(claims["jti"]) if "jti" in claims else None,
        is_bulk=granted.client_class == "bulk",
    )
