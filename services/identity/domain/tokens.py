"""Access tokens (RFC 9068, JWT) and the keys that sign them (RFC 7517)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from shared.contracts.base import ActorKind
from shared.errors import CodedError

LIFETIME = timedelta(seconds=300)
ALGORITHM = "ES256"
DEMO_CLIENT = "demo-sign-in"
"""The client id in tokens of the direct sign-in."""


class SigningKeysError(CodedError):
    """The signing keys are a JSON array of private JWKs: EC, P-256, each with a `kid` of its own."""

    code = "signing-keys-invalid"


@dataclass(frozen=True, repr=False)
class SigningKeys:
    """The keys of the issuer: the first signs, all are published and accepted."""

    keys: tuple[ECKey, ...]

    @classmethod
    def parse(cls, text: str) -> "SigningKeys":
        """From the JSON array of the settings. Raises SigningKeysError."""
        try:
            keys = tuple(ECKey.import_key(jwk) for jwk in json.loads(text))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise SigningKeysError from None  # the cause quotes the key
        kids = {key.kid for key in keys if key.is_private and key.curve_name == "P-256" and key.kid}
        if not keys or len(kids) != len(keys):
            raise SigningKeysError
        return cls(keys)

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT under the first key."""
        header = {"alg": ALGORITHM, "kid": self.keys[0].kid, "typ": "at+jwt"}
        return jwt.encode(header, claims, self.keys[0], algorithms=[ALGORITHM])

    def published(self) -> list[dict[str, Any]]:
        """The public halves as JWKs: the members that a verifier needs and nothing else."""
        wanted = ("kty", "crv", "x", "y", "kid")
        publics = [key.as_dict(private=False) for key in self.keys]
        return [{**{name: key[name] for name in wanted}, "use": "sig", "alg": ALGORITHM} for key in publics]

    async def current(self) -> KeySet:
        """As `shared.http.tokens.Keys`: identity's own API needs no look at itself."""
        return KeySet([ECKey.import_key(key) for key in self.published()])

    async def refreshed(self) -> KeySet:
        """The same: these keys change with a restart only."""
        return await self.current()


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token speaks for."""

    kind: ActorKind
    id: str
    client_id: str
    scopes: frozenset[str] = frozenset()
    record_id: UUID | None = None
    profession: str | None = None
    organisation_id: str | None = None
    session_id: UUID | None = None
    mode: str = "normal"
    motive: str | None = None
    patient_present: UUID | None = None
    emergency_record: str | None = None
    never: str | None = None

    def granted(self) -> dict[str, str]:
        """The `dmp` claim. `mode` is left out when it is normal; `motive` is sealed (JWE) for audit;
        `emergency_record`: `shared.crypto.commitment`; `never` names a kind that has no access, or none but by express
        consent (`kinds.Never`)."""
        members: dict[str, str | None] = {
            "kind": self.kind,
            "record_id": None if self.record_id is None else str(self.record_id),
            "profession": self.profession,
            "organisation_id": self.organisation_id,
            "mode": None if self.mode == "normal" else self.mode,
            "motive": self.motive,
            "patient_present": None if self.patient_present is None else str(self.patient_present),
            "emergency_record": self.emergency_record,
            "never": self.never,
        }
        return {name: value for name, value in members.items() if value}


def claims_of(subject: Subject, *, issuer: str, audience: str, token_id: UUID, now: datetime) -> dict[str, Any]:
    """The claims of an access token issued now; `sid` (OpenID Connect) where it belongs to a session."""
    session = {} if subject.session_id is None else {"sid": str(subject.session_id)}
    return {
        "iss": issuer,
        "aud": audience,
        "sub": subject.id,
        "client_id": subject.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": str(token_id),
        "scope": " ".join(sorted(subject.scopes)),
        "dmp": subject.granted(),
        **session,
    }


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token and what a client is told beside it."""

    text: str
    scopes: frozenset[str]
    seconds: int = int(LIFETIME.total_seconds())
    """How long it lives."""


@dataclass(frozen=True)
class Issuer:
    """Who issues the tokens. `url` is the `iss` claim; the endpoints are found below it."""

    url: str
    audience: str
    jwks_url: str
    keys: SigningKeys

    @property
    def token_endpoint(self) -> str:
        """Where clients ask for tokens."""
        return self.url.rstrip("/") + "/oauth/token"

    @property
    def audiences(self) -> tuple[str, ...]:
        """What an assertion for this issuer may name as `aud`."""
        return self.token_endpoint, self.url

    def issue(
        self, subject: Subject, *, token_id: UUID, now: datetime, expires_at: datetime | None = None
    ) -> AccessToken:
        """A token for that subject, valid from now, for five minutes or until an earlier moment."""
        claims = claims_of(subject, issuer=self.url, audience=self.audience, token_id=token_id, now=now)
        if expires_at is not None:
            claims["exp"] = min(claims["exp"], int(expires_at.timestamp()))
        return AccessToken(self.keys.sign(claims), subject.scopes, claims["exp"] - claims["iat"])
